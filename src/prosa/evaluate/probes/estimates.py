"""Means over questions with their intervals (``evaluate/arena/resample.py``)."""

from collections.abc import Sequence

import numpy as np

from prosa.evaluate.arena.diversity import Estimate
from prosa.evaluate.arena.resample import drawn_sums, interval


def mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """The mean of one value a question, and its 95 % interval over what questions might have been drawn instead.

    Means of the same questions under the same seed are drawn together: of a paired difference, give the differences.
    """
    rows = np.stack([np.asarray(values, dtype=np.float64), np.ones(len(values))], axis=1)
    drawn = drawn_sums(rows, seed)
    value = float(rows[:, 0].mean())
    return Estimate(value, interval(value, drawn[:, 0] / drawn[:, 1]))
