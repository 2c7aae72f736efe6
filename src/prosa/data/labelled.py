"""Texts with a label each, from a table or from records, and a division that keeps the labels' shares.

    CSV, TSV          a column of texts and one of labels, found by the header's names or told
    TSV, two columns  also without a header, as ``ham<tab>Ok lar...``: the labels are the column with fewer values
    JSONL, JSON, Parquet   {"text": "…", "label": "…"}

Texts become NFC, as everything that users type does; labels are compared as they are written, less white space around.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.corpus.problems import Problems
from prosa.data.columns import no_column, place_of, read_files
from prosa.data.conversations import content_of
from prosa.data.records import BadRecord, Record
from prosa.data.table import read_table

TEXT_NAMES = (
    *("text", "texto", "message", "mensagem", "sentence", "frase", "content", "conteúdo", "conteudo", "review"),
    *("resenha", "comment", "comentário", "comentario", "tweet", "sms"),
)
LABEL_NAMES = ("label", "rótulo", "rotulo", "class", "classe", "category", "categoria", "target", "alvo")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text, its label, and where it comes from (``file:line``)."""

    text: str
    label: str
    source: str


@dataclass(frozen=True)
class Columns:
    """What the columns (or fields) are called; empty: by their usual names."""

    text: str = ""
    """Column with the text. Empty: text, texto, message, mensagem, sentence, frase, content, review, …"""
    label: str = ""
    """Column with the label. Empty: label, rótulo, class, classe, category, categoria, target."""


def is_blank(text: str) -> bool:
    """Whether there is nothing to see in it: white space, control and format characters."""
    return not any(character.isprintable() and not character.isspace() for character in text)


def read_labelled(paths: Sequence[Path], problems: Problems, columns: Columns = Columns()) -> list[Labelled]:
    """The labelled texts of the files, in order; what is none is counted and named in ``problems``.

    Raises:
        UserError: a path is missing or of another format, a table whose columns are not known, or as ``read_records``.
    """
    found, names = read_files(
        paths,
        problems,
        lambda path: _of_table(path, problems, columns),
        lambda record: _of_record(record, columns),
    )
    if not found:
        raise UserError(tr(f"there is no row in {names}.", f"não há nenhuma linha em {names}."))
    return found


def split(items: Sequence[Labelled], share: float) -> tuple[list[Labelled], list[Labelled]]:
    """Items to train on, and about ``share`` of each label's to measure on, each list in the order of ``items``.

    By a hash of the text: equal texts (but for case and white space) are on the same side, also where their labels
    differ; they then count for the first of these in the alphabet. Of a label with at least two different texts of its
    own, at least one is on each side.
    """
    numbers = _equal_texts(items)
    texts: dict[str, list[bytes]] = defaultdict(list)
    for key in sorted(numbers):
        texts[min(items[n].label for n in numbers[key])].append(key)
    chosen: set[int] = set()
    for keys in texts.values():
        wanted = share * sum(len(numbers[key]) for key in keys)
        held = 0
        for place, key in enumerate(keys[:-1]):
            if not share or (place and held + len(numbers[key]) / 2 > wanted):
                break
            chosen.update(numbers[key])
            held += len(numbers[key])
    return (
        [item for n, item in enumerate(items) if n not in chosen],
        [item for n, item in enumerate(items) if n in chosen],
    )


def folds(items: Sequence[Labelled], count: int, seed: int = 0) -> list[int]:
    """In which of ``count`` folds each item is measured on; in each fold about as many of every label.

    Equal texts are in one fold, as in ``split``. A label of a single text is in none (-1): it is always learnt from.

    Args:
        seed: another gives other folds, equally good.
    """
    numbers = _equal_texts(items)
    texts: dict[str, list[bytes]] = defaultdict(list)
    for key in sorted(numbers, key=lambda key: hashlib.blake2b(key, key=seed.to_bytes(8, "little")).digest()):
        texts[min(items[n].label for n in numbers[key])].append(key)
    found, filled = [-1] * len(items), [0] * count
    for label in sorted(texts):
        keys, own = texts[label], [0] * count
        for key in keys if len(keys) > 1 else ():
            fold = min(range(count), key=lambda f: (own[f], filled[f]))
            own[fold] += len(numbers[key])
            filled[fold] += len(numbers[key])
            for n in numbers[key]:
                found[n] = fold
    return found


def _equal_texts(items: Sequence[Labelled]) -> dict[bytes, list[int]]:
    """The numbers of the items by a hash of their text, which case and white space do not change."""
    numbers: dict[bytes, list[int]] = defaultdict(list)
    for n, item in enumerate(items):
        words = " ".join(item.text.casefold().split())
        numbers[hashlib.blake2b(words.encode("utf-8"), digest_size=8).digest()].append(n)
    return numbers


def _of_table(path: Path, problems: Problems, columns: Columns) -> Iterator[Labelled]:
    rows = list(read_table(path, problems))
    if not rows:
        return
    header = [name.strip() for name in rows[0][1]]
    text, label = place_of(header, columns.text, TEXT_NAMES), place_of(header, columns.label, LABEL_NAMES)
    told = bool(columns.text or columns.label)
    if text is None and label is None and not told and path.suffix.lower() == ".tsv" and len(header) == 2:
        values = [len({row[n] for _, row in rows if len(row) == 2}) for n in (0, 1)]
        text, label = (1, 0) if values[0] <= values[1] else (0, 1)
    else:
        rows = rows[1:]
        if text is None:
            raise no_column(path, columns.text, "columns.text", tr("the text", "o texto"), header)
        if label is None:
            raise no_column(path, columns.label, "columns.label", tr("the label", "o rótulo"), header)
    for number, row in rows:
        try:
            if len(row) <= max(text, label):
                raise BadRecord(
                    tr(f"{len(row)} of {len(header)} columns", f"{len(row)} de {len(header)} colunas"),
                )
            item = _labelled(row[text], row[label], f"{path.as_posix()}:{number}")
        except BadRecord as error:
            problems.bad_record(path.as_posix(), number, str(error))
            continue
        problems.good_record(path.as_posix())
        yield item


def _of_record(record: Record, columns: Columns) -> Labelled:
    names = list(record.value)
    text, label = place_of(names, columns.text, TEXT_NAMES), place_of(names, columns.label, LABEL_NAMES)
    if text is None or label is None:
        missing = "text" if text is None else "label"
        there = ", ".join(map(repr, names[:8]))
        raise BadRecord(
            tr(
                f"no field for the {missing}; there are: {there}",
                f"não há campo para o {'texto' if text is None else 'rótulo'}; há: {there}",
            )
        )
    return _labelled(record.value[names[text]], record.value[names[label]], record.source)


def _labelled(text: Any, label: Any, source: str) -> Labelled:
    if isinstance(label, bool | int | float):
        label = str(label)
    found, name = content_of(text, "text", "texto"), content_of(label, "label", "rótulo").strip()
    if is_blank(found) or not name:
        raise BadRecord(
            tr("the text is empty", "o texto está vazio") if name else tr("the label is empty", "o rótulo está vazio")
        )
    return Labelled(found, name, source)
