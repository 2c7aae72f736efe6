"""One token for each row, or some, on a CPU, from weights laid out for reading.

A model that writes one token a step does little arithmetic and reads every weight once: its speed is the memory's, as
long as nothing else takes time. ``GPT.forward`` is written to be read and trained; for a single token it takes some
25 calls a layer, and its matrices pass at a third of what the memory can give. Here the same formulas are

- on float32 activations, with the weights in float32 or bfloat16, converted once, or of 8 bits (nn/int8.py);
- with queries, keys and values in one matrix, and likewise gate and up, each laid out for the product it is read by
  (``products.py``);
- in calls of a microsecond: RMSNorm is a length and a quotient, and the single query needs no mask where all rows have
  one length.

The weights are copies: a ``Decoder`` does not see what is done to the model after it was made.
Shapes: B rows, C model width, H query heads, K key-value heads, R = H + K, G = H / K, D head width, S slots in use.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.generate.products import Product, lay_out
from prosa.models.gpt import GPT, fixed_positions
from prosa.nn.arena import ArenaRows
from prosa.nn.attention import Attention, attend
from prosa.nn.block import Block
from prosa.nn.cache import KVCache
from prosa.nn.feedforward import MLP, SwiGLU
from prosa.nn.int8 import Int8Linear
from prosa.nn.norm import LayerNorm, RMSNorm
from prosa.nn.positions import rotation

Map = Callable[[Tensor], Tensor]
PARTS = {
    nn.Embedding,
    nn.Linear,
    Int8Linear,
    nn.Dropout,
    nn.ModuleList,
    GPT,
    Block,
    Attention,
    MLP,
    SwiGLU,
    LayerNorm,
    RMSNorm,
}


def can_decode(model: GPT, dtype: torch.dtype) -> bool:
    """Whether a ``Decoder`` knows all parts of this model, and computes what the model would in ``dtype``."""
    stored = {parameter.dtype for parameter in model.parameters()}
    return (
        model.embedding.weight.device.type == "cpu"
        and dtype in (torch.float32, torch.bfloat16)
        and stored <= {torch.float32, dtype}
        and model.config.shape in ("classic", "modern")
        and {type(part) for part in model.modules()} <= PARTS
    )


class Decoder:
    """A model laid out for single tokens.

    Args:
        model: one that ``can_decode`` takes.
        dtype: of the matrices, float32 or bfloat16.
        rows: how many are usually read at once; any number may be.
    """

    def __init__(self, model: GPT, dtype: torch.dtype, rows: int) -> None:
        c = self.config = model.config
        self.embedding = model.embedding.weight.detach()  # the model's own: a few rows a step
        self.head = lay_out(self.embedding, dtype, rows) if c.tied else _linear([model.unembedding], dtype, rows)
        self.norm = _norm(model.norm)
        self.layers = [_Layer(block, dtype, rows) for block in model.blocks]
        where_T = torch.arange(c.context)
        self.positions_TC: Tensor | None = None
        self.turn: tuple[Tensor, Tensor] | None = None
        match c.positions:
            case "learned":
                self.positions_TC = model.position_embedding.weight.detach().float()
            case "sinusoidal":
                self.positions_TC = fixed_positions(where_T, c.d_model)
            case "rotary":
                cos_TD, sin_TD = (table[0, 0] for table in rotation(where_T[None], c.head_dim, c.rope_theta))
                half = c.head_dim // 2
                self.turn = cos_TD, torch.cat((-sin_TD[:, :half], sin_TD[:, half:]), dim=-1)

    def __call__(self, ids: Sequence[int], positions: Sequence[int], cache: KVCache) -> Tensor:
        """Read one token a row; its keys and values go to the cache.

        Args:
            ids: of each row.
            positions: where each stands.

        Returns:
            Logits (B, V) of what comes next, float32 or the matrices' dtype.
        """
        where_B = torch.tensor(positions)
        mask = cache.advance(1, where_B[:, None])
        level = min(positions) == max(positions)
        stores = [_Store(cache, number, where_B, None if level else mask) for number in range(len(cache.keys))]
        return self.head(self.norm(self._through(torch.tensor(ids), where_B, stores)))

    def read(
        self, parts: Sequence[Sequence[int]], positions: Sequence[int], cache: ArenaRows, answers: Sequence[int]
    ) -> Tensor:
        """Read some tokens of each row, all in one pass, without padding.

        Args:
            parts: of each row, at least one.
            positions: where each part begins; what is before it has been read.
            answers: rows that are asked what comes next.

        Returns:
            Logits (len(answers), V).
        """
        counts = [len(part) for part in parts]
        where_N = torch.tensor([at + i for at, n in zip(positions, counts, strict=True) for i in range(n)])
        ids_N = torch.tensor([id for part in parts for id in part])
        x_NC = self._through(ids_N, where_N, _ranges(cache, positions, counts))
        if not answers:
            return torch.empty(0, self.config.vocab_size)
        ends = list(itertools.accumulate(counts))
        return self.head(self.norm(x_NC[torch.tensor([ends[row] - 1 for row in answers])]))

    def _through(self, ids_N: Tensor, where_N: Tensor, stores: "Sequence[_Store | _Ranges]") -> Tensor:
        """The stream (N, C) after all layers."""
        x_NC = self.embedding[ids_N].float()
        if self.positions_TC is not None:
            x_NC += self.positions_TC[where_N]
        turn = None if self.turn is None else (self.turn[0][where_N, None], self.turn[1][where_N, None])
        for layer, store in zip(self.layers, stores, strict=True):
            x_NC += layer.attention(x_NC, turn, store)
            x_NC += layer.feedforward(x_NC)
        return x_NC


def _ranges(cache: ArenaRows, positions: Sequence[int], counts: Sequence[int]) -> "list[_Ranges]":
    """Each layer's part of an arena."""
    firsts = [start + at for start, at in zip(cache.starts, positions, strict=True)]
    at_N = torch.tensor([first + i for first, n in zip(firsts, counts, strict=True) for i in range(n)])
    rows = [
        _Row(
            start,
            at + n,
            n,
            None if n == 1 or at == 0 else (torch.arange(at + n) <= torch.arange(at, at + n)[:, None])[None, None],
        )
        for start, at, n in zip(cache.starts, positions, counts, strict=True)
    ]
    return [_Ranges(*tensors, at_N, rows) for tensors in zip(cache.keys, cache.values, strict=True)]


