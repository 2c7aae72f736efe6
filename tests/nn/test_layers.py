"""Norms, feed-forward layers and the cache, each against its formula."""

import pytest
import torch
from torch import Tensor, nn

from prosa.nn.attention import Attention
from prosa.nn.block import Block
from prosa.nn.cache import KVCache
from prosa.nn.feedforward import MLP, SquaredReLU, SwiGLU
from prosa.nn.norm import LayerNorm, RMSNorm


@pytest.fixture
def x() -> Tensor:
    return torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0)) * 3 + 1


def test_layer_norm(x: Tensor) -> None:
    norm = LayerNorm(8, eps=0.1)
    with torch.no_grad():
        norm.weight.copy_(torch.arange(8.0))
        assert norm.bias is not None
        norm.bias.fill_(2.0)
    expected = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 0.1).sqrt()
    torch.testing.assert_close(norm(x), expected * torch.arange(8.0) + 2)
    torch.testing.assert_close(LayerNorm(8, eps=0.1, bias=False)(x), expected)
    assert [name for name, _ in LayerNorm(8, bias=False).named_parameters()] == ["weight"]


def test_rms_norm(x: Tensor) -> None:
    norm = RMSNorm(8, eps=0.1)
    with torch.no_grad():
        norm.weight.copy_(torch.arange(8.0))
    torch.testing.assert_close(norm(x), x / (x.square().mean(-1, keepdim=True) + 0.1).sqrt() * torch.arange(8.0))
    assert norm(x.bfloat16()).dtype == torch.bfloat16
    assert list(RMSNorm(8, weight=False).parameters()) == []


@pytest.mark.parametrize("weight", [True, False])
def test_rms_norm_in_training_has_torch_s_values_and_gradients(x: Tensor, weight: bool) -> None:
    norm, x64 = RMSNorm(8, eps=0.1, weight=weight).double(), x.double().requires_grad_()
    if norm.weight is not None:
        with torch.no_grad():
            norm.weight.copy_(torch.arange(8.0))
    expected = torch.nn.functional.rms_norm(x64, (8,), norm.weight, 0.1)
    torch.testing.assert_close(norm(x64), expected, rtol=1e-6, atol=1e-6)  # its lengths are float32
    parameters = [x64, *norm.parameters()]
    g = torch.randn_like(expected)
    for ours, theirs in zip(
        torch.autograd.grad(norm(x64), parameters, g), torch.autograd.grad(expected, parameters, g), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_feed_forward_layers(x: Tensor) -> None:
    mlp = MLP(8, 12)
    h = x @ mlp.up.weight.T + mlp.up.bias
    gelu = 0.5 * h * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (h + 0.044715 * h**3)))
    torch.testing.assert_close(mlp(x), gelu @ mlp.down.weight.T + mlp.down.bias)
    glu = SwiGLU(8, 12)
    g = x @ glu.gate.weight.T
    torch.testing.assert_close(glu(x), (g * torch.sigmoid(g) * (x @ glu.up.weight.T)) @ glu.down.weight.T)
    assert all("bias" not in name for name, _ in glu.named_parameters())
    relu = SquaredReLU(8, 12)
    expected = (x @ relu.up.weight.T).clamp(min=0) ** 2 @ relu.down.weight.T
    torch.testing.assert_close(relu(x), expected)
    assert torch.autograd.gradcheck(relu.double(), x.double().requires_grad_())


def test_a_block_adds_to_the_stream_what_it_makes_of_the_normed_stream(x: Tensor) -> None:
    attention = Attention(8, 2, 2, 4, bias=True, qk_norm=False, norm_eps=1e-5, dropout=0.0)
    block = Block(LayerNorm(8), attention, RMSNorm(8), MLP(8, 16), dropout=0.0)
    middle = x + attention(block.attention_norm(x))
    torch.testing.assert_close(block(x), middle + block.feedforward(block.feedforward_norm(middle)))
    for part in (attention.out, block.feedforward.down):
        assert isinstance(part, nn.Linear)
        nn.init.zeros_(part.weight)
        nn.init.zeros_(part.bias)
    assert torch.equal(block(x), x)


def test_the_cache_writes_at_positions_and_shows_slots_up_to_them() -> None:
    cache = KVCache(n_layer=2, batch=2, n_kv_head=1, max_length=5, head_dim=3)
    new = torch.arange(1.0, 13).view(2, 1, 2, 3)
    assert cache.advance(2, None) is None
    keys, values = cache.store(1, None, new, -new)
    assert torch.equal(keys, new)
    assert torch.equal(values, -new)
    assert not cache.keys[0].any()  # the other layer

    positions = torch.tensor([[1], [3]])
    visible = cache.advance(1, positions)
    assert visible is not None
    assert visible[:, 0, 0].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    keys, _ = cache.store(1, positions, new[:, :, :1] * 100, new[:, :, :1])
    assert cache.length == 4
    assert keys[0, 0].tolist() == [[1, 2, 3], [100, 200, 300], [0, 0, 0], [0, 0, 0]]
    assert keys[1, 0].tolist() == [[7, 8, 9], [10, 11, 12], [0, 0, 0], [700, 800, 900]]

    chosen = cache.select(torch.tensor([1]))
    assert (chosen.length, chosen.max_length, len(chosen.keys)) == (4, 5, 2)
    assert torch.equal(chosen.keys[1], cache.keys[1][1:])
    with pytest.raises(ValueError, match="the cache has 5 slots, position 5 does not fit"):
        cache.advance(2, None)
    assert cache.length == 4
