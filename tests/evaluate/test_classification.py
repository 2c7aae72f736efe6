"""Figures of a classification, worked out by hand."""

import pytest

from prosa.core.interval import wilson
from prosa.evaluate.classification import classification


def test_figures_by_hand() -> None:
    truth = [0, 0, 0, 0, 1, 1, 2]
    said = [0, 0, 1, 0, 1, 0, 0]
    found = classification(truth, said, ("a", "b", "c", "d"))
    assert found.confusion == ((3, 1, 0, 0), (1, 1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 0))
    assert (found.n, found.right, found.commonest) == (7, 4, pytest.approx(4 / 7))
    assert found.accuracy == pytest.approx(4 / 7)
    assert found.interval == wilson(4, 7)
    a, b, c, d = found.classes
    assert (a.precision, a.recall, a.f1) == pytest.approx((3 / 5, 3 / 4, 2 / 3))
    assert (b.precision, b.recall, b.f1) == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    assert (c.n, c.precision, c.recall, c.f1) == (1, 0, 0, 0)
    assert (d.n, d.f1) == (0, 0)
    assert found.macro_f1 == pytest.approx((2 / 3 + 1 / 2) / 4)
    assert found.to_json()["classes"][0]["label"] == "a"