class _Row(NamedTuple):
    """A row of an arena."""

    start: int
    length: int
    """With the new tokens,"""
    new: int
    """which are the last of it."""
    mask: Tensor | None
    """(1, 1, new, length) bool: what each sees; None: all, or plain causality."""


class _Ranges:
    """Of an arena: a row looks at its own range, so that a short one does not pay for a long one beside it."""

    def __init__(self, keys_KPD: Tensor, values_KPD: Tensor, at_N: Tensor, rows: list[_Row]) -> None:
        self.keys, self.values, self.at_N, self.rows = keys_KPD, values_KPD, at_N, rows

    def put(self, k_NKD: Tensor, v_NKD: Tensor) -> None:
        """Write what belongs to the new tokens."""
        self.keys.index_copy_(1, self.at_N, k_NKD.transpose(0, 1).to(self.keys.dtype))
        self.values.index_copy_(1, self.at_N, v_NKD.transpose(0, 1).to(self.values.dtype))

    def attend(self, q_NHD: Tensor) -> Tensor:
        """Attention's output for the queries of all rows, (N, H, D)."""
        found, at = [], 0
        keys_1KPD, values_1KPD = self.keys.unsqueeze(0), self.values.unsqueeze(0)
        for start, length, new, mask in self.rows:
            k_1KSD, v_1KSD = keys_1KPD.narrow(2, start, length), values_1KPD.narrow(2, start, length)
            q_THD = q_NHD.narrow(0, at, new)
            if new == 1:  # the queries of a group stand in one matrix
                q_1KGD = q_THD.view(1, self.keys.shape[0], -1, self.keys.shape[2])
                found.append(F.scaled_dot_product_attention(q_1KGD, k_1KSD, v_1KSD).view(q_THD.shape))
            else:
                found.append(attend(q_THD.transpose(0, 1)[None], k_1KSD, v_1KSD, mask)[0].transpose(0, 1))
            at += new
        return torch.cat(found)


class _Store:
    """Of a cache: where the rows stand, and what they see."""

    def __init__(self, cache: KVCache, layer: int, where_B: Tensor, mask: Tensor | None) -> None:
        self.keys, self.values, self.length = cache.keys[layer], cache.values[layer], cache.length
        self.where_B, self.mask = where_B, mask

    def put(self, k_BKD: Tensor, v_BKD: Tensor) -> None:
        """Write what belongs to the new tokens."""
        if self.mask is None:
            self.keys.select(2, self.length - 1).copy_(k_BKD)
            self.values.select(2, self.length - 1).copy_(v_BKD)
        else:
            rows = torch.arange(len(k_BKD))
            self.keys[rows, :, self.where_B] = k_BKD.to(self.keys.dtype)
            self.values[rows, :, self.where_B] = v_BKD.to(self.values.dtype)

    def attend(self, q_BHD: Tensor) -> Tensor:
        """Attention's output for one query a row and head, (B, H, D): the queries of a group stand in one matrix."""
        keys, values = (t.narrow(2, 0, self.length) for t in (self.keys, self.values))
        q_BKGD = q_BHD.view(*keys.shape[:2], -1, keys.shape[-1])
        return F.scaled_dot_product_attention(q_BKGD, keys, values, self.mask).view(q_BHD.shape)


