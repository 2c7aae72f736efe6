"""Attention's worked numbers (FACTS 3), its masks, and its two ways of computing the same."""

import math

import pytest
import torch
from torch import Tensor

from prosa.nn.attention import Attention, attend, attention_weights, causal_mask, document_mask
from prosa.nn.positions import rotation

SIX = torch.tensor(
    [
        [0.43, 0.15, 0.89],
        [0.55, 0.87, 0.66],
        [0.57, 0.85, 0.64],
        [0.22, 0.58, 0.33],
        [0.77, 0.25, 0.10],
        [0.05, 0.80, 0.55],
    ]
)


def near(a: Tensor, b: list[float], digits: int = 4) -> bool:
    return [round(x, digits) for x in a.tolist()] == [round(x, digits) for x in b]


def test_scores_112_96_24_with_heads_of_64() -> None:
    q = torch.ones(1, 64)
    k = torch.tensor([112.0, 96.0, 24.0])[:, None].expand(3, 64) / 64
    weights = attention_weights(q, k)[0]
    assert near(weights[:2], [0.88078, 0.11920], 5)
    assert weights[2].item() == pytest.approx(0.0000147, abs=5e-8)
    assert near((q @ k.T)[0] / math.sqrt(64), [14, 12, 3])


def test_six_vectors_plain_dot_product() -> None:
    assert near(SIX[1] @ SIX.T, [0.9544, 1.4950, 1.4754, 0.8434, 0.7070, 1.0865])
    weights = attention_weights(SIX, SIX, scale=1.0)
    assert near(weights[1], [0.1385, 0.2379, 0.2333, 0.1240, 0.1082, 0.1581])
    assert near(weights[1] @ SIX, [0.4419, 0.6515, 0.5683])
    torch.testing.assert_close(weights.sum(-1), torch.ones(6))


def test_without_positions_and_mask_attention_is_permutation_equivariant() -> None:
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    weights = attention_weights(SIX, SIX)
    torch.testing.assert_close(attention_weights(SIX[order], SIX[order]), weights[order][:, order])
    torch.testing.assert_close(attention_weights(SIX[order], SIX[order]) @ SIX[order], (weights @ SIX)[order])


def test_causal_mask_is_aligned_at_the_end() -> None:
    assert causal_mask(3, 3, torch.device("cpu")).tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert causal_mask(2, 4, torch.device("cpu")).tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


def test_document_mask() -> None:
    mask = document_mask(torch.tensor([[5, 5, 9], [1, 2, 2]]))
    assert mask.shape == (2, 1, 3, 3)
    assert mask[0, 0].tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert mask[1, 0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]


def by_definition(q: Tensor, k: Tensor, v: Tensor, visible: Tensor) -> Tensor:
    """Attention query by query over the keys it sees and no others, in float64."""
    out = torch.zeros(q.shape, dtype=torch.float64)
    groups = q.shape[1] // k.shape[1]
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            for t in range(q.shape[2]):
                seen = visible[b, t]
                scores = k[b, h // groups, seen].double() @ q[b, h, t].double() / math.sqrt(q.shape[3])
                weights = scores.exp() / scores.exp().sum()
                out[b, h, t] = weights @ v[b, h // groups, seen].double()
    return out.float()


@pytest.mark.parametrize("keys", [6, 130])
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("queries", [1, 3, "all"])
@pytest.mark.parametrize("masked", [False, True])
def test_both_ways_equal_the_definition(keys: int, kv_heads: int, queries: int | str, masked: bool) -> None:
    generator = torch.Generator().manual_seed(keys)
    t = keys if queries == "all" else int(queries)
    batch, heads = 2, 4
    q = torch.randn(batch, heads, t, 6, generator=generator) * 2
    k = torch.randn(batch, kv_heads, keys, 6, generator=generator)
    v = torch.randn(batch, kv_heads, keys, 6, generator=generator)
    visible = causal_mask(t, keys, q.device).expand(batch, t, keys)
    mask = None
    if masked:
        visible = torch.rand(batch, t, keys, generator=generator) < 0.5
        visible[..., 0] = True
        mask = visible[:, None]
    torch.testing.assert_close(attend(q, k, v, mask), by_definition(q, k, v, visible), atol=2e-6, rtol=1e-5)
    halves = attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), mask)
    assert halves.dtype == torch.bfloat16
    torch.testing.assert_close(halves.float(), by_definition(q, k, v, visible), atol=0.05, rtol=0.02)


def test_dropout_keeps_the_mean() -> None:
    torch.manual_seed(0)
    q = k = torch.zeros(1, 1, 1, 4).expand(4000, 1, 8, 4)
    out = attend(q, k, torch.ones(4000, 1, 8, 4), dropout=0.5)
    assert out.mean().item() == pytest.approx(1.0, abs=0.02)
    assert out[:, 0, 0].unique().tolist() == [0.0, 2.0]  # the first query sees itself alone: dropped or doubled


def test_keys_of_any_size_are_normed_away() -> None:
    """With QK-norm, scaling the query and key projections changes nothing; without, it does."""
    torch.manual_seed(0)
    x = torch.randn(2, 7, 16)
    for qk_norm in (True, False):
        layer = Attention(16, 4, 2, 4, bias=False, qk_norm=qk_norm, norm_eps=0.0, dropout=0.0)
        before = layer(x)
        with torch.no_grad():
            layer.q.weight.mul_(30)
            layer.k.weight.mul_(30)
        assert torch.allclose(layer(x), before, atol=1e-5) == qk_norm


def test_rotary_attention_sees_distances_only() -> None:
    torch.manual_seed(0)
    layer = Attention(16, 4, 2, 4, bias=True, qk_norm=False, norm_eps=1e-6, dropout=0.0)
    x = torch.randn(1, 7, 16)
    here, there = (layer(x, rotation(torch.arange(7)[None] + start, 4, 100.0)) for start in (0, 50))
    torch.testing.assert_close(here, there, atol=1e-5, rtol=1e-5)
    stretched = layer(x, rotation(torch.arange(7)[None] * 2, 4, 100.0))
    assert not torch.allclose(here, stretched, atol=1e-3)
