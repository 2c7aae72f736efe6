"""Threads that share a micro-batch's rows: the same sums as one, the same bits whoever is faster, exact resume."""

import dataclasses

import pytest
import torch

from prosa.core.errors import UserError
from prosa.data.batches import IGNORE
from prosa.train.objectives import NextToken
from prosa.train.step import accumulate
from prosa.train.workers import Workers

SHAPES = [{"shape": "classic"}, {"shape": "modern"}, {"shape": "modern", "tied": False}, {"shape": "speedrun"}]


def _gradients(model) -> list[torch.Tensor]:
    found = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in model.parameters()]
    model.zero_grad(set_to_none=True)
    return found


def _batch(make_batches):
    batch = make_batches(8).at(0)
    targets = batch.targets.clone()
    targets[:3, 5:] = IGNORE  # unequal numbers of targets in the threads' parts
    return dataclasses.replace(batch, targets=targets)


@pytest.mark.parametrize("number", [1, 2, 3, 11])
@pytest.mark.parametrize("micro_batch", [8, 3])
def test_float32_gradients_are_those_of_one_thread(make, make_batches, number: int, micro_batch: int) -> None:
    model, batch = make(), _batch(make_batches)
    whole = accumulate(model, NextToken(), batch, micro_batch=8, precision="float32", seed=0, step=0)
    expected = _gradients(model)
    shared = Workers(model, number, "float32").accumulate(NextToken(), batch, micro_batch=micro_batch)
    assert shared.targets == whole.targets
    assert shared.total == pytest.approx(whole.total, rel=1e-6)
    for a, b in zip(_gradients(model), expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bfloat16_gradients_are_near_and_the_weights_are_read_anew(make, make_batches, shape) -> None:
    model, batch = make(**shape), _batch(make_batches)
    workers = Workers(model, 2, "bfloat16")
    for _ in range(2):
        with torch.no_grad():  # the zero matrices of the speedrun shape would hide what is behind them
            for p in model.parameters():
                p.add_(torch.randn_like(p) * 0.05)
        whole = accumulate(model, NextToken(), batch, micro_batch=8, precision="float32", seed=0, step=0)
        expected = _gradients(model)
        shared = workers.accumulate(NextToken(), batch, micro_batch=8)
        assert shared.total == pytest.approx(whole.total, rel=5e-3)
        for (name, p), a, b in zip(model.named_parameters(), _gradients(model), expected, strict=True):
            assert p.dtype == a.dtype == torch.float32
            near = 0.06 if p.ndim == 2 else 0.2  # a scalar's gradient is the small rest of a large sum
            assert float((a - b).norm()) <= near * float(b.norm()) + 1e-3, name


def test_the_bits_do_not_depend_on_the_threads_turns(make, make_batches) -> None:
    model, batch = make(), make_batches(8).at(3)
    workers = Workers(model, 4, "bfloat16")
    found = []
    for _ in range(5):
        loss = workers.accumulate(NextToken(), batch, micro_batch=8).total
        found.append((loss, _gradients(model)))
    assert all(loss == found[0][0] for loss, _ in found)
    assert all(torch.equal(a, b) for _, g in found for a, b in zip(g, found[0][1], strict=True))


def test_a_run_with_workers_resumes_bit_for_bit(make, make_settings, run, tmp_path) -> None:
    for precision in ("float32", "bfloat16"):
        here = tmp_path / precision
        config = make_settings(optimizer="muon", workers=2, precision=precision)
        whole = make()
        result = run(here / "whole", config, model=whole)
        assert result.resolved.workers == 2
        run(here / "parts", dataclasses.replace(config, steps=8, schedule="constant"), model=make())
        resumed, again = make(), make()
        run(here / "a", dataclasses.replace(config, schedule="constant"), model=again)
        run(here / "parts", dataclasses.replace(config, schedule="constant"), model=resumed, resume=True)
        assert all(torch.equal(a, b) for a, b in zip(resumed.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("options", [{"model": {"dropout": 0.1}}, {"train": {"activation_checkpointing": True}}])
def test_workers_refuse_what_threads_would_make_random(make, make_settings, run, tmp_path, options) -> None:
    config = make_settings(workers=2, **options.get("train", {}))
    with pytest.raises(UserError, match=r"train\.workers is 2"):
        run(tmp_path, config, model=make(**options.get("model", {})))
