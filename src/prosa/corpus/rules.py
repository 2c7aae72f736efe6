"""The rules that judge a document by itself: length, language, repetition. Each says why it drops one, or None.

Repetition follows Gopher's filters (Rae et al. 2021, "Scaling Language Models", table A1), with differences that
keep good texts. Only shares of characters and words count, not of lines: in a play the speakers' names are half of the
lines and a twentieth of the text. Repeated n-grams are judged by one length, 10 words, because a whole book repeats
many 5-grams by right. And the limits for repeats are 0.5, not 0.1 to 0.2, because a song repeats its refrain.
"""

import re
import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from prosa.core.language import number, tr
from prosa.corpus.config import CorpusConfig
from prosa.corpus.language import identify

_WORD = re.compile(r"\w+")
_FEWEST_WORDS = 30  # shares of fewer words say nothing
_FEWEST_TIMES = 4  # an n-gram counts as frequent from here on
_DUPLICATE_N = 10


@dataclass
class Words:
    """A text's words, lower-cased, as numbers: what repetition and near-duplicates are counted on.

    Attributes:
        text: the document.
    """

    text: str

    @cached_property
    def lengths_and_hashes(self) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Characters and CRC-32 of every word, both of shape (n,)."""
        words = _WORD.findall(self.text.lower())
        hashes = np.fromiter(map(zlib.crc32, map(str.encode, words)), np.uint64, len(words))
        return np.fromiter(map(len, words), np.int64, len(words)), hashes

    def ngrams(self, n: int) -> NDArray[np.uint64]:
        """64-bit hashes of the word n-grams, shape (words − n + 1,); one of all words when there are fewer than n."""
        hashes = self.lengths_and_hashes[1]
        n = min(n, len(hashes))
        if n == 0:
            return np.empty(0, np.uint64)
        last = len(hashes) - n + 1
        mixed = np.full(last, n, np.uint64)
        for i in range(n):  # SplitMix64's finalizer (Steele et al. 2014), a word at a time
            mixed = (mixed ^ hashes[i : i + last]) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(30)
            mixed *= np.uint64(0xBF58476D1CE4E5B9)
            mixed ^= mixed >> np.uint64(27)
        return mixed


def duplicate_line_share(text: str) -> float:
    """Share of the characters that stand in lines equal to an earlier line."""
    seen: set[str] = set()
    repeated = total = 0
    for line in text.split("\n"):
        line = line.strip()
        total += len(line)
        if line in seen:
            repeated += len(line)
        else:
            seen.add(line)
    return repeated / total if total else 0.0


def top_ngram_share(words: Words, n: int) -> float:
    """Share of the words' characters in the most frequent n-gram; 0 when it occurs fewer than 4 times."""
    lengths = words.lengths_and_hashes[0]
    if len(lengths) < max(n, _FEWEST_WORDS):
        return 0.0
    _, first, counts = np.unique(words.ngrams(n), return_index=True, return_counts=True)
    top = int(counts.argmax())
    if counts[top] < _FEWEST_TIMES:
        return 0.0
    at = int(first[top])
    return min(1.0, float(lengths[at : at + n].sum() * counts[top] / lengths.sum()))


def duplicate_ngram_share(words: Words, n: int = _DUPLICATE_N) -> float:
    """Share of the words that stand in an n-gram that occurred earlier in the document."""
    n_words = len(words.lengths_and_hashes[0])
    if n_words < max(n + 1, _FEWEST_WORDS):
        return 0.0
    ngrams = words.ngrams(n)
    again = np.ones(len(ngrams), bool)
    again[np.unique(ngrams, return_index=True)[1]] = False
    covered = np.zeros(n_words + 1, np.int64)
    starts = np.flatnonzero(again)
    np.add.at(covered, starts, 1)
    np.add.at(covered, starts + n, -1)
    return float((covered.cumsum()[:n_words] > 0).mean())


def _percent(share: float) -> str:
    return f"{number(100 * share)} %"


def too_short(text: str, config: CorpusConfig) -> str | None:
    """The length rule."""
    if len(text) >= config.min_chars:
        return None
    if len(text) == 1:
        return tr("1 character", "1 caractere")
    return tr(f"{len(text)} characters", f"{len(text)} caracteres")


def other_language(lang: str | None, config: CorpusConfig) -> str | None:
    """The language rule."""
    if not config.languages or lang in config.languages:
        return None
    return lang or tr("language not identified", "língua não identificada")


def repetitive(text: str, words: Words, config: CorpusConfig) -> str | None:
    """The repetition rule."""
    if config.max_duplicate_lines < 1:
        share = duplicate_line_share(text)
        if share > config.max_duplicate_lines:
            return tr(f"{_percent(share)} in repeated lines", f"{_percent(share)} em linhas repetidas")
    if config.max_top_ngram < 1:
        for n in (2, 3, 4):
            share = top_ngram_share(words, n)
            if share > config.max_top_ngram:
                return tr(f"{_percent(share)} is one {n}-gram", f"{_percent(share)} é um só {n}-grama")
    if config.max_duplicate_ngrams < 1:
        share = duplicate_ngram_share(words)
        if share > config.max_duplicate_ngrams:
            return tr(f"{_percent(share)} in repeated 10-grams", f"{_percent(share)} em 10-gramas repetidos")
    return None


def judge(text: str, words: Words, config: CorpusConfig) -> tuple[str | None, tuple[str, str] | None]:
    """(language, None) for a document to keep, (language, (rule, why)) for one to drop."""
    why = too_short(text, config)
    if why is not None:
        return None, ("length", why)
    lang = identify(text)
    why = other_language(lang, config)
    if why is not None:
        return lang, ("language", why)
    why = repetitive(text, words, config)
    return lang, None if why is None else ("repetition", why)
