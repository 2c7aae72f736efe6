"""A document cut into passages: whole sentences, none over a heading, ends at paragraphs where they can.

What splitters of passages agree on (LlamaIndex's SentenceSplitter, LangChain's recursive one, Docling's
HybridChunker): a heading begins a passage and is remembered with it; paragraphs stay whole where they fit, else
sentences do; only a sentence longer than a passage is cut. There is no overlap: it repeats a fifth of the text, and
benchmarks/retrieval.py measured no gain from it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prosa.corpus.pieces import cut_text
from prosa.retrieve.sentences import sentences

SIZE = 1000
"""The most characters of a passage: about 160 words of Portuguese, or 250 tokens."""
ENOUGH = 0.5
"""A passage this full ends at a paragraph rather than take in a part of the next."""

_LEVEL = re.compile(r"(#{1,6})[ \t]++(?=[^\s#])")
_FENCE = re.compile(r"\s*(```|~~~)")
_NAMED = re.compile(
    r"(?:cap[íi]tulo|se[çc][ãa]o|t[íi]tulo|anexo|cl[áa]usula|livro|parte|chapter|section|article|appendix|part)\b",
    re.IGNORECASE,
)
_PLAIN = 7
"""The level of a heading that is known by its looks: below all that are told."""
LONGEST_HEADING = 100
"""Characters of one that are remembered."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """``text[start:end]``, and the headings above it."""

    start: int
    end: int
    heading: str


@dataclass(frozen=True, slots=True)
class _Section:
    start: int
    end: int
    heading: str


def chunks(
    text: str, *, markdown: bool = False, titles: Mapping[str, int] | None = None, size: int = SIZE
) -> Iterator[Chunk]:
    """The passages of a text, in order; every word of it is in exactly one.

    Args:
        markdown: headings are lines that begin with #; else short lines that stand alone and are in capitals or
            named (``Capítulo II``, ``CLÁUSULA PRIMEIRA``); those that are both need a blank line only before them.
        titles: lines that are known to be headings (words joined by one blank), and their levels from 1.
        size: the most characters of one.
    """
    for section in _sections(text, markdown, titles or {}):
        yield from _pack(text, section, size)


def _sections(text: str, markdown: bool, titles: Mapping[str, int]) -> Iterator[_Section]:
    """A heading that nothing stands under is in the section of the next one."""
    start, body, path, heading = 0, 0, list[tuple[int, str]](), ""
    for at, end, level, title in _headings(text, markdown, titles):
        if text[body:at].strip():
            yield _Section(start, at, heading)
            start = at
        elif path and level == _PLAIN:  # of such headings nobody knows the levels
            level = path[-1][0] + 1
        body = end
        path = [(n, name) for n, name in path if n < level] + [(level, title)]
        heading = " › ".join(name for _, name in path)
    if text[start:].strip():
        yield _Section(start, len(text), heading)


def _headings(text: str, markdown: bool, titles: Mapping[str, int]) -> Iterator[tuple[int, int, int, str]]:
    """(where it begins, where it ends, level, title) of each heading."""
    at, blank, fenced = 0, True, False
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if markdown:
            if _FENCE.match(line):
                fenced = not fenced
            found = None if fenced else _LEVEL.match(line)
            if found:
                yield at, at + len(line), len(found[1]), line[found.end() :].rstrip("# \t")[:LONGEST_HEADING]
        elif titles and (title := " ".join(line.split())) in titles:
            yield at, at + len(line), titles[title], title[:LONGEST_HEADING]
        elif blank and _is_heading(line) and (_is_clause(line) or not "".join(lines[number + 1 : number + 2]).strip()):
            yield at, at + len(line), _PLAIN, line.strip()
        blank = not line.strip()
        at += len(line) + 1


def _is_heading(line: str) -> bool:
    line = line.strip()
    if not 3 <= len(line) <= LONGEST_HEADING or line[-1] in ".!?:;," or not any(map(str.isalpha, line)):
        return False
    return line.isupper() or bool(_NAMED.match(line))


def _is_clause(line: str) -> bool:
    """Whether a heading is one even with its text on the next line, as contracts have it: CLÁUSULA SEXTA - DA MULTA."""
    return line.isupper() and bool(_NAMED.match(line.strip()))


def _pack(text: str, section: _Section, size: int) -> Iterator[Chunk]:
    """Sentences of a section together until a passage is full."""
    start = end = -1
    for first, last, paragraph in _units(text, section, size):
        full = start >= 0 and last - start > size
        if start >= 0 and not full and first == paragraph[0] and end - start >= ENOUGH * size:
            full = paragraph[1] - start > size
        if full:
            yield Chunk(start, end, section.heading)
            start = -1
        if start < 0:
            start = first
        end = last
    if start >= 0:
        yield Chunk(start, end, section.heading)


def _units(text: str, section: _Section, size: int) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """(start, end) of each sentence, or of each piece of one that is too long, and those of its paragraph."""
    for paragraph in _paragraphs(text, section):
        for start, end in sentences(text, *paragraph):
            if end - start <= size:
                yield start, end, paragraph
                continue
            at = start
            for piece in cut_text(text[start:end], size):
                if piece.strip():
                    yield at, at + len(piece.rstrip()), paragraph
                at += len(piece)


_BLANK = re.compile(r"\n(?:[^\S\n]*\n)+")


def _paragraphs(text: str, section: _Section) -> Iterator[tuple[int, int]]:
    start = section.start
    for blank in _BLANK.finditer(text, section.start, section.end):
        if text[start : blank.start()].strip():
            yield _without_blanks(text, start, blank.start())
        start = blank.end()
    if text[start : section.end].strip():
        yield _without_blanks(text, start, section.end)


def _without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
