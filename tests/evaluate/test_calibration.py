"""Expected calibration error against scikit-learn's reliability curve, by hand, and its laws."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from prosa.evaluate.calibration import expected_calibration_error


@pytest.mark.parametrize("bins", [1, 5, 15])
def test_equals_scikit_learns_curve_weighted_by_its_bins(bins: int) -> None:
    generator = np.random.default_rng(0)
    p = generator.random(5000)
    right = generator.random(5000) < p**1.5
    shares, means = calibration_curve(right, p, n_bins=bins)
    counts = np.histogram(p, np.linspace(0, 1, bins + 1))[0]
    expected = np.abs(shares - means) @ counts[counts > 0] / 5000
    assert expected_calibration_error(p, right, bins) == pytest.approx(expected, abs=1e-12)


def test_by_hand() -> None:
    """Two of .9, one right; two of .3, none right: (|.5 - .9| + |0 - .3|) / 2 = .35."""
    assert expected_calibration_error([0.9, 0.9, 0.3, 0.3], [True, False, False, False]) == pytest.approx(0.35)
    assert expected_calibration_error([1.0, 0.0], [True, False]) == 0
    assert expected_calibration_error([1.0, 0.95], [False, True]) == pytest.approx(0.475)  # of one bin


def test_a_calibrated_one_is_near_zero_and_a_bold_one_is_not() -> None:
    p = np.random.default_rng(1).random(200_000)
    right = np.random.default_rng(2).random(200_000) < p
    assert expected_calibration_error(p, right) < 0.01
    assert expected_calibration_error(np.minimum(1, p + 0.2), right) == pytest.approx(0.18, abs=0.02)


def test_none_or_unequal_is_refused() -> None:
    for p, right in (([], []), ([0.5], [True, False])):
        with pytest.raises(ValueError, match="as many"):
            expected_calibration_error(p, right)
