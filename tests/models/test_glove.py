"""GloVe: counts against a direct loop, the loss and a step against autograd."""

from collections import Counter

import numpy as np
import pytest
import torch

from prosa.data.words import BREAK
from prosa.models import glove
from prosa.models.glove import GloVe, cooccurrences


@pytest.mark.parametrize("part", [7, 500_000])
def test_counts_are_those_of_a_direct_loop(monkeypatch, part):
    monkeypatch.setattr(glove, "_PART", part)
    stream = np.random.default_rng(0).integers(-1, 6, 100).astype(np.int32)
    expected: Counter = Counter()
    for a in range(100):
        for b in range(a + 1, min(a + 5, 100)):
            if BREAK in stream[a : b + 1]:
                break
            expected[stream[a], stream[b]] += 1 / (b - a)
            expected[stream[b], stream[a]] += 1 / (b - a)
    found = cooccurrences(stream, 6, 4)
    there = dict(zip(zip(found.rows, found.columns, strict=True), found.values, strict=True))
    assert there == pytest.approx(expected)


def pairs():
    generator = torch.Generator().manual_seed(5)
    return (
        torch.randperm(20, generator=generator),
        torch.randperm(20, generator=generator),
        torch.rand(20, generator=generator) * 200 + 0.5,
    )


def test_loss_and_weights():
    model, (i, j, x) = GloVe(20, 6, seed=0), pairs()
    total = 0.0
    for a, b, value in zip(i, j, x, strict=True):
        weight = (value / 100) ** 0.75 if value < 100 else 1.0
        w, other = model.left[a], model.right[b]
        total += weight * (w[:-1] @ other[:-1] + w[-1] + other[-1] - torch.log(value)) ** 2
    assert float(model.loss(i, j, x)) == pytest.approx(float(total), rel=1e-5)


def test_a_step_is_adagrad_on_half_the_gradient():
    model, (i, j, x) = GloVe(20, 6, seed=0), pairs()
    i = i.clone()
    for _ in range(2):
        kept, sums = (model.left, model.right), [squares.clone() for squares in model.squares]
        leaves = [table.clone().requires_grad_() for table in kept]
        model.left, model.right = leaves
        (model.loss(i, j, x) / 2).backward()
        model.left, model.right = kept
        model.step(i, j, x, 0.05)
        for table, leaf, old, new in zip((model.left, model.right), leaves, sums, model.squares, strict=True):
            assert torch.allclose(table, leaf - 0.05 * leaf.grad / old.sqrt(), atol=1e-6)
            assert torch.allclose(new, old + leaf.grad**2, atol=1e-6)
        j = j.roll(1)
