"""The words of a text as word vectors take them, and a corpus as a stream of their numbers.

A text is brought to NFC and lower case. A word is a run of letters, or such runs joined by hyphens or apostrophes
(*guarda-chuva*, *d'água*); digits with the points and commas between them are one (*1.250,00*); the rest parts words.

Portuguese ties pronouns to verbs, which would make a word of every pair. They are taken apart, so that the pronoun is
the one that stands free elsewhere: *disse-lhe* is *disse lhe*, *fazê-lo* is *fazê lo*, *dá-se-me* is *dá se me*; one
inside a verb goes after it: *dir-lhe-ia* is *diria lhe*. An English apostrophe stays: *don't* is a word.
A line is a sentence (corpora have a paragraph a line): nothing is near what stands in another.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import number, tr

BREAK = -1
"""In a stream: a sentence ends."""
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:[-‐‑'’][^\W\d_]+)*")
_PRONOUN = "me|te|se|nos|vos|lhes?|[ao]s?|l[ao]s?|n[ao]s?|mo|ma|to|ta|lho|lha"
_TIED = re.compile(
    rf"(?P<verb>[^\W\d_]{{2,}})(?P<pronouns>(?:-(?:{_PRONOUN}))+)"
    r"(?P<end>-(?:ei|ás|á|emos|eis|ão|ia|ias|íamos|íeis|iam))?"
)


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFC", text).lower()):
        if "-" in word or "‐" in word or "‑" in word or "’" in word:
            word = word.translate(_PLAIN)
            tied = _TIED.fullmatch(word)
            if tied:
                found += [tied["verb"] + (tied["end"] or "")[1:], *tied["pronouns"][1:].split("-")]
                continue
        found.append(word)
    return found


_PLAIN = str.maketrans("‐‑’", "--'")


@dataclass(frozen=True)
class WordStream:
    """A corpus as numbers of words."""

    words: list[str]
    """By falling count, equal counts in alphabetical order."""
    counts: NDArray[np.int64]
    """How often each occurs, (V,)."""
    ids: NDArray[np.int32]
    """The text, (n,): a word's place in ``words``, or ``BREAK``. Rarer words are left out, as if not there."""
    read: int
    """Words before the rare ones were left out."""


def word_stream(texts: Iterable[str], min_count: int) -> WordStream:
    """Read texts to words that occur at least ``min_count`` times.

    Raises:
        UserError: there is no text, or no word is that frequent.
    """
    numbers: dict[str, int] = {}
    parts: list[NDArray[np.int32]] = []
    for text in texts:
        row: list[int] = []
        for line in text.split("\n"):
            found = words_of(line)
            if found:
                row += [numbers.setdefault(word, len(numbers)) for word in found]
                row.append(BREAK)
        parts.append(np.array(row, dtype=np.int32))
    raw = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    counts = np.bincount(raw[raw != BREAK], minlength=len(numbers))
    read = int(counts.sum())
    names = list(numbers)
    kept = sorted((n for n in range(len(names)) if counts[n] >= min_count), key=lambda n: (-counts[n], names[n]))
    if not kept:
        raise UserError(
            tr(
                f"words read: {number(read)}; none occurs {min_count} times.",
                f"palavras lidas: {number(read)}; nenhuma ocorre {min_count} vezes.",
            ),
            tr("Add text, or lower --min-count.", "Acrescente texto ou diminua --min-count."),
        )
    place = np.full(len(names) + 1, BREAK - 1, dtype=np.int32)  # the last is that of BREAK
    place[kept] = np.arange(len(kept))
    place[-1] = BREAK
    ids = place[raw]
    return WordStream([names[n] for n in kept], counts[kept].astype(np.int64), ids[ids >= BREAK], read)
