"""``.pdf``: the text of the pages in order, by ``pypdf``. A scanned PDF has none: it is a problem that says so."""

import logging
from collections.abc import Generator, Iterator
from pathlib import Path

from prosa.core.language import tr
from prosa.corpus.config import CorpusConfig
from prosa.corpus.pieces import cut_text
from prosa.corpus.problems import Problems
from prosa.corpus.readers.task import Raw, Task, missing_extra, why


def tasks(path: Path, config: CorpusConfig, problems: Problems) -> Iterator[Task]:
    """The file as one task."""
    try:
        yield Task(path, ".pdf", path.stat().st_size)
    except OSError as error:
        problems.add(path.as_posix(), why(error))


def texts(task: Task, config: CorpusConfig, problems: Problems) -> Iterator[Raw]:
    """The document's text, pages joined by a line end, in pieces when it is long.

    Raises:
        UserError: ``pypdf`` is not installed.
    """
    text = "\n".join(page for _, page in pages(task, problems))
    if text:
        for n, piece in enumerate(cut_text(text, config.max_document_chars), start=1):
            yield Raw(piece, task.source if n == 1 else f"{task.source}#{n}", task.format)


def pages(task: Task, problems: Problems) -> Generator[tuple[int, str]]:
    """(number from 1, text) of each page that has text; a page or file that cannot be read is a problem.

    Raises:
        UserError: ``pypdf`` is not installed.
    """
    try:
        import pypdf
    except ImportError as error:
        raise missing_extra("pypdf", "PDF") from error
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what matters becomes a problem below
    read, with_text = 0, 0
    try:
        with pypdf.PdfReader(task.path) as reader:
            if reader.is_encrypted and not reader.decrypt(""):
                problems.add(task.source, tr("PDF with a password", "PDF com senha"))
                return
            for number, page in enumerate(reader.pages, start=1):
                try:
                    text = page.extract_text()
                except Exception as error:  # a broken page fails in whatever way its bytes lead to; the others are read
                    problems.add(f"{task.source}:{number}", tr("broken page: ", "página com defeito: ") + why(error))
                    continue
                read += 1
                if text.strip():
                    with_text += 1
                    yield number, text
    except Exception as error:  # as above, for the file
        problems.add(task.source, tr("broken PDF: ", "PDF com defeito: ") + why(error))
    if read and not with_text:
        problems.add(task.source, tr("PDF without text (scanned?)", "PDF sem texto (digitalizado?)"))
