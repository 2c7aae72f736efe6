"""Word2Vec: tables and probabilities by their formulas, a step against autograd, determinism."""

import numpy as np
import pytest
import torch

from prosa.data.words import BREAK
from prosa.models.subwords import Parts, Subwords
from prosa.models.word2vec import Layout, Word2Vec, keep_probabilities, negative_table


def test_negatives_follow_the_power_of_three_quarters():
    counts = np.array([1000, 300, 40, 5, 1])
    drawn = np.bincount(negative_table(counts, 100_000).numpy(), minlength=5) / 100_000
    expected = counts**0.75 / (counts**0.75).sum()
    assert np.abs(drawn - expected).max() <= 1e-5


def test_kept_words_as_in_the_reference_program():
    from gensim.models import Word2Vec as Gensim

    sentences = [["a"] * 900 + ["b"] * 90 + ["c"] * 10]
    theirs = Gensim(sentences, min_count=1, sample=1e-2, vector_size=2, epochs=1)
    ours = keep_probabilities([900, 90, 10], 1e-2)
    for word, p in zip("abc", ours, strict=True):
        assert theirs.wv.get_vecattr(word, "sample_int") / (2**32 - 1) == pytest.approx(p, abs=1e-6)
    assert ours[0] == pytest.approx((np.sqrt(0.9 / 0.01) + 1) * 0.01 / 0.9)
    assert (keep_probabilities([900, 90, 10], 0) == 1).all()


def chunks_of(layout, stream, seed=0):
    return layout(torch.tensor(stream), torch.Generator().manual_seed(seed))


def test_windows_are_drawn_and_end_with_the_sentence():
    layout = Layout([9] * 6, window=2, subsample=0, chunk=4, negatives=3)
    counts = torch.zeros(6, 6)
    for seed in range(400):
        laid = chunks_of(layout, [0, 1, 2, BREAK, 3, 4, 5, BREAK], seed)
        for n, s, a in laid.pairs.nonzero().tolist():
            counts[laid.centres[n, s], laid.around[n, a]] += 1
    near, far = 400, 200  # a distance of 1 is in every window, one of 2 in half
    assert counts[:3, 3:].sum() == counts[3:, :3].sum() == 0
    assert counts[0, 1] == counts[1, 0] == counts[5, 4] == near
    assert abs(counts[0, 2] - far) < 50
    assert abs(counts[3, 5] - far) < 50
    assert counts.diagonal().sum() == 0


def test_every_word_is_a_centre_once():
    layout = Layout([9] * 50, window=5, subsample=0, chunk=8, negatives=2)
    laid = chunks_of(layout, [*range(50), BREAK])
    there = laid.pairs.sum(-1) > 0
    assert sorted(laid.centres[there].tolist()) == list(range(50))


@pytest.mark.parametrize("cbow", [False, True])
@pytest.mark.parametrize("subwords", [False, True])
def test_a_step_follows_the_gradient_of_the_written_loss(cbow, subwords):
    words = [f"palavra{n}" for n in range(30)]
    parts = Parts(words, Subwords(buckets=500)) if subwords else None
    model = Word2Vec(30, 8, cbow=cbow, k=5, parts=parts, seed=1)
    model.inputs = torch.randn(model.inputs.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    model.outputs = torch.randn(30, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    layout = Layout(range(1, 31), window=3, subsample=0, chunk=8, negatives=6)
    laid = chunks_of(layout, torch.randint(0, 30, (50,), generator=torch.Generator().manual_seed(3)).tolist())
    laid = type(laid)(laid.centres, laid.around, laid.pairs.double(), laid.negatives)
    before = model.inputs.clone(), model.outputs.clone()

    # where an input is a mean, each of its parts gets the mean's gradient whole
    ids, averaged = laid.around if cbow else laid.centres, model.vectors(torch.arange(30)).detach()
    each, out = averaged[ids].clone().requires_grad_(), model.outputs.clone().requires_grad_()
    direct(laid, each, out, cbow).backward()
    change = whole_mean_gradient(laid, averaged, before[1]) if cbow else each.grad
    expected = before[0].clone()
    for id, gradient in zip(ids.reshape(-1), change.flatten(0, 1), strict=True):
        for row in [id] if parts is None else parts.flat(id[None])[0]:
            expected[row] -= 0.1 * gradient
    model.step(laid, 0.1)
    assert torch.allclose(model.inputs, expected, atol=1e-10)
    assert torch.allclose(model.outputs, before[1] - 0.1 * out.grad, atol=1e-10)


def direct(laid, inputs, outputs, cbow):
    """The loss of the module's docstring, pair by pair."""
    total, N = 0.0, laid.negatives.shape[1]
    log = torch.nn.functional.logsigmoid
    for n, s in np.ndindex(*laid.centres.shape):
        near = laid.pairs[n, s].nonzero()[:, 0].tolist()
        if not near:
            continue
        if cbow:
            v, targets = inputs[n, near].mean(0), [laid.centres[n, s]]
        else:
            v, targets = inputs[n, s], [laid.around[n, a] for a in near]
        for target in targets:
            total = total - log(v @ outputs[target]) - 5 / N * log(-(outputs[laid.negatives[n]] @ v)).sum()
    return total


def whole_mean_gradient(laid, vectors, outputs):
    """Of CBOW: for each word around, the sum of the gradients of the means that it is in."""
    change = torch.zeros(*laid.around.shape, vectors.shape[1], dtype=torch.float64)
    for n, s in np.ndindex(*laid.centres.shape):
        near = laid.pairs[n, s].nonzero()[:, 0].tolist()
        if near:
            h = vectors[laid.around[n, near]].mean(0).requires_grad_()
            N, log = laid.negatives.shape[1], torch.nn.functional.logsigmoid
            loss = -log(h @ outputs[laid.centres[n, s]]) - 5 / N * log(-(outputs[laid.negatives[n]] @ h)).sum()
            change[n, near] += torch.autograd.grad(loss, h)[0]
    return change


@pytest.mark.parametrize("cbow", [False, True])
def test_the_loss_is_the_written_one(cbow):
    model = Word2Vec(30, 8, cbow=cbow, k=5, seed=1)
    model.outputs = torch.randn(30, 8, generator=torch.Generator().manual_seed(2))
    layout = Layout(range(1, 31), window=3, subsample=0, chunk=8, negatives=6)
    laid = chunks_of(layout, torch.randint(0, 30, (50,), generator=torch.Generator().manual_seed(3)).tolist())
    inputs = model.vectors(laid.around if cbow else laid.centres)
    assert float(model.loss(laid)) == pytest.approx(float(direct(laid, inputs, model.outputs, cbow)), rel=1e-5)
