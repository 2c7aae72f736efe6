"""Positions: published values and the rotation laws."""

import pytest
import torch

from prosa.nn.positions import positions_in_documents, rotate, rotation, sinusoidal


def test_sinusoidal_values_of_width_4() -> None:
    table = sinusoidal(torch.arange(3)[None], 4)[0]
    assert table.dtype == torch.float32
    expected = [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.0100, 1.0000], [0.9093, -0.4161, 0.0200, 0.9998]]
    torch.testing.assert_close(table, torch.tensor(expected), atol=5.1e-5, rtol=0)  # given to 4 digits


@pytest.mark.parametrize("k", [1, 7, 100])
def test_a_shift_of_sinusoidal_positions_is_one_rotation(k: int) -> None:
    """PE(p + k) = R(k) PE(p) with the same R for every p: pair i turns by k / 10000^(2i/C)."""
    size = 16
    table = sinusoidal(torch.arange(200)[None], size)[0].double()
    angles = k / 10000 ** (torch.arange(0, size, 2).double() / size)
    sines, cosines = table[:100, 0::2], table[:100, 1::2]
    torch.testing.assert_close(
        table[k : 100 + k, 0::2], sines * angles.cos() + cosines * angles.sin(), atol=2e-5, rtol=0
    )
    torch.testing.assert_close(
        table[k : 100 + k, 1::2], cosines * angles.cos() - sines * angles.sin(), atol=2e-5, rtol=0
    )


def test_rotation_turns_the_halves_by_position_times_frequency() -> None:
    x = torch.zeros(1, 1, 3, 4)
    x[..., 0] = 1.0  # the pair (0, 2), frequency 1
    x[..., 3] = 2.0  # the pair (1, 3), frequency base^(-1/2)
    turned = rotate(x, rotation(torch.tensor([[0, 1, 5]]), 4, 100.0))[0, 0]
    for row, p in zip(turned, (0.0, 1.0, 5.0), strict=True):
        a, b = torch.tensor(p), torch.tensor(p / 10)
        expected = torch.stack((a.cos(), -2 * b.sin(), a.sin(), 2 * b.cos()))
        torch.testing.assert_close(row, expected, atol=1e-6, rtol=1e-6)


def test_rotation_keeps_lengths_and_products_depend_on_distance_only() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, 1, 1, 32, generator=generator)

    def product(p: int, s: int) -> float:
        turned_q = rotate(q, rotation(torch.tensor([[p]]), 32, 10000.0))
        turned_k = rotate(k, rotation(torch.tensor([[s]]), 32, 10000.0))
        assert turned_q.norm().item() == pytest.approx(q.norm().item(), rel=1e-5)
        return (turned_q * turned_k).sum().item()

    assert product(3, 1) == pytest.approx(product(902, 900), abs=1e-3)
    assert product(0, 0) == pytest.approx((q * k).sum().item(), abs=1e-5)
    assert abs(product(3, 1) - product(1, 3)) > 0.1


def test_the_gradient_of_a_rotation_is_turned_back() -> None:
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    by = tuple(part.double() for part in rotation(torch.tensor([[0, 1, 5, 9]]), 6, 100.0))
    assert torch.autograd.gradcheck(lambda x: rotate(x, by), x)


def test_rotation_keeps_the_dtype() -> None:
    x = torch.randn(1, 2, 3, 8, dtype=torch.bfloat16)
    assert rotate(x, rotation(torch.arange(3)[None], 8, 10000.0)).dtype == torch.bfloat16


def test_positions_start_again_in_each_document() -> None:
    documents = torch.tensor([[4, 4, 4, 5, 5, 9], [1, 2, 3, 3, 3, 3], [7, 7, 7, 7, 7, 7]])
    assert positions_in_documents(documents).tolist() == [[0, 1, 2, 0, 1, 0], [0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5]]
    packed = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 2, 2, 2], [0] * 8 + [1, 1], [0] * 10])
    assert positions_in_documents(packed).tolist() == [
        [0, 1, 2, 0, 1, 2, 3, 0, 1, 2],
        [0, 1, 2, 3, 4, 5, 6, 7, 0, 1],
        list(range(10)),
    ]
