"""Whether a model is right as often as it says: expected calibration error (Naeini et al. 2015; Guo et al. 2017).

Predictions are put into bins by the probability that the model gives its own first choice; in a calibrated model what
is predicted with probability .7 is right 7 times in 10:

    ECE = Σ over bins  n_b / N · | share right in b − mean confidence in b |
"""

import numpy as np
from numpy.typing import ArrayLike

BINS = 15


def expected_calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = BINS) -> float:
    """ECE over ``bins`` bins of equal width.

    Args:
        confidence: probability of what was predicted, (N,), 0 to 1.
        right: whether it was so, (N,) bool.

    Raises:
        ValueError: none at all, or not as many of one as of the other.
    """
    p, hit = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if p.shape != hit.shape or not len(p):
        raise ValueError(f"confidences {p.shape} and outcomes {hit.shape} must be as many, and some")
    place = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(place, hit, bins) - np.bincount(place, p, bins)
    return float(np.abs(gaps).sum() / len(p))
