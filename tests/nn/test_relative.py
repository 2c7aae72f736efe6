"""Transformer-XL's relative positions against a loop over all pairs of positions."""

import math

import pytest
import torch

from prosa.nn.positions import sinusoidal
from prosa.nn.relative import RelativeAttention, shifted


@pytest.fixture
def attention() -> RelativeAttention:
    torch.manual_seed(0)
    made = RelativeAttention(12, 3, bias=True, dropout=0.0)
    with torch.no_grad():
        for p in made.parameters():
            p.copy_(torch.randn_like(p) / 2)
    return made


@torch.no_grad()
@pytest.mark.parametrize(("queries", "keys", "causal"), [(5, 5, True), (5, 5, False), (3, 7, True), (1, 6, True)])
def test_the_loop_over_positions_agrees(attention, queries, keys, causal) -> None:
    x = torch.randn(2, keys, 12)
    k, v = attention.keys_values(x)
    q = attention.queries(x[:, keys - queries :])
    mask = None if causal else torch.ones(1, 1, 1, keys, dtype=torch.bool)
    found = attention.look(q, k, v, mask)
    r = lambda d: attention.distance(sinusoidal(torch.tensor([d]), 12))[0].view(3, 4)  # noqa: E731
    for b in range(2):
        for h in range(3):
            for t in range(queries):
                i = keys - queries + t
                scores = torch.full((keys,), -math.inf)
                for j in range(i + 1 if causal else keys):
                    content = (q[b, h, t] + attention.content_bias[h]) @ k[b, h, j]
                    place = (q[b, h, t] + attention.distance_bias[h]) @ r(i - j)[h]
                    scores[j] = (content + place) / math.sqrt(4)
                torch.testing.assert_close(found[b, h, t], scores.softmax(0) @ v[b, h], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_only_distances_count(attention) -> None:
    """A text behind others that it does not see gives the same: nothing depends on where it begins."""
    text, before = torch.randn(1, 4, 12), torch.randn(1, 3, 12)
    alone = attention(text)
    mask = torch.ones(7, 7, dtype=torch.bool).tril()
    mask[3:, :3] = False
    behind = attention(torch.cat([before, text], 1), mask=mask[None, None])[:, 3:]
    torch.testing.assert_close(behind, alone, rtol=1e-5, atol=1e-5)
    turned = attention(text.flip(1), mask=torch.ones(1, 1, 1, 4, dtype=torch.bool)).flip(1)
    assert not torch.allclose(turned, attention(text, mask=torch.ones(1, 1, 1, 4, dtype=torch.bool)), atol=1e-2)


def test_shift_moves_each_row_by_one_more() -> None:
    columns = torch.arange(6).expand(3, 6) + 10 * torch.arange(3)[:, None]  # T 3, S 4
    assert shifted(columns, 4).tolist() == [[2, 3, 4, 5], [11, 12, 13, 14], [20, 21, 22, 23]]
