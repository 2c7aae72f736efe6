"""Records of JSONL (also gzipped), of a JSON file that is a list, and of Parquet: one object at a time, with its place.

A bad line is counted and named; files that are mostly bad stop the run (``corpus/problems.py``).
"""

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from prosa.core.errors import UserError
from prosa.core.language import size as human_size
from prosa.core.language import tr
from prosa.corpus.encoding import as_utf8_stream, decode
from prosa.corpus.pieces import line_blocks
from prosa.corpus.problems import Problems
from prosa.corpus.readers.task import missing_extra, why

FORMATS = (".jsonl", ".jsonl.gz", ".json", ".parquet")
LONGEST = 32 * 2**20  # bytes of a line, and of a JSON file
BLOCK = 2**20
T = TypeVar("T")


class BadRecord(Exception):
    """A record is not of the form that is read; the text says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object (or a row), from ``source``: ``file:line``."""

    value: dict[str, Any]
    source: str


def read_records(paths: Sequence[Path], convert: Callable[[Record], T], problems: Problems) -> Iterator[T]:
    """``convert`` of every record of the files, in order; one it refuses by ``BadRecord`` is counted and named.

    Raises:
        UserError: a path is missing or is no such file, ``pyarrow`` is needed and missing, half of the files or more
            are mostly bad, or there is no record at all.
    """
    any_record = False
    for path in paths:
        for number, value in _values(path, problems):
            try:
                if not isinstance(value, dict):
                    raise BadRecord(tr("not a JSON object", "não é um objeto JSON"))
                found = convert(Record(value, f"{path.as_posix()}:{number}"))
            except BadRecord as error:
                problems.bad_record(path.as_posix(), number, str(error))
                continue
            problems.good_record(path.as_posix())
            any_record = True
            yield found
        problems.refuse_hopeless(len(paths))
    problems.finish(len(paths))
    if not any_record:
        names = ", ".join(str(path) for path in paths)
        first = f" ({problems.named[0].source}: {problems.named[0].why})" if problems.named else ""
        raise UserError(
            tr(f"there is no record in {names}{first}.", f"não há nenhum registro em {names}{first}."),
            tr("A line is a JSON object.", "Cada linha é um objeto JSON."),
        )


def _values(path: Path, problems: Problems) -> Iterator[tuple[int, Any]]:
    """Number (from 1) and value of each record; what cannot be read is a problem."""
    name = path.name.lower()
    if not path.is_file():
        raise UserError(
            tr(f"{path} is not a file.", f"{path} não é um arquivo."),
            tr("Formats read: ", "Formatos lidos: ") + " ".join(FORMATS),
        )
    if name.endswith(".parquet"):
        yield from _rows(path, problems)
    elif name.endswith(".json"):
        yield from _list(path, problems)
    elif name.endswith((".jsonl", ".jsonl.gz")):
        yield from _lines(path, problems)
    else:
        raise UserError(
            tr(f"{path}: format not read.", f"{path}: formato que não é lido."),
            tr("Formats read: ", "Formatos lidos: ") + " ".join(FORMATS),
        )


def _lines(path: Path, problems: Problems) -> Iterator[tuple[int, Any]]:
    name = path.as_posix()
    try:
        with path.open("rb") as raw:
            file = cast(io.BufferedReader, gzip.GzipFile(fileobj=raw)) if name.lower().endswith(".gz") else raw
            for _, lines in line_blocks(as_utf8_stream(file), BLOCK, LONGEST):
                for number, data in lines:
                    if number < 0:
                        limit = human_size(LONGEST)
                        problems.bad_record(
                            name, -number, tr(f"a line of more than {limit}", f"linha de mais de {limit}")
                        )
                    elif data.strip():
                        try:
                            value = json.loads(decode(data)[0])
                        except (ValueError, RecursionError) as error:
                            problems.bad_record(name, number, tr("not JSON: ", "não é JSON: ") + str(error))
                            continue
                        yield number, value
    except (OSError, EOFError, zlib.error) as error:
        problems.add(name, why(error))


def _list(path: Path, problems: Problems) -> Iterator[tuple[int, Any]]:
    if path.stat().st_size > LONGEST:
        raise UserError(
            tr(
                f"{path}: a JSON file of more than {human_size(LONGEST)} is not read.",
                f"{path}: um arquivo JSON de mais de {human_size(LONGEST)} não é lido.",
            ),
            tr("Write it as JSONL, an object a line.", "Grave-o como JSONL, um objeto por linha."),
        )
    try:
        value = json.loads(decode(path.read_bytes())[0])
    except (OSError, ValueError, RecursionError) as error:
        problems.add(path.as_posix(), tr("not JSON: ", "não é JSON: ") + str(error))
        return
    if not isinstance(value, list):
        problems.add(path.as_posix(), tr("not a JSON list", "não é uma lista JSON"))
        return
    yield from enumerate(value, start=1)


def _rows(path: Path, problems: Problems) -> Iterator[tuple[int, Any]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise missing_extra("pyarrow", "Parquet") from error
    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(256):
                for row in batch.to_pylist():
                    number += 1
                    yield number, _given(row)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        problems.add(path.as_posix(), why(error))


def _given(value: Any) -> Any:
    """A row without its nulls at any depth: the rows of a file share their fields, and a null was not given."""
    if isinstance(value, dict):
        return {key: _given(inner) for key, inner in value.items() if inner is not None}
    return [_given(inner) for inner in value] if isinstance(value, list) else value
