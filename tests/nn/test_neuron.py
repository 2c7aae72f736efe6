"""The gradient of one neuron by hand: against autograd, against small steps, and by arithmetic on paper."""

import math
import random

import pytest
import torch

from prosa.nn.neuron import learn, neuron


def drawn(seed: int, n: int = 4) -> tuple[list[float], list[float], float, float]:
    generator = random.Random(seed)
    return (
        [generator.gauss(0, 1) for _ in range(n)],
        [generator.gauss(0, 1) for _ in range(n)],
        generator.gauss(0, 1),
        generator.uniform(-1, 1),
    )


@pytest.mark.parametrize("seed", range(20))
def test_equals_autograd(seed: int) -> None:
    x, w, b, target = drawn(seed)
    tensors = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (x, w, b)]
    loss = (torch.tanh(tensors[0] @ tensors[1] + tensors[2]) - target) ** 2 / 2
    loss.backward()
    found = neuron(x, w, b, target)
    assert found.loss == pytest.approx(loss.item(), rel=1e-12)
    assert found.d_x == pytest.approx(tensors[0].grad.tolist(), rel=1e-10)
    assert found.d_w == pytest.approx(tensors[1].grad.tolist(), rel=1e-10)
    assert found.d_b == pytest.approx(tensors[2].grad.item(), rel=1e-10)


def test_equals_what_a_small_step_changes() -> None:
    x, w, b, target = drawn(1)
    found, h = neuron(x, w, b, target), 1e-6
    for i in range(4):
        up, down = ([*w[:i], w[i] + s * h, *w[i + 1 :]] for s in (1, -1))
        slope = (neuron(x, up, b, target).loss - neuron(x, down, b, target).loss) / (2 * h)
        assert found.d_w[i] == pytest.approx(slope, rel=1e-6)


def test_on_paper() -> None:
    """x = (1, 2), w = (.5, -.25), b = 0: z = 0, y = 0; target 1: loss 1/2, d z = -1, d w = (-1, -2)."""
    found = neuron((1, 2), (0.5, -0.25), 0, 1)
    assert (found.z, found.y, found.loss, found.d_y, found.d_z, found.d_b) == (0, 0, 0.5, -1, -1, -1)
    assert found.d_w == (-1, -2)
    assert found.d_x == (-0.5, 0.25)
    w, b = learn((1, 2), (0.5, -0.25), 0, 1, rate=0.1)
    assert (*w, b) == pytest.approx((0.6, -0.05, 0.1))


def test_a_saturated_neuron_learns_nothing_and_steps_lower_the_loss() -> None:
    stuck = neuron((1,), (20,), 0, -1)  # as wrong as can be
    assert stuck.loss == pytest.approx(2)
    assert abs(stuck.d_w[0]) < 1e-15
    x, w, b, target = [1.0, -0.5], [0.3, 0.4], -0.2, 0.8
    losses = []
    for _ in range(200):
        losses.append(neuron(x, w, b, target).loss)
        w, b = learn(x, w, b, target, 0.1)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 10
    assert not any(math.isnan(value) for value in losses)


def test_as_many_weights_as_inputs() -> None:
    with pytest.raises(ValueError, match="zip"):
        neuron((1, 2), (1,), 0, 0)
