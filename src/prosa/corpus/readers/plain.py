"""``.txt``: a file is a document; one longer than ``max_document_chars`` is cut at its paragraphs into several."""

from collections.abc import Iterator
from pathlib import Path

from prosa.core.language import tr
from prosa.corpus.config import CorpusConfig
from prosa.corpus.encoding import as_utf8_stream, decode, is_binary
from prosa.corpus.files import read_as
from prosa.corpus.pieces import cut_stream
from prosa.corpus.problems import Problems
from prosa.corpus.readers.task import Raw, Task, why

_HEAD = 65_536


def tasks(path: Path, config: CorpusConfig, problems: Problems) -> Iterator[Task]:
    """The file as one task or, when it is long, a task a piece."""
    name, kind = path.as_posix(), read_as(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if is_binary(file.read(_HEAD)):
                problems.add(name, tr("binary, not text", "binário, não é texto"))
                return
            if size <= config.max_document_chars:
                yield Task(path, kind, size)
                return
            file.seek(0)
            for piece, data in enumerate(cut_stream(as_utf8_stream(file), config.max_document_chars), start=1):
                yield Task(path, kind, len(data), piece, data)
    except OSError as error:
        problems.add(name, why(error))


def texts(task: Task, config: CorpusConfig, problems: Problems) -> Iterator[Raw]:
    """The task's one text."""
    try:
        text, encoding = decode(task.data if task.piece else task.path.read_bytes())
    except OSError as error:
        problems.add(task.source, why(error))
        return
    if text.strip():
        yield Raw(text, task.source, task.format, encoding)
    else:
        problems.add(task.source, tr("empty", "vazio"))
