"""Files of which each row or record has named parts: tables (CSV, TSV), and JSONL, JSON, Parquet."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.corpus.problems import Problems
from prosa.corpus.repair import excerpt
from prosa.data.records import FORMATS, Record, read_records
from prosa.data.table import TABLES

T = TypeVar("T")


def read_files(
    paths: Sequence[Path],
    problems: Problems,
    of_table: Callable[[Path], Iterable[T]],
    of_record: Callable[[Record], T],
) -> tuple[list[T], str]:
    """What the files hold, in order, and where nothing is found the files' names and the first reason why.

    Raises:
        UserError: a path is missing or of another format, or half of the files or more are mostly bad.
    """
    found: list[T] = []
    for path in paths:
        if path.suffix.lower() in TABLES:
            found += of_table(path)
        elif path.name.lower().endswith(FORMATS):
            found += read_records([path], of_record, problems)
        else:
            formats = " ".join((*TABLES, *FORMATS))
            raise UserError(
                tr(f"{path}: format not read.", f"{path}: formato que não é lido."),
                tr(f"Formats read: {formats}", f"Formatos lidos: {formats}"),
            )
    problems.finish(len(paths))
    first = f" ({problems.named[0].source}: {problems.named[0].why})" if problems.named else ""
    return found, ", ".join(map(str, paths)) + first


def place_of(header: Sequence[str], asked: str, usual: Sequence[str]) -> int | None:
    """Which column it is: the one that is asked for, else the first of the usual names that is there."""
    if asked:
        return header.index(asked) if asked in header else None
    folded = [name.casefold() for name in header]
    return next((folded.index(name) for name in usual if name in folded), None)


def no_column(path: Path, asked: str, option: str, which: str, header: Sequence[str]) -> UserError:
    """The error for a table in which a column is not found.

    Args:
        option: that names it.
        which: what it holds, in the reader's language with its article.
    """
    if asked:
        return unknown(tr(f"column of {path}", f"coluna de {path}"), asked, header)
    there = ", ".join(excerpt(name, length=30) for name in header[:12])
    return UserError(
        tr(
            f"{path}: which column has {which}? There are: {there}.",
            f"{path}: qual coluna tem {which}? Há: {there}.",
        ),
        tr(
            f"Name it with --{option}; the first line of a table has the names.",
            f"Diga o nome dela com --{option}; a primeira linha de uma tabela tem os nomes.",
        ),
    )
