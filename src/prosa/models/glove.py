"""GloVe (Pennington, Socher & Manning 2014, EMNLP): vectors whose products are logarithms of co-occurrence counts.

    L = Σ_ij f(X_ij) (w_i · w̃_j + b_i + b̃_j − log X_ij)²,   f(x) = min(1, (x / x_max)^¾)

X_ij is the sum of 1/distance over all times that j stands at most ``window`` words from i in the same sentence; L is
over pairs that occur. The gradient is AdaGrad's (Duchi et al. 2011): each number's step is divided by the root of the
sum of its squared gradients. A word's vector is w_i + w̃_i, as in the paper.

Counting is sorting: every pair is the number i · V + j, the equal ones are added up a part of the text at a time.

Shapes: V words, C dimensions, P pairs.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prosa.data.words import BREAK
from prosa.models.word2vec import add_rows

_PART = 500_000  # words counted at a time
X_MAX, ALPHA = 100.0, 0.75


@dataclass(frozen=True)
class Cooccurrences:
    """The pairs that occur, both (i, j) and (j, i), sorted."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float64]
    """X_ij, (P,)."""


def cooccurrences(stream: NDArray[np.int32], vocab_size: int, window: int) -> Cooccurrences:
    """Count the neighbours of a stream of word ids (``BREAK`` between sentences)."""
    keys: NDArray[np.int64] = np.zeros(0, np.int64)
    values: NDArray[np.float64] = np.zeros(0)
    sentence = np.cumsum(stream == BREAK)
    for start in range(0, len(stream), _PART):
        ids = stream[start : start + _PART + window].astype(np.int64)
        own = sentence[start : start + _PART + window]
        found, weights = [keys], [values]
        for distance in range(1, window + 1):
            n = min(_PART, len(ids) - distance)  # pairs that begin in this part
            if n <= 0:
                continue
            a, b = ids[:n], ids[distance : n + distance]
            near = (own[:n] == own[distance : n + distance]) & (a != BREAK) & (b != BREAK)
            found.append(a[near] * vocab_size + b[near])
            weights.append(np.full(int(near.sum()), 1 / distance))
        keys, values = _summed(np.concatenate(found), np.concatenate(weights))
    i, j = np.divmod(keys, vocab_size)
    keys, values = _summed(np.concatenate((keys, j * vocab_size + i)), np.concatenate((values, values)))
    return Cooccurrences(*np.divmod(keys, vocab_size), values)


def _summed(keys: Any, values: Any) -> tuple[Any, Any]:
    """The distinct keys, sorted, and the sum of each one's values."""
    distinct, place = np.unique(keys, return_inverse=True)
    return distinct, np.bincount(place, weights=values, minlength=len(distinct))


class GloVe:
    """The tables, ``left`` (V, C + 1) and ``right``, whose last columns are the biases, and AdaGrad's sums."""

    def __init__(self, vocab_size: int, dim: int, *, x_max: float = X_MAX, alpha: float = ALPHA, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.left, self.right = ((torch.rand(vocab_size, dim + 1, generator=generator) - 0.5) / dim for _ in range(2))
        self.squares = [torch.ones(vocab_size, dim + 1) for _ in range(2)]
        self.x_max, self.alpha = x_max, alpha

    def vectors(self) -> Tensor:
        """w_i + w̃_i, (V, C)."""
        return (self.left + self.right)[:, :-1]

    def loss(self, i: Tensor, j: Tensor, x: Tensor) -> Tensor:
        """The written loss of pairs (P,), a scalar."""
        off, weight = self._off(self.left[i], self.right[j], x)
        return (weight * off * off).sum()

    def _off(self, a: Tensor, b: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        off = (a[:, :-1] * b[:, :-1]).sum(1) + a[:, -1] + b[:, -1] - x.log()
        return off, (x / self.x_max).pow(self.alpha).clamp(max=1)

    def step(self, i: Tensor, j: Tensor, x: Tensor, lr: float) -> float:
        """A step of AdaGrad on pairs (P,), by half the loss's gradient, as in the authors' program; the loss."""
        a, b = self.left[i], self.right[j]
        off, weight = self._off(a, b, x)
        slope = (weight * off)[:, None]
        for table, squares, rows, other in zip((self.left, self.right), self.squares, (i, j), (b, a), strict=True):
            gradient = torch.cat((slope * other[:, :-1], slope), 1)
            change = gradient * squares[rows].rsqrt_() * -lr
            add_rows(squares, rows, gradient.square_())
            add_rows(table, rows, change)
        return float((weight * off * off).sum())
