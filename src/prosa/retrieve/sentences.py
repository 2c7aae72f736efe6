"""Where sentences end: at . ! ? … before a blank and what begins one, not after an abbreviation; and at blank lines."""

import re
from collections.abc import Iterator

# possessive, and from the first point of several only: a line of a million points takes no longer than its length
_END = re.compile(r"""(?<![.!?…])[.!?…]++["'”’»)\]]*+(?=\s++["'“‘«(\[–—-]*+\w)|\n[^\S\n]*+\n""")
_BEFORE = re.compile(r"([^\s(\[“\"']+)$")
_ABBREVIATED = """art arts al alín av c cap caps cf cel cia col dep dr dra drs ed eng ex exa exmo exma fl fls fig figs
gen h i.e e.g inc incs ilmo ilma jr jan fev mar abr mai jun jul ago set out nov dez lt ltda max min mr mrs ms
n nº no nos núm obs op p pp pg pág págs par prof profa profs p.ex r ref s.a sec séc seç sr sra srs sras
srta st ss tel tít v vol vols vs"""
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())


def sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """(start, end) of each sentence of ``text[start:end]``, without the blanks around it."""
    end = len(text) if end is None else end
    at = start
    for mark in _END.finditer(text, start, end):
        if text[mark.start()] == "." and _short(text, at, mark.start()):
            continue
        if text[mark.start()] != "\n" and text[mark.end() : mark.end() + 8].lstrip()[:1].islower():  # “Vá!” disse ele
            continue
        yield from _trimmed(text, at, mark.end())
        at = mark.end()
    yield from _trimmed(text, at, end)


def _short(text: str, start: int, point: int) -> bool:
    """Whether the point belongs to an abbreviation, an initial or a number: ``art. 5``, ``J. Silva``, ``1. Objeto``."""
    before = _BEFORE.search(text, max(start, point - 20), point)
    if before is None:
        return False
    word = before[1].lower()
    alone = not text[start : before.start()].strip()
    if word in _ABBREVIATIONS or (len(before[1]) == 1 and before[1].isupper()):
        return True
    return alone and bool(re.fullmatch(r"[\d.]+|[ivxlc]+", word))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end
