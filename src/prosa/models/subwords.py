"""Words as bags of character n-grams (Bojanowski et al. 2017, arXiv 1607.04606), as the program fastText takes them.

Of ``<word>``, with its two marks, every run of 3 to 6 characters; each is a row of a table of B, by its hash modulo B
(n-grams that fall together share it). A word's vector is the mean of its own row and those; one that was never seen
has those alone. The hash is FNV-1a of 32 bits over UTF-8, in which fastText takes each byte with its sign.

Portuguese inflects: *cantávamos* shares ``<can``, ``cant``, ``ntáv`` and more with *cantar*, ``amos>`` with all verbs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

OFFSET, PRIME = 2166136261, 16777619


def ngrams_of(word: str, low: int = 3, high: int = 6) -> list[str]:
    """The character n-grams of ``<word>``, by where they begin, then by length; a mark alone is none."""
    marked = f"<{word}>"
    last = len(marked)
    return [
        marked[i : i + n]
        for i in range(last)
        for n in range(low, min(high, last - i) + 1)
        if not (n == 1 and i in (0, last - 1))
    ]


def fnv1a(text: str) -> int:
    """The 32-bit hash of a text's UTF-8 bytes, each extended by its sign, as in fastText."""
    h = OFFSET
    for byte in text.encode("utf-8"):
        h = ((h ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * PRIME) & 0xFFFFFFFF
    return h


@dataclass(frozen=True)
class Subwords:
    """Which n-grams, and in how many rows."""

    low: int = 3
    high: int = 6
    buckets: int = 200_000

    def buckets_of(self, word: str) -> list[int]:
        """The row of each n-gram of a word, 0..buckets - 1."""
        return [fnv1a(gram) % self.buckets for gram in ngrams_of(word, self.low, self.high)]


class Parts:
    """The rows of the input table whose mean is each word's vector: its own, then its n-grams' (after all words')."""

    def __init__(self, words: Sequence[str], subwords: Subwords) -> None:
        V = len(words)
        bags = [[id, *(V + b for b in subwords.buckets_of(word))] for id, word in enumerate(words)]
        self.rows = V + subwords.buckets
        self.length = torch.tensor([len(bag) for bag in bags])
        self.start = self.length.cumsum(0) - self.length
        self.all = torch.from_numpy(np.concatenate([np.array(bag, dtype=np.int64) for bag in bags]))

    def occurrences(self, counts: NDArray[Any]) -> NDArray[np.float64]:
        """How often each row is part of a word, of how often each word occurs."""
        each = np.repeat(counts, self.length.numpy())
        sums: NDArray[np.float64] = np.bincount(self.all.numpy(), each, self.rows).astype(np.float64)
        return sums

    def flat(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of words (R,), end to end, and which of the words each is of."""
        length = self.length[ids]
        ends = length.cumsum(0)
        owner = torch.repeat_interleave(length)
        return self.all[torch.arange(len(owner)) + (self.start[ids] - ends + length)[owner]], owner

    def mean(self, table: Tensor, ids: Tensor) -> Tensor:
        """The mean of each word's rows, (R, C)."""
        rows, _ = self.flat(ids)
        length = self.length[ids]
        return F.embedding_bag(rows, table, length.cumsum(0) - length, mode="mean")
