"""Word2Vec with negative sampling: skip-gram and CBOW (Mikolov et al. 2013a, arXiv 1301.3781; 2013b, arXiv 1310.4546).

Every word w has an input vector v_w, which is kept, and an output vector u_w. With c around the centre i (at most b_i
words away, b_i drawn from 1..window for every centre), k negatives a pair, and P(w) ∝ count(w)^0.75:

    skip-gram   L = − Σ_i Σ_c [ log σ(v_i · u_c) + k E_{m~P} log σ(−v_i · u_m) ]
    CBOW        L = − Σ_i     [ log σ(h_i · u_i) + k E_{m~P} log σ(−h_i · u_m) ],   h_i = mean of v_c around i

Frequent words are dropped before windows are laid: a word of relative frequency f is kept with probability
min(1, (√(f/t) + 1) t/f), the formula of the authors' program (the paper's, 1 − √(t/f) dropped, differs a little).

**As matrices.** The authors' program takes a pair and its negatives at a time, some 80 vectors of memory a word.
Here S neighbouring centres are a chunk and share N negatives (Ji et al. 2016, arXiv 1604.04661, share a window's), each
with the weight k · (pairs of the centre) / N: the same loss in expectation. A chunk is then three products,
(S, C) by (C, S + 2·window + N) and two back, and touches 3 to 4 vectors a word. Several chunks are a step.

A negative that is also in the window counts as both; the program skips it. Where an input is a mean (CBOW, subwords),
each part gets the mean's gradient whole, as in the authors' programs: the mean then moves as far as one vector would.

Shapes: V words, C dimensions, n chunks of S centres, A = S + 2·window words around them, N negatives a chunk.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from prosa.data.words import BREAK
from prosa.models.subwords import Parts

POWER = 0.75
TABLE = 1 << 22


def keep_probabilities(counts: ArrayLike, threshold: float) -> NDArray[np.float64]:
    """How probable it is that an occurrence of each word is kept, shape (V,); threshold 0 keeps all."""
    f = np.asarray(counts, dtype=np.float64)
    if threshold <= 0:
        return np.ones(len(f))
    f = np.maximum(f, 1) / f.sum()
    kept: NDArray[np.float64] = np.minimum(1.0, (np.sqrt(f / threshold) + 1) * threshold / f)
    return kept


def negative_table(counts: ArrayLike, size: int = TABLE, power: float = POWER) -> Tensor:
    """Word ids, (size,), each as often as count^power asks, to within one: a draw is a uniform place in it."""
    mass = np.cumsum(np.asarray(counts, dtype=np.float64) ** power)
    ends = np.rint(mass / mass[-1] * size).astype(np.int64)
    return torch.from_numpy(np.repeat(np.arange(len(mass)), np.diff(ends, prepend=0)))


@dataclass(frozen=True)
class Chunks:
    """What a step learns from."""

    centres: Tensor
    """(n, S) word ids."""
    around: Tensor
    """(n, A): the centres with ``window`` words before and after."""
    pairs: Tensor
    """(n, S, A): 1 where the second is in the window of the first."""
    negatives: Tensor
    """(n, N) word ids."""

    def split(self, n: int) -> "list[Chunks]":
        """In steps of ``n`` chunks; the last may have fewer."""
        fields = (self.centres, self.around, self.pairs, self.negatives)
        return [Chunks(*parts) for parts in zip(*(torch.split(field, n) for field in fields), strict=True)]


class Layout:
    """Lays a stream of word ids out in chunks."""

    def __init__(self, counts: ArrayLike, *, window: int, subsample: float, chunk: int, negatives: int) -> None:
        self.window, self.chunk, self.n_negatives = window, chunk, negatives
        self.keep = torch.from_numpy(keep_probabilities(counts, subsample)).float()
        self.table = negative_table(counts)
        places = torch.arange(chunk + 2 * window) - window
        self.distance = (places - torch.arange(chunk)[:, None]).abs().to(torch.int16)  # (S, A)
        self.distance[self.distance == 0] = window + 1  # a word is not its own neighbour

    def __call__(self, stream: Tensor, generator: torch.Generator) -> Chunks | None:
        """Chunks of a stream (ids, ``BREAK`` between sentences), subsampled; None where nothing is left."""
        sentence = (stream == BREAK).cumsum(0)
        words = stream.clamp(min=0)
        kept = (stream != BREAK) & (torch.rand(len(stream), generator=generator) < self.keep[words])
        ids, sentence = words[kept], sentence[kept]
        if not len(ids):
            return None
        w, S = self.window, self.chunk
        n = -(-len(ids) // S)
        after = n * S - len(ids) + w
        ids, sentence = F.pad(ids, (w, after)), F.pad(sentence, (w, after), value=-1)
        around, sentences = ids.unfold(0, S + 2 * w, S), sentence.unfold(0, S + 2 * w, S)
        reach = torch.randint(1, w + 1, (n, S, 1), generator=generator, dtype=torch.int16)
        own = sentences[:, w : w + S, None]
        pairs = (self.distance <= reach) & (sentences[:, None] == own) & (own >= 0)
        negatives = self.table[torch.randint(len(self.table), (n, self.n_negatives), generator=generator)]
        return Chunks(around[:, w : w + S], around, pairs.float(), negatives)


class Word2Vec:
    """The two tables and a step of stochastic gradient descent on them.

    ``inputs`` is (rows, C): the words' vectors first, then those of the subwords, where there are any.
    """

    def __init__(self, vocab_size: int, dim: int, *, cbow: bool, k: int, parts: Parts | None = None, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        rows = parts.rows if parts else vocab_size
        self.inputs = (torch.rand(rows, dim, generator=generator) - 0.5) / dim
        self.outputs = torch.zeros(vocab_size, dim)
        self.cbow, self.k, self.parts = cbow, k, parts

    def vectors(self, ids: Tensor) -> Tensor:
        """Input vectors of words, (..., C)."""
        if self.parts is None:
            return _rows(self.inputs, ids)
        return self.parts.mean(self.inputs, ids.reshape(-1)).view(*ids.shape, -1)

    def loss(self, chunks: Chunks) -> Tensor:
        """The sum of the written losses over the chunks, a scalar that autograd can follow."""
        if self.cbow:
            _, hidden = self._hidden(chunks)
            good, bad, weight = self._cbow_scores(chunks, hidden)
            there = (weight > 0).float()
            return -(there * F.logsigmoid(good)).sum() - (weight[..., None] * F.logsigmoid(-bad)).sum()
        scores = self.vectors(chunks.centres) @ self.outputs[self._others(chunks)].mT
        weights, A = self._weights(chunks), chunks.around.shape[1]
        return (
            -(weights[..., :A] * F.logsigmoid(scores[..., :A])).sum()
            - (weights[..., A:] * F.logsigmoid(-scores[..., A:])).sum()
        )

    def step(self, chunks: Chunks, lr: float) -> None:
        """v ← v − lr ∂L/∂v for all vectors of the chunks at once."""
        (self._cbow_step if self.cbow else self._skip_gram_step)(chunks, lr)

    def _others(self, chunks: Chunks) -> Tensor:
        return torch.cat((chunks.around, chunks.negatives), 1)

    def _weights(self, chunks: Chunks) -> Tensor:
        """(n, S, A + N)."""
        N = chunks.negatives.shape[1]
        each = chunks.pairs.sum(-1, keepdim=True) * (self.k / N)
        return torch.cat((chunks.pairs, each.expand(-1, -1, N)), 2)

    def _skip_gram_step(self, chunks: Chunks, lr: float) -> None:
        others, A = self._others(chunks), chunks.around.shape[1]
        v, u = self.vectors(chunks.centres), _rows(self.outputs, others)
        slope = torch.bmm(v, u.mT).sigmoid_()
        slope[..., :A] -= 1
        slope *= self._weights(chunks).mul_(-lr)
        self._add(chunks.centres, torch.bmm(slope, u))
        add_rows(self.outputs, others.reshape(-1), torch.bmm(slope.mT, v).flatten(0, 1))

    def _hidden(self, chunks: Chunks) -> tuple[Tensor, Tensor]:
        """The number of words around each centre, (n, S, 1), and their mean vector, (n, S, C)."""
        number = chunks.pairs.sum(-1, keepdim=True)
        return number, torch.bmm(chunks.pairs / number.clamp(min=1), self.vectors(chunks.around))

    def _cbow_scores(self, chunks: Chunks, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        good = (hidden * self.outputs[chunks.centres]).sum(-1)
        bad = torch.bmm(hidden, self.outputs[chunks.negatives].mT)
        weight = (chunks.pairs.sum(-1) > 0).float() * (self.k / chunks.negatives.shape[1])
        return good, bad, weight

    def _cbow_step(self, chunks: Chunks, lr: float) -> None:
        number, hidden = self._hidden(chunks)
        N = chunks.negatives.shape[1]
        there = (number > 0).to(number.dtype).mul_(-lr)  # (n, S, 1)
        u, u_bad = _rows(self.outputs, chunks.centres), _rows(self.outputs, chunks.negatives)
        slope = ((hidden * u).sum(-1, keepdim=True).sigmoid_() - 1) * there
        slope_bad = torch.bmm(hidden, u_bad.mT).sigmoid_().mul_(there * (self.k / N))
        change = torch.bmm(slope_bad, u_bad).addcmul_(slope, u)
        self._add(chunks.around, torch.bmm(chunks.pairs.mT, change))
        add_rows(self.outputs, chunks.centres.reshape(-1), (slope * hidden).flatten(0, 1))
        add_rows(self.outputs, chunks.negatives.reshape(-1), torch.bmm(slope_bad.mT, hidden).flatten(0, 1))

    def _add(self, ids: Tensor, change: Tensor) -> None:
        if self.parts is None:
            add_rows(self.inputs, ids.reshape(-1), change.flatten(0, 1))
        else:
            rows, owner = self.parts.flat(ids.reshape(-1))
            add_rows(self.inputs, rows, change.flatten(0, 1)[owner])


def _rows(table: Tensor, ids: Tensor) -> Tensor:
    """``table[ids]``, (..., C), in half the time."""
    return table.index_select(0, ids.reshape(-1)).view(*ids.shape, -1)


def add_rows(table: Tensor, rows: Tensor, change: Tensor) -> None:
    """Add each of (R, C) to its row; rows may repeat. (``index_add_`` takes 2 to 6 times as long.)"""
    table.scatter_add_(0, rows[:, None].expand(-1, table.shape[1]), change)
