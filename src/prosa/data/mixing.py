"""Several sources mixed by weight: which source sample i comes from, and which of that source's samples it is.

Both are computed from i alone. Two sources with shares p and 1-p are mixed by the most even word there is, the
mechanical (Sturmian) word (Morse and Hedlund 1940, "Symbolic dynamics II"): sample i is the first source's when
floor((i+1)p) > floor(ip), so that before sample i it has given exactly floor(ip). More sources are mixed two by two:
the first against the rest, then, among the rest's samples, the second against what is left, and so on. Shares are exact
fractions, so proportions are exact over every whole number of periods; before that each source is less than one sample
off at each of its splits.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr

MAX_SAMPLE = 2**42  # times a numerator below 2**20 it still fits an int64
_MAX_DENOMINATOR = 2**20


def check_weights(weights: Sequence[float], names: Sequence[str]) -> None:
    """Refuse weights that are not finite numbers above 0.

    Raises:
        UserError: names the source.
    """
    for name, weight in zip(names, weights, strict=True):
        if not (math.isfinite(weight) and weight > 0):
            raise UserError(
                tr(f"source {name!r}: its weight is {weight}.", f"fonte {name!r}: o peso é {weight}."),
                tr(
                    "A weight is a number above 0; leave the source out to use none of it.",
                    "Um peso é um número maior que 0; retire a fonte para não usar nada dela.",
                ),
            )


def normalize(weights: Sequence[float]) -> list[float]:
    """Weights as shares that sum to 1."""
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def implied_epochs(tokens: Sequence[int], shares: Sequence[float], budget: float) -> list[float]:
    """How many times each source is read when ``budget`` tokens are drawn: share x budget / tokens.

    The shares are taken as they stand. GPT-3's table (Brown et al. 2020, table 2.2) prints 60, 22, 8, 8 and 3 %, which
    sum to 101: read as printed, over 300B tokens, they imply .439 3.474 2.000 .436 3.000 epochs (the table's own .44
    2.9 1.9 .43 3.4 are not implied by its weights). ``normalize`` first for shares that sum to 1, as training does.
    """
    return [share * budget / n for n, share in zip(tokens, shares, strict=True)]


class Mixture:
    """Sample number -> (source, which of that source's samples), a pure function.

    Args:
        weights: one a source, above 0; only their ratios matter. Decimal weights are taken as written (0.1 is 1/10).
    """

    def __init__(self, weights: Sequence[float]) -> None:
        if not weights or any(not (math.isfinite(weight) and weight > 0) for weight in weights):
            raise ValueError(f"weights must be finite and above 0: {list(weights)}")
        exact = [Fraction(repr(float(weight))) for weight in weights]
        self.splits = [  # the k-th source's share of what the sources before it left
            (exact[k] / sum(exact[k:])).limit_denominator(_MAX_DENOMINATOR) for k in range(len(exact))
        ]

    def counts(self, i: ArrayLike) -> NDArray[np.int64]:
        """How many of the samples 0..i-1 come from each source: (...) -> (..., sources) int64; the row sums to ``i``.

        Raises:
            ValueError: some ``i`` is below 0 or above 2**42.
        """
        rest = np.asarray(i, dtype=np.int64)
        if rest.size and (int(rest.min()) < 0 or int(rest.max()) > MAX_SAMPLE):
            raise ValueError("a sample number must be in 0..2**42")
        columns = []
        for split in self.splits:
            taken = rest * split.numerator // split.denominator
            columns.append(taken)
            rest = rest - taken
        return np.stack(columns, axis=-1)

    def sample(self, i: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Source number and index among that source's samples for each ``i``; both int64, the shape of ``i``."""
        number = np.asarray(i, dtype=np.int64)
        before = self.counts(number)
        source = np.argmax(self.counts(number + 1) - before, axis=-1)
        return source, np.take_along_axis(before, source[..., None], axis=-1)[..., 0]
