"""What all rungs are measured on, and how: the same bytes of the same held-out documents, each predicted once.

A model over one byte-level vocabulary pays for every byte, so that its figure needs no token count:

    bits per byte = sum over held-out bytes of -log2 p(byte | what stands before it in its document) / bytes

Counting sees the last bytes of the document, a network a window of it; windows overlap by half, so that every byte but
a document's first ones is predicted with at least half a window before it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prosa.core.interval import bootstrap_ratio
from prosa.data.shards import TokenFolder
from prosa.evaluate.units import Units, units_of

MOST_BYTES = 300_000  # measured; of longer held-out text every document is cut to the same most bytes
AT_ONCE = 64  # windows

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """The held-out documents as they are measured."""

    documents: Sequence[Ids]
    units: Units
    end_of_text: int

    @property
    def bytes(self) -> int:
        """All that is predicted."""
        return sum(map(len, self.documents))

    def lengths(self) -> list[int]:
        """Bytes of each unit."""
        return [int(n) for n in self.units.sums(np.ones(len(ids)) for ids in self.documents)]

    def nats(self, predicted: Iterator[Floats]) -> list[float]:
        """The sum of each unit, of the nats of each byte, document by document."""
        return [float(sum_) for sum_ in self.units.sums(predicted)]


def held_out(folder: TokenFolder, most: int = MOST_BYTES) -> HeldOut:
    """Of every held-out document of a byte-level token folder at most so many first bytes that ``most`` come of it."""
    documents = [ids for ids, _ in folder.documents("held_out") if len(ids)]
    cut = _level([len(ids) for ids in documents], most)
    documents = [ids[:cut] for ids in documents]
    assert folder.end_of_text is not None
    return HeldOut(documents, units_of(documents), folder.end_of_text)


def of_counts(model: Any, held: HeldOut) -> list[float]:
    """Nats of each unit under a model of counts."""
    return held.nats(-model.log_probs(ids, [held.end_of_text]) for ids in held.documents)


def of_network(model: Any, held: HeldOut, advance: Callable[[int], None] = lambda n: None) -> list[float]:
    """Nats of each unit under a network."""
    from prosa.evaluate.loss import token_losses

    def predicted() -> Iterator[Floats]:
        stride = max(1, model.config.context // 2)
        for nats in token_losses(model, held.documents, end_of_text=held.end_of_text, stride=stride, batch=AT_ONCE):
            advance(len(nats))
            yield nats

    return held.nats(predicted())


def bits_per_byte(nats: Sequence[float], lengths: Sequence[int]) -> float:
    """Of all units together."""
    return sum(nats) / sum(lengths) / math.log(2)


def interval(nats: Sequence[float], lengths: Sequence[int]) -> list[float] | None:
    """95 % over units of the bits per byte; None for a single one."""
    found = bootstrap_ratio([n / math.log(2) for n in nats], lengths)
    return None if found is None else list(found)


def _level(lengths: Sequence[int], most: int) -> int:
    """The greatest length to which all may be cut, or left, so that their sum is at most ``most`` (at least 1)."""
    left = most
    for i, length in enumerate(sorted(lengths)):
        here = left // (len(lengths) - i)
        if length > here:
            return max(1, here)
        left -= length
    return max(lengths, default=1)
