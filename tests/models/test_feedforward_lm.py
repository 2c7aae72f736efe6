"""The feed-forward language model: the paper's formula written out a token at a time, documents, gradients."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from prosa.core.errors import UserError
from prosa.models.feedforward_lm import FeedForwardConfig, FeedForwardLM

CONFIG = FeedForwardConfig(vocab_size=17, context=16, window=3, d_embedding=4, d_hidden=6)
IDS = torch.randint(17, (2, 9), generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=[False, True], ids=["indirect", "direct"])
def model(request: pytest.FixtureRequest) -> FeedForwardLM:
    torch.manual_seed(1)
    model = FeedForwardLM(dataclasses.replace(CONFIG, direct=request.param)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def by_the_paper(model: FeedForwardLM, ids: list[int]) -> Tensor:
    """y = b + W x + U tanh(d + H x) for the token after ``ids``, padded in front with zeros."""
    table, (H, d) = model.embedding.weight, (model.layer.weight, model.layer.bias)
    vectors = [table[i] for i in ids[-3:]]
    x = torch.cat([torch.zeros(4, dtype=torch.float64)] * (3 - len(vectors)) + vectors)
    U, W = model.unembedding.weight[:, :6], model.unembedding.weight[:, 6:]
    y = model.unembedding.bias + U @ torch.tanh(d + H @ x)
    return y + W @ x if model.config.direct else y


@torch.no_grad()
def test_equals_the_formula_token_by_token(model: FeedForwardLM) -> None:
    found = model(IDS)
    for row in range(2):
        for t in range(9):
            torch.testing.assert_close(found[row, t], by_the_paper(model, IDS[row, : t + 1].tolist()))


@torch.no_grad()
def test_documents_in_a_row_are_read_as_if_alone(model: FeedForwardLM) -> None:
    documents = torch.tensor([[5, 5, 5, 5, 6, 7, 7, 7, 7], [0] * 9])
    found = model(IDS, documents_BT=documents)
    alone = torch.cat([model(IDS[:1, part]) for part in (slice(0, 4), slice(4, 5), slice(5, 9))], 1)
    torch.testing.assert_close(found[1:], model(IDS[1:]))
    torch.testing.assert_close(found[:1], alone)


@torch.no_grad()
def test_a_token_sees_the_window_and_no_more(model: FeedForwardLM) -> None:
    changed = IDS.clone()
    changed[:, 4] = (changed[:, 4] + 1) % 17
    moved = (model(IDS) - model(changed)).abs().amax(-1) > 0
    assert moved.tolist() == [[t in (4, 5, 6) for t in range(9)]] * 2


def test_an_untrained_loss_is_near_uniform_and_parameters_are_the_papers() -> None:
    """The paper counts |V|(1 + n m + h) + h(1 + (n - 1) m) with direct connections, its n - 1 being our window;
    there W is |V| × (n - 1) m and C another |V| × m."""
    torch.manual_seed(3)
    for direct in (False, True):
        model = FeedForwardLM(FeedForwardConfig(256, 64, 5, 30, 50, direct))
        V, n, m, h = 256, 6, 30, 50
        expected = V * (1 + n * m + h) + h * (1 + (n - 1) * m) - (0 if direct else V * (n - 1) * m)
        assert sum(p.numel() for p in model.parameters()) == expected
        ids = torch.randint(256, (4, 64))
        loss = F.cross_entropy(model(ids).flatten(0, 1), ids.roll(-1, 1).flatten())
        assert loss.item() == pytest.approx(math.log(256), abs=0.05)


def test_bad_shapes_are_refused_with_all_that_is_wrong() -> None:
    with pytest.raises(UserError, match="window is 0, must be at least 1; d_hidden is -2"):
        FeedForwardLM(dataclasses.replace(CONFIG, window=0, d_hidden=-2))
