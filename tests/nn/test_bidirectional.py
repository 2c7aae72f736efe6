"""Attention that sees both sides, and blocks whose norms come after: against ``torch.nn.TransformerEncoderLayer``."""

from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from prosa.nn.attention import Attention, attend, document_mask
from prosa.nn.block import PostNormBlock
from prosa.nn.feedforward import MLP
from prosa.nn.norm import LayerNorm

Activation = Literal["gelu", "relu"]


def ours_and_theirs(activation: Activation) -> tuple[PostNormBlock, nn.TransformerEncoderLayer]:
    torch.manual_seed(0)
    theirs = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, activation=activation, batch_first=True)
    attention = Attention(16, 4, 4, 4, bias=True, qk_norm=False, norm_eps=1e-5, dropout=0.0, causal=False)
    ours = PostNormBlock(LayerNorm(16), attention, LayerNorm(16), MLP(16, 32, activation), dropout=0.0)
    weights = {name: nn.init.normal_(value.detach().clone(), std=0.3) for name, value in theirs.state_dict().items()}
    theirs.load_state_dict(weights)
    q, k, v = ({"weight": w, "bias": b} for w, b in zip(
        weights["self_attn.in_proj_weight"].chunk(3), weights["self_attn.in_proj_bias"].chunk(3), strict=True
    ))  # fmt: skip
    attention.q.load_state_dict(q)
    attention.k.load_state_dict(k)
    attention.v.load_state_dict(v)
    for mine, name in (
        (attention.out, "self_attn.out_proj"),
        (ours.attention_norm, "norm1"),
        (ours.feedforward.up, "linear1"),
        (ours.feedforward.down, "linear2"),
        (ours.feedforward_norm, "norm2"),
    ):
        assert isinstance(mine, nn.Module)
        mine.load_state_dict({kind: weights[f"{name}.{kind}"] for kind in ("weight", "bias")})
    return ours.double(), theirs.double()


@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("length", [5, 140])  # both of attention's ways
@torch.no_grad()
def test_a_post_norm_block_is_torchs(activation: Activation, length: int) -> None:
    ours, theirs = ours_and_theirs(activation)
    x = torch.randn(2, length, 16, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_padding_is_not_seen() -> None:
    ours, theirs = ours_and_theirs("gelu")
    x = torch.randn(2, 6, 16, dtype=torch.float64)
    there = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]])
    found = ours(x, mask=document_mask(there, causal=False))
    torch.testing.assert_close(found[1, :3], ours(x[1:, :3])[0])
    expected = theirs(x, src_key_padding_mask=there == 0)
    torch.testing.assert_close(found[there == 1], expected[there == 1])


def test_a_mask_without_causality_is_symmetric() -> None:
    mask = document_mask(torch.tensor([[5, 5, 9]]), causal=False)
    assert mask.tolist() == [[[[1, 1, 0], [1, 1, 0], [0, 0, 1]]]]


@pytest.mark.parametrize("keys", [6, 140])
@pytest.mark.parametrize("kv_heads", [2, 4])
@pytest.mark.parametrize("queries", [1, 3, 6])
def test_without_causality_everything_is_seen(keys: int, kv_heads: int, queries: int) -> None:
    torch.manual_seed(keys)
    q = torch.randn(2, 4, queries, 8)
    k, v = torch.randn(2, kv_heads, keys, 8), torch.randn(2, kv_heads, keys, 8)

    def plain(hidden_from: Tensor | None = None) -> Tensor:
        scores = torch.einsum("bhtd,bhsd->bhts", q, k.repeat_interleave(4 // kv_heads, 1)) / 8**0.5
        if hidden_from is not None:
            scores = scores.masked_fill(hidden_from, -torch.inf)
        return scores.softmax(-1) @ v.repeat_interleave(4 // kv_heads, 1)

    torch.testing.assert_close(attend(q, k, v, causal=False), plain(), atol=2e-6, rtol=1e-5)
    padding = torch.zeros(2, 1, 1, keys, dtype=torch.bool)  # a mask of the keys alone
    padding[1, ..., keys // 2 :] = True
    torch.testing.assert_close(attend(q, k, v, ~padding), plain(padding), atol=2e-6, rtol=1e-5)
