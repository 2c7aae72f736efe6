"""``.jsonl``, ``.jsonl.gz``: a line is a JSON object with the text in one field; a bad line is counted and named."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from prosa.core.language import size as human_size
from prosa.core.language import tr
from prosa.corpus.config import CorpusConfig
from prosa.corpus.encoding import as_utf8_stream, decode
from prosa.corpus.files import file_format
from prosa.corpus.pieces import cut_text, line_blocks
from prosa.corpus.problems import Problems
from prosa.corpus.readers.task import BLOCK, Raw, Task, why


def tasks(path: Path, config: CorpusConfig, problems: Problems) -> Iterator[Task]:
    """Blocks of whole lines; a line over ``max_line_bytes`` is skipped without being held, and named."""
    name, kind = path.as_posix(), file_format(path) or ""
    try:
        with path.open("rb") as raw:
            file = cast(io.BufferedReader, gzip.GzipFile(fileobj=raw)) if kind.endswith(".gz") else raw
            before = 0
            blocks = line_blocks(as_utf8_stream(file), BLOCK, config.max_line_bytes)
            for piece, (held, lines) in enumerate(blocks, start=1):
                for number, _ in lines:
                    if number < 0:
                        limit = human_size(config.max_line_bytes)
                        problems.bad_record(
                            name, -number, tr(f"a line of more than {limit}", f"linha de mais de {limit}")
                        )
                now = raw.tell() if file is not raw else before + held
                yield Task(path, kind, now - before, piece, records=tuple(item for item in lines if item[0] > 0))
                before = now
    except (OSError, EOFError, zlib.error) as error:
        problems.add(name, why(error))


def texts(task: Task, config: CorpusConfig, problems: Problems) -> Iterator[Raw]:
    """The text of every good line."""
    name = task.path.as_posix()
    for number, data in task.records:
        if not isinstance(data, bytes) or not data.strip():
            continue
        line, encoding = decode(data)
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            problems.bad_record(name, number, tr("not JSON: ", "não é JSON: ") + str(error))
            continue
        text = value.get(config.text_field) if isinstance(value, dict) else None
        if isinstance(text, str):
            problems.good_record(name)
            for n, piece in enumerate(cut_text(text, config.max_document_chars), start=1):
                yield Raw(piece, f"{name}:{number}" if n == 1 else f"{name}:{number}#{n}", task.format, encoding)
        else:
            problems.bad_record(name, number, _no_text(value, config.text_field))


def _no_text(value: object, field: str) -> str:
    if not isinstance(value, dict):
        return tr("not a JSON object", "não é um objeto JSON")
    if field in value:
        return tr(f"field {field!r} is not a string", f"o campo {field!r} não é um texto")
    fields = ", ".join(repr(k) for k in list(value)[:8])
    return tr(
        f"no field {field!r}; there are: {fields} (name one with text_field)",
        f"não há o campo {field!r}; há: {fields} (indique um com text_field)",
    )
