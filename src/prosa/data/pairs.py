"""Pairs of sentences, a source and its translation, from a table or from records; and a division by the source.

    TSV               source<tab>target, without a header or with one; further columns are left aside
    CSV               a header, and the columns by their names
    JSONL, JSON, Parquet   {"source": "…", "target": "…"}, {"en": "…", "pt": "…"} with the fields told

A pair with an empty side, or without one, is counted and named (``corpus/problems.py``). Texts become NFC, white space
is made single.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.corpus.problems import Problems
from prosa.corpus.repair import excerpt
from prosa.data.columns import no_column, place_of, read_files
from prosa.data.conversations import content_of
from prosa.data.labelled import is_blank
from prosa.data.records import BadRecord, Record
from prosa.data.table import read_table

SOURCE_NAMES = ("source", "src", "fonte", "origem")
TARGET_NAMES = ("target", "tgt", "alvo", "destino", "translation", "tradução", "traducao")


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence, its translation, and where they come from (``file:line``)."""

    text: str
    translation: str
    place: str


@dataclass(frozen=True)
class PairColumns:
    """Which columns (or fields) hold what, by name; of a TSV also by number, from 1."""

    source: str = ""
    """Column to translate from. Empty: source, src, fonte, origem; of a TSV without a header the first."""
    target: str = ""
    """Column to translate to. Empty: target, tgt, alvo, destino, translation; of a TSV without a header the second."""


@dataclass(frozen=True)
class Division:
    """Pairs in two parts, and what was left out for it."""

    train: list[Pair]
    held_out: list[Pair]
    repeated: int
    """Pairs that were there before."""
    leaks: int
    """Pairs to measure on whose translation stands in the training as another sentence's, or whose source has another
    translation before it."""


def read_pairs(paths: Sequence[Path], problems: Problems, columns: PairColumns = PairColumns()) -> list[Pair]:
    """The pairs of the files, in order; what is none is counted and named in ``problems``.

    Raises:
        UserError: a path is missing or of another format, a table without the columns, or half of the files or more are
            mostly bad.
    """
    found, names = read_files(
        paths,
        problems,
        lambda path: _of_table(path, problems, columns),
        lambda record: _of_record(record, columns),
    )
    if not found:
        raise UserError(
            tr(f"there is no pair in {names}.", f"não há nenhum par em {names}."),
            tr("A line is source<TAB>translation.", "Cada linha é fonte<TAB>tradução."),
        )
    return found


def divide_pairs(pairs: Sequence[Pair], share: float) -> Division:
    """Pairs to train on, and about ``share`` of them to measure on, by a hash of the source; each once, in order.

    Sources that differ only in case and white space are on the same side. Of those to measure on, one a source is kept,
    and none whose translation is also one to train on: the model may have learnt it by heart.
    """
    seen: set[tuple[str, str]] = set()
    train: list[Pair] = []
    held_out: list[Pair] = []
    for pair in pairs:
        key = _plain(pair.text), _plain(pair.translation)
        if key in seen:
            continue
        seen.add(key)
        digest = hashlib.blake2b(key[0].encode("utf-8"), digest_size=8).digest()
        (held_out if int.from_bytes(digest, "little") < share * 2**64 else train).append(pair)
    learnt = {_plain(pair.translation) for pair in train}
    sources: set[str] = set()
    fresh: list[Pair] = []
    for pair in held_out:
        source = _plain(pair.text)
        if source not in sources and _plain(pair.translation) not in learnt:
            fresh.append(pair)
        sources.add(source)
    return Division(train, fresh, repeated=len(pairs) - len(seen), leaks=len(held_out) - len(fresh))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _of_table(path: Path, problems: Problems, columns: PairColumns) -> Iterator[Pair]:
    rows = list(read_table(path, problems))
    if not rows:
        return
    header = [name.strip() for name in rows[0][1]]
    source, target = (
        place_of(header, columns.source, SOURCE_NAMES),
        place_of(header, columns.target, TARGET_NAMES),
    )
    numbers = [_number(name) for name in (columns.source, columns.target)]
    if path.suffix.lower() == ".tsv" and source is None and target is None and None not in numbers:
        first = [number if number else n for n, number in enumerate(numbers, start=1)]
        source, target = first[0] - 1, first[1] - 1
    else:
        rows = rows[1:]
        if source is None:
            raise no_column(path, columns.source, "columns.source", tr("the source", "a fonte"), header)
        if target is None:
            raise no_column(path, columns.target, "columns.target", tr("the target", "o alvo"), header)
    for number, row in rows:
        try:
            if len(row) <= max(source, target):
                raise BadRecord(
                    tr(
                        f"a column is missing: {len(row)} of at least {max(source, target) + 1}",
                        f"falta uma coluna: {len(row)} de pelo menos {max(source, target) + 1}",
                    )
                )
            pair = _pair(row[source], row[target], f"{path.as_posix()}:{number}")
        except BadRecord as error:
            problems.bad_record(path.as_posix(), number, str(error))
            continue
        problems.good_record(path.as_posix())
        yield pair


def _number(name: str) -> int | None:
    """The number of a column that is named by it; 0 where none is named, None where the name is no number."""
    if not name:
        return 0
    return int(name) if name.isascii() and name.isdigit() and int(name) else None


def _of_record(record: Record, columns: PairColumns) -> Pair:
    names = list(record.value)
    source, target = place_of(names, columns.source, SOURCE_NAMES), place_of(names, columns.target, TARGET_NAMES)
    if source is None or target is None:
        missing = columns.source or "source" if source is None else columns.target or "target"
        there = ", ".join(excerpt(repr(name), length=30) for name in names[:8])
        raise BadRecord(
            tr(
                f"no field {missing!r}; there are: {there}. Name the fields with --columns.source and --columns.target",
                f"não há o campo {missing!r}; há: {there}. Diga os campos com --columns.source e --columns.target",
            )
        )
    return _pair(record.value[names[source]], record.value[names[target]], record.source)


def _pair(source: Any, target: Any, place: str) -> Pair:
    text, translation = content_of(source, "source", "fonte"), content_of(target, "target", "alvo")
    if is_blank(text) or is_blank(translation):
        which = tr("source", "fonte") if is_blank(text) else tr("target", "alvo")
        raise BadRecord(tr(f"the {which} is empty", f"o lado {which} está vazio"))
    return Pair(" ".join(text.split()), " ".join(translation.split()), place)
