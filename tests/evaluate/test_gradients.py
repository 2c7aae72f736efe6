"""How far gradients reach: the linear power law, the product of tanh slopes, and what gates and attention do."""

import pytest
import torch

from prosa.evaluate.gradients import (
    attention_block,
    input_gradients,
    linear_network,
    measure_reach,
    open_lstm,
    plain_network,
    reading,
    rotation_times,
)
from prosa.nn.recurrent import RNNCell


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(4)


def inputs(rows: int = 3, tokens: int = 31, width: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    direction = torch.randn(width, dtype=torch.float64)
    return 0.1 * torch.randn(rows, tokens, width, dtype=torch.float64), direction / direction.norm()


@pytest.mark.parametrize("radius", [0.5, 0.9, 1.0, 1.2])
def test_of_a_linear_network_it_is_the_radius_to_the_power_of_the_distance(radius: float) -> None:
    x, direction = inputs()
    norms = input_gradients(linear_network(radius, 8), x, direction)
    torch.testing.assert_close(norms, radius ** torch.arange(31, dtype=torch.float64), rtol=1e-12, atol=0)


def test_every_eigenvalue_has_the_radius() -> None:
    u = rotation_times(0.7, 9)
    torch.testing.assert_close(torch.linalg.eigvals(u).abs(), torch.full((9,), 0.7, dtype=torch.float64))


def test_of_a_tanh_network_it_is_the_product_of_the_jacobians_by_hand() -> None:
    x, direction = inputs(rows=1, tokens=12)
    cell = plain_network(1.1, 8)
    u, h, states = cell.recurrent.weight.detach(), torch.zeros(8, dtype=torch.float64), []
    for t in range(12):
        h = torch.tanh(x[0, t] + u @ h)
        states.append(h)
    expected, back = [], direction  # d loss / d h_T
    for t in range(11, -1, -1):
        slope = 1 - states[t] ** 2
        expected.append((slope * back).norm())  # d loss / d x_t: its matrix is the identity
        back = u.T @ (slope * back)
    torch.testing.assert_close(input_gradients(reading(cell), x, direction), torch.stack(expected), rtol=1e-10, atol=0)


def test_a_linear_bound_holds_for_tanh() -> None:
    """Slopes are at most 1: ‖d loss / d x_t‖ ≤ ρ^(T-t)."""
    x, direction = inputs()
    norms = input_gradients(reading(plain_network(0.9, 8)), x, direction)
    assert (norms <= 0.9 ** torch.arange(31) + 1e-12).all()


def test_what_reaches_far_and_what_does_not() -> None:
    curves = {(reach.name, reach.radius): reach.norms for reach in measure_reach(width=32, rows=4)}
    assert all(len(norms) == 101 for norms in curves.values())

    def lost(name: str, radius: float | None = None) -> float:
        return curves[name, radius][100] / curves[name, radius][1]

    assert lost("linear", 0.8) == pytest.approx(0.8**99, rel=1e-9)
    assert lost("linear", 1.0) == pytest.approx(1, rel=1e-9)
    assert lost("linear", 1.5) == pytest.approx(1.5**99, rel=1e-9)
    assert lost("rnn", 0.8) < 1e-9
    assert lost("rnn", 1.5) > 10  # explodes, and far slower than without tanh
    assert lost("rnn", 1.5) < lost("linear", 1.5) / 1e9
    for gated in ("gru", "lstm"):  # as they begin, gates are half open, and half a step is lost at each
        assert lost("rnn") < lost(gated) < 1e-12
    assert 0.1 < lost("lstm-open") < 10
    assert 0.1 < lost("attention") < 10


def test_nothing_reaches_back_from_what_comes_later() -> None:
    x, direction = inputs()
    for layer in (attention_block(8), reading(open_lstm(8)), reading(RNNCell(8, 8).double())):
        cut = input_gradients(lambda x_BTC, layer=layer: layer(x_BTC)[:, :20], x, direction)
        assert cut[:11].abs().max() == 0
        torch.testing.assert_close(cut[11:], input_gradients(layer, x[:, :20], direction))


def test_the_same_seed_gives_the_same_curves_and_leaves_torchs_alone() -> None:
    before = torch.get_rng_state()
    assert measure_reach(distance=5, width=8, rows=2) == measure_reach(distance=5, width=8, rows=2)
    assert measure_reach(distance=5, width=8, rows=2) != measure_reach(distance=5, width=8, rows=2, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
