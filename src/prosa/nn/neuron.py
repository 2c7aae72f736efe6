"""One neuron, and its gradient by hand: all of backpropagation in one place (Rumelhart, Hinton & Williams 1986).

    z = w · x + b        a weighted sum of the inputs
    y = tanh(z)          squeezed to -1 … 1
    loss = (y - target)² / 2

The chain rule walks back through the same three lines, each time multiplying by what a small step there would change:

    d loss / d y = y - target                      how wrong, and in which direction
    d loss / d z = d loss / d y · (1 - y²)         nothing passes a saturated neuron: at y = ± 1 this is 0
    d loss / d w = d loss / d z · x                each weight by what came through it
    d loss / d b = d loss / d z
    d loss / d x = d loss / d z · w                what is handed on to the neurons before it

A network is this over and over; where d loss / d x is multiplied by such factors many times, it vanishes or explodes
(``evaluate/gradients.py``). Plain numbers, no tensors.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Neuron:
    """What one pass forward and back gives, in the order in which it is computed."""

    z: float
    y: float
    loss: float
    d_y: float
    d_z: float
    d_w: tuple[float, ...]
    d_b: float
    d_x: tuple[float, ...]


def neuron(x: Sequence[float], w: Sequence[float], b: float, target: float) -> Neuron:
    """Forward and back through one neuron.

    Raises:
        ValueError: not as many weights as inputs.
    """
    z = sum(weight * value for weight, value in zip(w, x, strict=True)) + b
    y = math.tanh(z)
    d_y = y - target
    d_z = d_y * (1 - y * y)
    return Neuron(
        z=z,
        y=y,
        loss=d_y * d_y / 2,
        d_y=d_y,
        d_z=d_z,
        d_w=tuple(d_z * value for value in x),
        d_b=d_z,
        d_x=tuple(d_z * weight for weight in w),
    )


def learn(x: Sequence[float], w: Sequence[float], b: float, target: float, rate: float) -> tuple[list[float], float]:
    """Weights and bias after one step down the gradient."""
    found = neuron(x, w, b, target)
    return [weight - rate * d for weight, d in zip(w, found.d_w, strict=True)], b - rate * found.d_b
