"""Chunked cross-entropy against torch's own, and what it keeps in memory."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prosa.core.errors import UserError
from prosa.data.batches import IGNORE, Batch
from prosa.train.loss import chunk_tokens, chunked_cross_entropy, chunked_log_probs
from prosa.train.objectives import NextToken


@pytest.mark.parametrize("chunk", [1, 7, 30, 1000])
@pytest.mark.parametrize("cap", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_loss_and_gradients_equal_cross_entropy(chunk: int, cap: bool, smoothing: float) -> None:
    torch.manual_seed(0)
    linear, unused = nn.Linear(12, 19, dtype=torch.float64), nn.Parameter(torch.ones(3))

    def head(h: Tensor) -> Tensor:
        return 5 * torch.tanh(linear(h) / 5) if cap else linear(h)

    hidden, targets = torch.randn(30, 12, dtype=torch.float64, requires_grad=True), torch.randint(0, 19, (30,))
    inputs = [hidden, *linear.parameters()]
    expected = F.cross_entropy(head(hidden), targets, reduction="sum", label_smoothing=smoothing)
    wanted = torch.autograd.grad(expected * 0.3, inputs)
    found = chunked_cross_entropy(head, [unused, *linear.parameters()], hidden, targets, chunk, smoothing)
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    for a, b in zip(torch.autograd.grad(found * 0.3, inputs), wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=2e-6)  # the softmax is in float32
    with torch.no_grad():
        again = chunked_cross_entropy(head, [], hidden, targets, chunk, smoothing)
    assert float(again) == pytest.approx(float(expected.detach()), rel=1e-6)


def test_no_more_than_a_chunk_of_logits_is_ever_made_or_kept() -> None:
    linear, sizes = nn.Linear(8, 1000), []

    def head(h: Tensor) -> Tensor:
        sizes.append(len(h))
        return linear(h)

    kept: list[int] = []
    hidden = torch.randn(100, 8, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        loss = chunked_cross_entropy(head, list(linear.parameters()), hidden, torch.zeros(100, dtype=torch.long), 32)
    assert sizes == [32, 32, 32, 4]
    assert max(kept) <= 32 * 1000  # all logits would be 100,000 numbers
    loss.backward()
    assert linear.weight.grad is not None


def test_under_autocast_gradients_stay_close(make) -> None:
    model, ids = make(), torch.randint(0, 61, (4, 16))
    gradients = {}
    for name, chunk in (("whole", 64), ("chunks", 10)):
        model.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            total, count, _ = NextToken(chunk)(model, Batch(ids, ids))
        total.backward()
        assert count == 64
        gradients[name] = torch.cat([p.grad.flatten() for p in model.parameters()])
    assert model.embedding.weight.grad.dtype == torch.float32
    torch.testing.assert_close(
        gradients["chunks"], gradients["whole"], rtol=0, atol=0.02 * gradients["whole"].abs().max()
    )


def test_an_untrained_model_is_near_ln_v(make, make_batches) -> None:
    with torch.no_grad():
        total, count, _ = NextToken()(make(), make_batches().at(0))
    assert count == 8 * 16
    assert float(total) / count == pytest.approx(math.log(61), abs=0.05)


def test_next_token_equals_torch_with_a_mask(make) -> None:
    model = make()
    ids, targets = torch.randint(0, 61, (3, 16)), torch.randint(0, 61, (3, 16))
    targets[0, :5], targets[2] = IGNORE, IGNORE
    documents = torch.arange(16).repeat(3, 1) // 6
    total, count, _ = NextToken(7)(model, Batch(ids, targets, documents))
    logits = model(ids, documents_BT=documents)
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum")
    assert count == 27
    assert float(total.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_smoothed_labels_are_the_cross_entropy_with_a_mixed_target(make) -> None:
    """(1 - ε) of the target and ε of a uniform guess; of masked positions nothing."""
    model, ids = make(), torch.randint(0, 61, (3, 16))
    targets = ids.clone()
    targets[0, :5] = IGNORE
    total, count, _ = NextToken(label_smoothing=0.2)(model, Batch(ids, targets))
    there = targets != IGNORE
    mixed = 0.8 * F.one_hot(targets[there], 61) + 0.2 / 61
    expected = -(mixed * model(ids)[there].log_softmax(-1)).sum()
    assert count == 43
    assert float(total.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    for wrong in (1.0, -0.1):
        with pytest.raises(UserError, match="label_smoothing is"):
            NextToken(label_smoothing=wrong)


def test_a_batch_without_targets_is_an_error_not_nan(make) -> None:
    ids = torch.zeros(2, 4, dtype=torch.long)
    with pytest.raises(UserError, match="no targets"):
        NextToken()(make(), Batch(ids, torch.full_like(ids, IGNORE)))


def test_the_chunk_suits_device_and_vocabulary_unless_told() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert [chunk_tokens(0, 32768, cpu), chunk_tokens(0, 4096, cpu), chunk_tokens(0, 32768, cuda)] == [256, 2048, 2048]
    assert chunk_tokens(0, 2**24, cpu) == 1
    assert chunk_tokens(7, 32768, cpu) == 7


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_log_probs_in_chunks_have_torch_s_values_and_gradients(chunk: int) -> None:
    torch.manual_seed(0)
    linear, sizes = nn.Linear(12, 19), []

    def head(h: Tensor) -> Tensor:
        sizes.append(len(h))
        return linear(h)

    hidden, targets = torch.randn(30, 12, requires_grad=True), torch.randint(0, 19, (30,))
    inputs, weight = [hidden, *linear.parameters()], torch.randn(30)
    expected = linear(hidden).log_softmax(-1)[torch.arange(30), targets]
    found = chunked_log_probs(head, hidden, targets, chunk)
    torch.testing.assert_close(found, expected)
    wanted = torch.autograd.grad((weight * expected.exp()).sum(), inputs)
    for a, b in zip(torch.autograd.grad((weight * found.exp()).sum(), inputs), wanted, strict=True):
        torch.testing.assert_close(a, b)
    assert max(sizes) == min(chunk, 30)
    with torch.no_grad():
        torch.testing.assert_close(chunked_log_probs(head, hidden, targets, chunk), expected)
