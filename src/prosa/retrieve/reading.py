"""From a file to its passages, with pages and lines. It runs in the process that ``worker`` starts and limits."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prosa.core.language import number, tr
from prosa.corpus.config import CorpusConfig
from prosa.corpus.files import read_as
from prosa.corpus.problems import Problems
from prosa.corpus.readers import html, pdf, plain
from prosa.corpus.readers.task import Task
from prosa.corpus.registry import READERS
from prosa.corpus.repair import fix_mojibake, normalize
from prosa.retrieve.chunks import chunks
from prosa.retrieve.passage import Passage, Place


@dataclass(frozen=True)
class Limits:
    """What one file may take; a file that needs more is named, and the others are read."""

    seconds: float = 60.0
    memory: int = 2_000_000_000  # bytes of address space, beyond what the process has at its start
    pages: int = 5000  # of a PDF
    characters: int = 20_000_000  # what comes after them is not read


@dataclass(frozen=True, slots=True)
class _Piece:
    """A text and where its first character stands."""

    text: str
    line: int = 0
    record: int = 0
    pages: tuple[tuple[int, int], ...] = ()  # (position in the text, page) of each page
    titles: Mapping[str, int] = field(default_factory=dict)


def read_passages(path: Path, config: CorpusConfig, limits: Limits, problems: Problems) -> Iterator[Passage]:
    """The passages of a file, in order.

    Raises:
        UserError: the library for its format is not installed.
    """
    markdown = read_as(path) == ".md"
    left = limits.characters
    part, record = 0, 0
    for piece in _pieces(path, config, limits, problems):
        text = piece.text[:left]
        left -= len(text)
        part = part if piece.record == record else 0
        record = piece.record
        lines = _Lines(text, piece.line)
        for chunk in chunks(text, markdown=markdown, titles=piece.titles):
            part += 1
            place = Place(chunk.heading, record=record, part=part)
            if piece.pages:
                first, last = _page(piece, chunk.start), _page(piece, chunk.end - 1)
                place = dataclasses.replace(place, page=first, last_page=last)
            elif piece.line:
                place = dataclasses.replace(place, line=lines.at(chunk.start), last_line=lines.at(chunk.end - 1))
            yield Passage(text[chunk.start : chunk.end], place)
        if left <= 0:
            limit = number(limits.characters)
            problems.add(path.as_posix(), tr(f"read up to character {limit}", f"lido até o caractere {limit}"))
            return


def _pieces(path: Path, config: CorpusConfig, limits: Limits, problems: Problems) -> Iterator[_Piece]:
    kind = read_as(path)
    tasks = READERS[kind].tasks(path, config, problems)
    if kind == ".pdf":
        for task in tasks:
            yield from _of_pages(task, limits, problems)
    elif kind in (".txt", ".md"):  # Markdown as it is written: prose() would move its lines
        line = 1
        for task in tasks:
            for raw in plain.texts(task, config, problems):
                text = _repaired(raw.text)
                yield _Piece(text, line=line)
                line += text.count("\n")
    else:
        for task in tasks:
            titles = _titles(path) if kind == ".html" else {}
            for raw in READERS[kind].texts(task, config, problems):
                yield _Piece(_repaired(raw.text), record=_record(raw.source), titles=titles)


def _titles(path: Path) -> dict[str, int]:
    return {" ".join(_repaired(title).split()): level for title, level in html.headings(path).items()}


def _of_pages(task: Task, limits: Limits, problems: Problems) -> Iterator[_Piece]:
    """All pages as one text, so that a sentence may go over a page's end."""
    texts, starts, at = [], [], 0
    with contextlib.closing(pdf.pages(task, problems)) as pages:
        for page, text in pages:
            if page > limits.pages or at > limits.characters:
                most = number(page - 1)
                problems.add(task.source, tr(f"read up to page {most}", f"lido até a página {most}"))
                break
            text = _repaired(text)
            texts.append(text)
            starts.append((at, page))
            at += len(text) + 1
    if texts:
        yield _Piece("\n".join(texts), pages=tuple(starts))


def _repaired(text: str) -> str:
    """A text as ``corpus.repair`` leaves it, with the lines that it has in the file."""
    text = fix_mojibake(text.replace("\r\n", "\n").replace("\r", "\n"))
    return "\n".join(normalize(line).replace("\n", " ") if line else line for line in text.split("\n"))


def _record(source: str) -> int:
    """The number in ``file:7`` and ``file:7#2``; 0 where there is none."""
    tail = source.rpartition(":")[2].partition("#")[0]
    return int(tail) if tail.isascii() and tail.isdigit() else 0


def _page(piece: _Piece, position: int) -> int:
    return max(page for start, page in piece.pages if start <= position)


class _Lines:
    """Line numbers of positions that are asked for in order."""

    def __init__(self, text: str, first: int) -> None:
        self._text, self._at, self._line = text, 0, first

    def at(self, position: int) -> int:
        self._line += self._text.count("\n", self._at, position)
        self._at = position
        return self._line
