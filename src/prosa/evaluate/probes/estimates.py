"""Means over questions with their intervals (``evaluate/arena/resample.py``)."""

from collections.abc import Sequence

import numpy as np

from prosa.core.interval import paired_difference, wilson
from prosa.evaluate.arena.diversity import Estimate
from prosa.evaluate.arena.resample import drawn_sums, interval


def mean(values: Sequence[float], seed: int = 0, *, signed: bool = False) -> Estimate:
    """The mean of one value a question, and its 95 % interval over what questions might have been drawn instead.

    Means of the same questions under the same seed are drawn together: of a paired difference, give the differences.
    Where all values are 0, or all are 1, nothing varies that could be drawn, and the interval is the closed one of such
    a share (Wilson), or, where values are ``signed`` (-1 to 1), of such a difference (``core/interval.py``).
    """
    if not any(values) or (not signed and all(value == 1 for value in values)):
        n = len(values)
        return Estimate(float(values[0]), paired_difference(0, 0, n) if signed else wilson(int(values[0]) * n, n))
    rows = np.stack([np.asarray(values, dtype=np.float64), np.ones(len(values))], axis=1)
    drawn = drawn_sums(rows, seed)
    value = float(rows[:, 0].mean())
    return Estimate(value, interval(value, drawn[:, 0] / drawn[:, 1]))
