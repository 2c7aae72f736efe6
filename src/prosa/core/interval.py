"""Confidence intervals by the bootstrap (Efron 1979): resample the units, recompute, take the percentiles."""

import numpy as np
from numpy.typing import ArrayLike


def bootstrap_ratio(
    numerator: ArrayLike, denominator: ArrayLike, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float] | None:
    """Percentile interval of ``sum(numerator) / sum(denominator)`` over units resampled with replacement.

    The ratio of sums, not the mean of ratios: a long document counts by its length, as it does in the figure itself.

    Args:
        numerator, denominator: one value a unit (nats and bytes of a document, say), shape (n,).

    Returns:
        (low, high), or None when there are fewer than two units: one unit says nothing of the spread.
    """
    top, bottom = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    if top.shape != bottom.shape or top.ndim != 1:
        raise ValueError(f"numerator {top.shape} and denominator {bottom.shape} must be equal 1-D shapes")
    n = len(top)
    if n < 2:
        return None
    generator = np.random.default_rng(seed)
    ratios = np.empty(resamples)
    for i in range(resamples):  # one row at a time: n may be millions
        pick = generator.integers(0, n, n)
        ratios[i] = top[pick].sum() / bottom[pick].sum()
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
