"""Micro-batches add up to the batch, whatever the masks."""

import pytest
import torch

from prosa.data.batches import IGNORE, Batch
from prosa.train.objectives import NextToken
from prosa.train.step import accumulate, normalise, step_seed


def _gradients(model, batch, micro: int, clip: float = 0.0):
    model.zero_grad()
    model.train()
    losses = accumulate(model, NextToken(9), batch, micro_batch=micro, precision="float32", seed=0, step=1)
    norm = normalise(model, losses.targets, clip)
    return losses, norm, {name: p.grad.clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("masked", [False, True])
def test_one_times_eight_equals_eight_times_one(make, masked: bool) -> None:
    model = make().double()
    torch.manual_seed(3)
    ids, targets = torch.randint(0, 61, (8, 16)), torch.randint(0, 61, (8, 16))
    if masked:  # rows with 16, 14, 12 … 2 targets: a mean of means would be far off
        for row in range(8):
            targets[row, : 2 * row] = IGNORE
    whole, norm, gradients = _gradients(model, Batch(ids, targets), 8)
    for micro in (1, 2, 4):
        parts, other_norm, others = _gradients(model, Batch(ids, targets), micro)
        assert parts.targets == whole.targets == (72 if masked else 128)
        assert parts.mean == pytest.approx(whole.mean, rel=1e-6)
        assert other_norm == pytest.approx(norm, rel=1e-6)
        for name, gradient in gradients.items():
            torch.testing.assert_close(others[name], gradient, rtol=0, atol=1e-7)
    expected = torch.nn.functional.cross_entropy(model(ids).flatten(0, 1), targets.flatten(), ignore_index=IGNORE)
    assert whole.mean == pytest.approx(float(expected.detach()), rel=1e-6)


def test_clipping_is_torch_s(make) -> None:
    model, ids = make(), torch.randint(0, 61, (4, 16))
    _, norm, plain = _gradients(model, Batch(ids, ids), 4)
    _, same_norm, clipped = _gradients(model, Batch(ids, ids), 4, clip=norm / 3)
    assert same_norm == norm
    for name, p in model.named_parameters():
        p.grad = plain[name].clone()
    torch.nn.utils.clip_grad_norm_(model.parameters(), norm / 3)
    for name, p in model.named_parameters():
        torch.testing.assert_close(clipped[name], p.grad, rtol=1e-5, atol=1e-9)
    _, _, untouched = _gradients(model, Batch(ids, ids), 4, clip=norm * 2)
    assert all(torch.equal(untouched[name], plain[name]) for name in plain)


def test_dropout_is_a_function_of_seed_step_and_micro_batch(make) -> None:
    model, ids = make(dropout=0.5), torch.randint(0, 61, (4, 16))
    model.train()

    def loss(seed: int, step: int) -> float:
        torch.rand(7)  # the generator stands elsewhere each time
        kind = {"micro_batch": 2, "precision": "float32"}
        return accumulate(model, NextToken(), Batch(ids, ids), seed=seed, step=step, **kind).total

    assert loss(0, 1) == loss(0, 1)
    assert len({loss(0, 1), loss(0, 2), loss(1, 1)}) == 3
    assert len({step_seed(0, s, m) for s in range(50) for m in range(50)}) == 2500
