"""Joins the lines of hard-wrapped prose, as in Project Gutenberg's books and in PDF; verse and dialogue keep theirs.

Two questions, answered from the text alone:

1. *Is the document wrapped?* Then most characters stand in lines almost as long as the longest, nothing is much longer
   than that, and the line after a full one mostly starts in lower case (a poem of even lines starts in capitals).
2. *Does a line go on in the next?* A wrapped line is full: the next line's first word would not have fitted in. A line
   that had room for it was ended by its writer: the end of a paragraph, a verse, a heading, a name in a play.
"""

import itertools
import re
from collections import Counter

from prosa.core.language import tr
from prosa.corpus.repair import Change, excerpt, first_difference, size

_MIN_WIDTH, _MAX_WIDTH = 40, 140
_MIN_LINES = 8
_FULL = 0.85  # of the width; proportional type (PDF) leaves lines of unequal counts of characters
_FULL_LOWER = 0.7  # the same, where the sentence has not ended and the next line starts in lower case
_FULL_ENDED = 0.93  # the same, where the sentence has ended and the next line starts in upper case
_WRAPPED_CHARS = 0.5  # least share of a wrapped document's characters in full lines
_WRAPPED_LOWER = 0.5  # least share of the lines after full ones that start in lower case
_WRAPPED_PUNCTUATED = 0.2  # least share of lines with punctuation (a list of words has none)
_LONG_CHARS = 0.1  # greatest share of characters in lines far beyond the width
_HYPHENATED = 0.02  # share of full lines ending in a hyphen from which hyphens are a typesetter's

_NEW_PARAGRAPH = re.compile(
    r"\s|[-*+•|>#=~`]|(\d{1,3}|[a-zA-Z]|[IVXLC]+)[.)]\s|[–—]\s*[\"“«]?[A-ZÀ-Þ]|\[\^?\d+\]|:::|<"
)
_PUNCTUATED = re.compile(r"[.,;:!?…]")
_FENCE = re.compile(r"^(```|~~~)")
_LAST_WORD = re.compile(r"(\w+)-$")
_WORDS = re.compile(r"\w+(?:-\w+)*")
_CLITICS = {"me", "te", "se", "lhe", "lhes", "nos", "vos", "o", "a", "os", "as", "lo", "la", "los", "las", "no", "na"}


def wrap_width(lines: list[str]) -> int | None:
    """The width at which the lines were wrapped, in characters; None when they were not."""
    lengths = Counter(len(line) for line in lines if line and not line[0].isspace())
    total = sum(n * count for n, count in lengths.items())
    if sum(lengths.values()) < _MIN_LINES:
        return None
    width, seen = 0, 0
    for n in sorted(lengths, reverse=True):  # the length below which 90 % of the characters stand
        width, seen = n, seen + n * lengths[n]
        if seen > 0.1 * total:
            break
    if not _MIN_WIDTH <= width <= _MAX_WIDTH:
        return None
    if sum(n * c for n, c in lengths.items() if n > 1.3 * width) > _LONG_CHARS * total:
        return None
    if sum(n * c for n, c in lengths.items() if n >= _FULL * width - 8) < _WRAPPED_CHARS * total:
        return None
    if sum(_PUNCTUATED.search(line) is not None for line in lines) < _WRAPPED_PUNCTUATED * len(lines):
        return None
    after = [b for a, b in itertools.pairwise(lines) if len(a) >= _FULL * width and b]
    lower = sum(_starts_lower(line) for line in after)
    return width if after and lower >= _WRAPPED_LOWER * len(after) else None


def _starts_lower(line: str) -> bool:
    return next((c.islower() for c in line if c.isalnum()), False)


def _goes_on(line: str, following: str, width: int) -> bool:
    """Whether ``following`` is the rest of the sentence or paragraph of ``line``."""
    if not line or not following or _NEW_PARAGRAPH.match(following) or line[0] in "#|":
        return False
    if following.isupper() and len(following) > 4 and not line.isupper():  # a heading, or who speaks in a play
        return False
    ended, lower = line.rstrip("\"'”’»)]").endswith((*".!?…:;",)), _starts_lower(following)
    least = _FULL if ended == lower else _FULL_LOWER if lower else _FULL_ENDED
    return len(line) + 1 + len(following.split(maxsplit=1)[0]) >= least * width


def _before(line: str, following: str, known: set[str] | None) -> str:
    """``line`` as it stands before ``following`` on one line: with a space, or with or without its hyphen.

    ``known`` has the words of a text whose typesetter broke words; None where a hyphen is always the writer's. A
    broken word is one that occurs unbroken; ``disse-lhe`` is none, and neither is what occurs with its hyphen.
    """
    if not line.endswith("-"):
        return f"{line} "
    first, rest = _LAST_WORD.search(line), _WORDS.match(following)
    if first is None or rest is None:
        return f"{line} "
    if known is None or not following[0].islower():
        return line
    if first[1] + rest[0] not in known and (rest[0] in _CLITICS or f"{first[1]}-{rest[0]}" in known):
        return line
    return line[:-1]


def reflow(text: str) -> str:
    """``text`` with the lines of each wrapped paragraph joined; the very same text when it is not wrapped."""
    lines = text.split("\n")
    width = wrap_width(lines)
    if width is None:
        return text
    full = [line for line in lines if len(line) >= _FULL * width]
    hyphenated = sum(line.endswith("-") and line[-2:-1].isalpha() for line in full) > _HYPHENATED * len(full)
    known = set(_WORDS.findall(text)) if hyphenated else None
    joined: list[str] = []
    pieces: list[str] = []  # of the paragraph at hand
    fenced = False
    for i, line in enumerate(lines):
        if pieces and not fenced and _goes_on(lines[i - 1], line, width):
            pieces[-1] = _before(pieces[-1], line, known)
            pieces.append(line)
        else:
            joined.append("".join(pieces))
            pieces = [line]
        if _FENCE.match(line):
            fenced = not fenced
    joined.append("".join(pieces))
    return "\n".join(joined[1:])


def reflow_document(text: str) -> tuple[str, list[Change]]:
    """``reflow`` with what it did, for the report."""
    joined = reflow(text)
    if joined == text:
        return text, []
    at = first_difference(text, joined)
    lines = text.count("\n") - joined.count("\n")
    return joined, [
        Change(
            "reflow", size(text) - size(joined), excerpt(joined, at), tr(f"{lines} line ends", f"{lines} fins de linha")
        )
    ]
