"""Linear regression: numpy's and torch's answers, the descent reaches the closed form, too large a rate diverges."""

import numpy as np
import pytest
import torch

from prosa.core.errors import UserError
from prosa.models.linear_regression import Line, closed_form, descend, gradient, loss


def points(n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    x = generator.uniform(400, 1200, n)
    return x, 900 + 2.6 * x + generator.normal(0, 150, n)


def test_the_gradient_is_autograds() -> None:
    x, y = points()
    w, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (1.7, -20.0))
    ((w * torch.tensor(x) + b - torch.tensor(y)) ** 2).mean().backward()
    assert gradient(Line(1.7, -20.0), x, y) == pytest.approx((float(w.grad), float(b.grad)))


def test_the_descent_ends_at_the_closed_form_which_is_numpys() -> None:
    x, y = points()
    exact = closed_form(x, y)
    assert (exact.w, exact.b) == pytest.approx(tuple(np.polyfit(x, y, 1)))
    path = descend(x, y)
    assert (path[-1].line.w, path[-1].line.b) == pytest.approx((exact.w, exact.b), rel=1e-8)
    losses = [step.loss for step in path]
    assert losses[:50] == sorted(losses[:50], reverse=True)
    assert path[-1].number < 200
    assert path[0].loss == pytest.approx(y.var())  # always the mean
    assert path[-1].loss == pytest.approx(loss(exact, x, y))


def test_each_step_takes_the_error_to_a_known_fraction() -> None:
    """Standardised, w - w* shrinks by 1 - 2 rate a step: to 0.8 of it with 0.1; at 0.5 it is there in one."""
    x, y = points()
    exact = closed_form(x, y).w
    path = descend(x, y, rate=0.1)
    assert [(step.line.w - exact) / -exact for step in path[:5]] == pytest.approx([1, 0.8, 0.64, 0.512, 0.4096])
    assert descend(x, y, rate=0.5)[1].line.w == pytest.approx(exact)
    unit = descend(x / 1000, y * 7, rate=0.1)  # whatever the units
    assert unit[3].line.w == pytest.approx(path[3].line.w * 7000)


def test_too_large_a_rate_is_told_and_so_is_what_has_no_line() -> None:
    x, y = points()
    assert descend(x, y, rate=0.99)[-1].line.w == pytest.approx(closed_form(x, y).w)
    with pytest.raises(UserError, match=r"the descent diverges: after \d+ steps .* At a rate of 1\.1 each step"):
        descend(x, y, rate=1.1)
    for xs, ys in (([1.0], [2.0]), ([3.0, 3.0], [1.0, 2.0]), ([], [])):
        with pytest.raises(UserError, match="a line needs two points with different x"):
            descend(xs, ys)
    with pytest.raises(UserError, match="rate is 0"):
        descend(x, y, rate=0)
    assert descend([1, 2, 3], [5, 5, 5])[-1].line == Line(0, 5)