class _Layer:
    """The matrices of a block."""

    def __init__(self, block: nn.Module, dtype: torch.dtype, rows: int) -> None:
        assert isinstance(block, Block)
        attention, feedforward = block.attention, block.feedforward
        self.attention_norm, self.feedforward_norm = _norm(block.attention_norm), _norm(block.feedforward_norm)
        self.head_dim = attention.head_dim
        self.heads = attention.q.out_features // self.head_dim
        self.kv_heads = attention.k.out_features // self.head_dim
        self.qkv = _linear([attention.q, attention.k, attention.v], dtype, rows)
        self.out = _linear([attention.out], dtype, rows)
        self.qk_norm: Map | None = None
        if attention.q_norm is not None and attention.k_norm is not None:
            q_HD = _weight(attention.q_norm).expand(self.heads, -1)
            k_KD = _weight(attention.k_norm).expand(self.kv_heads, -1)
            self.qk_norm = _RMSNorm(torch.cat((q_HD, k_KD)), attention.q_norm.eps)
        assert isinstance(feedforward, MLP | SwiGLU)
        self.gated = isinstance(feedforward, SwiGLU)
        first = [feedforward.gate, feedforward.up] if isinstance(feedforward, SwiGLU) else [feedforward.up]
        self.first = _linear(first, dtype, rows)
        self.down = _linear([feedforward.down], dtype, rows)

    def attention(self, x_BC: Tensor, turn: tuple[Tensor, Tensor] | None, store: "_Store | _Ranges") -> Tensor:
        """What attention adds."""
        all_BND = self.qkv(self.attention_norm(x_BC)).view(x_BC.shape[0], -1, self.head_dim)
        qk_BRD, v_BKD = (
            all_BND.narrow(1, 0, self.heads + self.kv_heads).float(),
            all_BND.narrow(1, self.heads + self.kv_heads, self.kv_heads),
        )
        if self.qk_norm is not None:
            qk_BRD = self.qk_norm(qk_BRD)
        if turn is not None:
            cos, sin = turn
            qk_BRD = torch.addcmul(qk_BRD * cos, qk_BRD.roll(self.head_dim // 2, -1), sin)
        store.put(qk_BRD.narrow(1, self.heads, self.kv_heads), v_BKD)
        out_BHD = store.attend(qk_BRD.narrow(1, 0, self.heads))
        return self.out(out_BHD.reshape(x_BC.shape[0], -1))

    def feedforward(self, x_BC: Tensor) -> Tensor:
        """What the feed-forward part adds."""
        y = self.first(self.feedforward_norm(x_BC))
        if self.gated:
            gate, up = y.chunk(2, dim=-1)
            return self.down(F.silu(gate) * up)
        return self.down(F.gelu(y, approximate="tanh"))


class _RMSNorm:
    """y = x / sqrt(mean(x^2) + eps) * weight = x / sqrt(|x|^2 + n eps) * (weight sqrt(n)): the last in four calls."""

    def __init__(self, weight: Tensor, eps: float) -> None:
        n = weight.shape[-1]
        self.weight = weight.detach().float() * math.sqrt(n)
        self.least = torch.tensor(math.sqrt(n * eps))

    def __call__(self, x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        y: Tensor = (x / length.hypot_(self.least)).mul_(self.weight)
        return y


def _weight(norm: RMSNorm) -> Tensor:
    assert norm.weight is not None  # the classic and the modern shape have one
    return norm.weight


def _norm(norm: nn.Module) -> Map:
    if isinstance(norm, RMSNorm):
        return _RMSNorm(_weight(norm), norm.eps)
    assert isinstance(norm, LayerNorm)
    weight, eps = norm.weight.detach().float().clone(), norm.eps
    bias = None if norm.bias is None else norm.bias.detach().float().clone()
    return lambda x: F.layer_norm(x, weight.shape, weight, bias, eps)


def _linear(layers: Sequence[nn.Module], dtype: torch.dtype, rows: int) -> Map:
    """Several linear layers of one input as one product."""
    of_8_bits = [layer for layer in layers if isinstance(layer, Int8Linear)]
    if of_8_bits:
        return Int8Linear.joined(of_8_bits) if len(of_8_bits) > 1 else of_8_bits[0]
    of_floats = [layer for layer in layers if isinstance(layer, nn.Linear)]
    product: Product = lay_out(torch.cat([layer.weight.detach() for layer in of_floats]), dtype, rows)
    if of_floats[0].bias is None:
        return product
    bias = torch.cat([layer.bias.detach().float() for layer in of_floats])
    return lambda x: product(x) + bias
