"""Confidence intervals: of a ratio by the bootstrap (Efron 1979), of a share of right answers and of the difference
of two such shares in closed form.

    wilson              (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)          (Wilson 1927, JASA 22)
    paired_difference   a - b ± z √((a + b - (a - b)²) / (n + 2)),
                        a = (only the second right + 1) / (n + 2), b = (only the first right + 1) / (n + 2)
                                                                       (Bonett & Price 2012, JEBS 37)

Both keep their level where all or none are right, where the normal interval has no width. The second is the interval
that belongs to McNemar's test: problems that both get right, or both wrong, say nothing of the difference.
"""

import math
from statistics import NormalDist

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


def wilson(right: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """The interval of a share of ``right`` among ``n`` independent answers; nothing asked says nothing: (0, 1)."""
    if not 0 <= right <= n:
        raise ValueError(f"{right} right of {n}")
    if n == 0:
        return 0.0, 1.0
    z, share = _z(level), right / n
    middle = share + z * z / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    return max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole)


def paired_difference(gained: int, lost: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """The interval of (gained - lost) / n, the difference of two shares of right answers to the same ``n`` problems.

    Args:
        gained: problems that the second alone has right.
        lost: problems that the first alone has right.
    """
    if min(gained, lost) < 0 or gained + lost > n:
        raise ValueError(f"{gained} gained and {lost} lost of {n}")
    a, b = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    reach = _z(level) * math.sqrt((a + b - (a - b) ** 2) / (n + 2))
    return max(-1.0, a - b - reach), min(1.0, a - b + reach)


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)
