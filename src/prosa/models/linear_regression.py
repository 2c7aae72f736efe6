"""Linear regression, the first model that one meets, by gradient descent.

    y = w x + b                                       the model: rain in, harvest out
    L = mean of (w x + b - y)²                        the loss
    dL/dw = mean of 2 (w x + b - y) x                 its slope in w, by the chain rule
    dL/db = mean of 2 (w x + b - y)                   … and in b
    w, b  ← w - rate · dL/dw, b - rate · dL/db        a step downhill, again and again

Every larger model here learns in the same way. x and y are standardised first ((x - mean) / deviation), so that L is a
round bowl with curvature 2 in both directions: then a rate below 1 converges, one of 1 or more does not. The minimum
has a closed form, w = cov(x, y) / var(x), b = mean(y) - w mean(x) (Legendre 1805), which the descent must reach.

Shapes: N points.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr

CONVERGED = 1e-9  # of the slope's length, in standardised units
HUGE = 1e12  # a loss above this comes down no more


@dataclass(frozen=True)
class Line:
    """y = w x + b."""

    w: float
    b: float

    def at(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """y of each x."""
        return self.w * x + self.b


@dataclass(frozen=True)
class Step:
    """Where the descent is after so many steps: the line, in the units of the data, and its loss."""

    number: int
    line: Line
    loss: float


def loss(line: Line, x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Mean squared error."""
    return float(np.mean((line.at(x) - y) ** 2))


def gradient(line: Line, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """dL/dw and dL/db, as written at the file's top."""
    off = line.at(x) - y
    return float(np.mean(2 * off * x)), float(np.mean(2 * off))


def closed_form(x: NDArray[np.float64], y: NDArray[np.float64]) -> Line:
    """The line with the least loss."""
    w = float(np.mean((x - x.mean()) * (y - y.mean())) / np.mean((x - x.mean()) ** 2))
    return Line(w, float(y.mean() - w * x.mean()))


def descend(x: Sequence[float], y: Sequence[float], *, rate: float = 0.1, steps: int = 10_000) -> list[Step]:
    """Every step of the descent from w = 0, b = mean(y), until the slope is flat.

    Raises:
        UserError: fewer than two points, all x (or all y) equal, a rate of 0 or less, or one with which it diverges.
    """
    x_N, y_N = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(x_N) < 2 or np.ptp(x_N) == 0:
        raise UserError(
            tr("a line needs two points with different x.", "uma reta precisa de dois pontos com x diferentes.")
        )
    if not (0 < rate < math.inf and steps >= 1):
        raise UserError(
            tr(
                f"rate is {rate} but must be above 0; steps is {steps} but must be at least 1.",
                f"rate é {rate}, mas deve ser acima de 0; steps é {steps}, mas deve ser pelo menos 1.",
            )
        )
    x_scale, y_scale = float(x_N.std()), float(y_N.std()) or 1.0
    u_N, v_N = (x_N - x_N.mean()) / x_scale, (y_N - y_N.mean()) / y_scale
    line, found = Line(0.0, 0.0), list[Step]()
    for number in range(steps + 1):
        w = line.w * y_scale / x_scale
        there = Line(w, float(y_N.mean()) + line.b * y_scale - w * float(x_N.mean()))
        found.append(Step(number, there, loss(there, x_N, y_N)))
        slope = gradient(line, u_N, v_N)
        if loss(line, u_N, v_N) > HUGE:
            raise UserError(
                tr(
                    f"the descent diverges: after {number} steps the loss is {found[-1].loss:.3g}, and was "
                    f"{found[0].loss:.3g}. At a rate of {rate} each step lands beyond the valley, and higher up.",
                    f"a descida diverge: após {number} passos a perda é {found[-1].loss:.3g}, e era "
                    f"{found[0].loss:.3g}. Com taxa {rate}, cada passo salta o vale e para mais alto, do outro lado.",
                ),
                tr("Give a --rate below 1, such as 0.1.", "Dê --rate abaixo de 1, como 0.1."),
            )
        if math.hypot(*slope) < CONVERGED:
            break
        line = Line(line.w - rate * slope[0], line.b - rate * slope[1])
    return found
