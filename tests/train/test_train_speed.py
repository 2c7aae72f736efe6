"""FLOPs a token against counting by hand and against torch's counter; the matrix peak is a plausible figure."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from prosa.train.speed import flops_per_token, matmul_peak


def test_palm_s_formula_by_hand(make) -> None:
    model = make(shape="classic", n_layer=3, n_head=4, d_model=32, d_ff=128, tied=True)
    blocks = 3 * (4 * (32 * 32 + 32) + 2 * 32 * 128 + 128 + 32 + 4 * 32) + 2 * 32
    assert flops_per_token(model, 16) == 6 * (blocks + 61 * 32) + 12 * 3 * 32 * 16
    untied = make(shape="classic", n_layer=3, n_head=4, d_model=32, d_ff=128, tied=False)
    assert flops_per_token(untied, 16) == flops_per_token(model, 16)  # the table that only looks up costs nothing


def test_it_is_near_what_torch_counts(make) -> None:
    model = make(vocab_size=500, context=32, n_layer=2, n_head=4, d_model=128, d_ff=512)
    ids = torch.randint(0, 500, (2, 32))
    with FlopCounterMode(display=False) as counter:
        torch.nn.functional.cross_entropy(model(ids).flatten(0, 1), ids.flatten()).backward()
    assert counter.get_total_flops() / 64 == pytest.approx(flops_per_token(model, 32), rel=0.01)


def test_matmul_peak_is_measured_once() -> None:
    device = torch.device("cpu")
    peak = matmul_peak(device, torch.float32)
    assert 1e9 < peak < 1e13
    assert matmul_peak(device, torch.float32) == peak
