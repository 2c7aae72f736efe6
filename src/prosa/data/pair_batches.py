"""Batches of pairs for an encoder-decoder, sentences of like length together, so that little of them is padding.

    source    x1 … xn end                      padded at its right; ``lengths`` says how long it is
    inputs    end y1 … ym                      what the decoder reads
    targets   y1 … ym end                      what it predicts, IGNORE behind it

The pairs of ``POOL`` steps are drawn together (``permutation.drawn``: in each epoch every pair once), sorted by length (the target's first),
cut into batches, and the batches take an order of their own. So a batch is a function of (seed, step), computed from
nothing before it. The longest of all come first, once: a step 0 that fits the memory tells that all will.

Shapes: B pairs, S tokens of the longest source, T of the longest target.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.data.batches import IGNORE, Batch
from prosa.data.pairs import Pair
from prosa.data.permutation import derive_seed, drawn, permute
from prosa.tokenizers.protocol import Tokenizer

POOL = 32  # steps whose pairs are sorted together

Ids = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class PairBatch(Batch):
    """A batch of pairs: ``inputs`` and ``targets`` (B, T) are the translations.

    Attributes:
        source: (B, S) int64.
        lengths: (B,) int64, of the sources.
    """

    source: Tensor
    lengths: Tensor


@dataclass(frozen=True)
class PairFit:
    """What became of the pairs."""

    pairs: int
    too_long: int
    """Left out: a side is longer than the context."""
    source_tokens: int
    target_tokens: int


class PairBatches:
    """The batches of encoded pairs.

    Args:
        pairs: source and target ids of each, without ``end``.
        context: the longest side, with its ``end``; pairs with a longer one are left out.
        end: the id that ends a sequence.
        batch_size: B.
        seed: of the order.

    Raises:
        UserError: no pair fits the context.
    """

    def __init__(self, pairs: Sequence[tuple[Ids, Ids]], *, context: int, end: int, batch_size: int, seed: int) -> None:
        self.batch_size, self.seed, self.end = batch_size, seed, end
        self._pairs = [(source, target) for source, target in pairs if max(len(source), len(target)) < context]
        if not self._pairs:
            raise UserError(
                tr(
                    f"no pair is shorter than the context of {context} tokens.",
                    f"nenhum par é mais curto que o contexto, de {context} tokens.",
                ),
                tr("Raise --shape.context, or cut the sentences.", "Aumente --shape.context, ou corte as frases."),
            )
        self._lengths = np.array([[len(source), len(target)] for source, target in self._pairs], np.int64)
        self.fit = PairFit(
            pairs=len(self._pairs),
            too_long=len(pairs) - len(self._pairs),
            source_tokens=int(self._lengths[:, 0].sum()),
            target_tokens=int(self._lengths[:, 1].sum()),
        )
        self._pool = lru_cache(maxsize=2)(self._make_pool)

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which as many pairs were read as there are (rounded up)."""
        return -(-len(self._pairs) // self.batch_size)

    @property
    def fingerprint(self) -> str:
        """Of the ids, in their order."""
        digest = hashlib.sha256(f"{self.end}".encode())
        for source, target in self._pairs:
            digest.update(len(source).to_bytes(8, "little") + source.tobytes() + b"|" + target.tobytes())
        return f"tokenizer=pairs;corpus={digest.hexdigest()[:16]};mixture=none"

    def at(self, step: int, rank: int = 0, world: int = 1) -> PairBatch:
        """The batch of a step, B / world pairs: rank r has the r-th part of them.

        Raises:
            ValueError: a negative step, a rank outside 0..world-1, or rows that cannot be shared equally.
        """
        if step < 0 or not 0 <= rank < world or self.batch_size % world:
            raise ValueError(f"step = {step}, rank = {rank}, world = {world}, batch_size = {self.batch_size}")
        rows = self.batch_size // world
        numbers = self._pool(step // POOL)[step % POOL]
        return self._batch(numbers[rank * rows : (rank + 1) * rows])

    def once(self) -> Iterator[PairBatch]:
        """Every pair once, by length; the last batch may have fewer."""
        order = np.lexsort(self._lengths.T)
        for first in range(0, len(order), self.batch_size):
            yield self._batch(order[first : first + self.batch_size])

    def _make_pool(self, pool: int) -> NDArray[np.int64]:
        """The pairs of a pool's steps, (POOL, B)."""
        steps = range(pool * POOL, (pool + 1) * POOL)
        numbers = np.concatenate([drawn(s, self.batch_size, len(self._pairs), self.seed) for s in steps])
        batches = numbers[np.lexsort(self._lengths[numbers].T)].reshape(POOL, self.batch_size)
        order = permute(np.arange(POOL), POOL, derive_seed(self.seed, "pool", pool))
        if pool == 0:
            order = np.concatenate([order[order == POOL - 1], order[order != POOL - 1]])
        return batches[order]

    def _batch(self, numbers: NDArray[np.int64]) -> PairBatch:
        chosen = [self._pairs[n] for n in numbers]
        longest_source, longest_target = self._lengths[numbers].max(0) + 1
        source = np.full((len(chosen), longest_source), self.end, np.int64)
        inputs = np.full((len(chosen), longest_target), self.end, np.int64)
        targets = np.full((len(chosen), longest_target), IGNORE, np.int64)
        for row, (x, y) in enumerate(chosen):
            source[row, : len(x)] = x
            inputs[row, 1 : len(y) + 1] = y
            targets[row, : len(y)] = y
            targets[row, len(y)] = self.end
        lengths = self._lengths[numbers, 0] + 1
        inputs_BT, targets_BT = torch.from_numpy(inputs), torch.from_numpy(targets)
        return PairBatch(inputs_BT, targets_BT, source=torch.from_numpy(source), lengths=torch.from_numpy(lengths))


def encode_pairs(tokenizer: Tokenizer, pairs: Sequence[Pair]) -> list[tuple[Ids, Ids]]:
    """The ids of each pair's two sides, encoded together.

    Raises:
        UserError: a lone surrogate.
    """
    flat, offsets = tokenizer.encode_batch([side for pair in pairs for side in (pair.text, pair.translation)])
    sides = np.split(flat.astype(np.int64), offsets[1:-1]) if pairs else []
    return list(zip(sides[::2], sides[1::2], strict=True))
