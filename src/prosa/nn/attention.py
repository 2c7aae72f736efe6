"""Attention (Vaswani et al. 2017) with grouped key-value heads (Ainslie et al. 2023) and QK-norm: self-attention, and
cross-attention, whose keys and values are made of another sequence.

    weights = softmax(q k^T / sqrt(D)) over the keys a query may see;  output = weights v

Masks. ``None`` is plain causality: the T queries are the last T of the S keys, and each sees itself and what is
before it; or, with ``causal=False`` (an encoder), everything. Anything else (rows of different length in a cache,
documents in a row, padding) is a boolean tensor (B or 1, 1, T or 1, S) that is True where the query may look, and says
all of it; every query must see at least one key.

Shapes: B batch, T queries, S keys, C model width, H query heads, K key-value heads (H = K * G), D head width. Query
head h uses key-value head h // G.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.nn.norm import RMSNorm
from prosa.nn.positions import Rotation, rotate

Store = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Takes the new keys and values (B, K, T, D), gives back all there are, (B, K, S, D): ``KVCache.store``."""
KeysValues = tuple[Tensor, Tensor]


def causal_mask(queries: int, keys: int, device: torch.device) -> Tensor:
    """(T, S) bool: the queries are the last T of the S keys, each sees itself and what is before it."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def document_mask(documents_BT: Tensor, *, causal: bool = True) -> Tensor:
    """(B, 1, T, T) bool: within the same document only, and causal unless told.

    Padding is a document of its own: what is not padding does not see it, and it sees something.
    """
    same = documents_BT[:, None, :, None] == documents_BT[:, None, None, :]
    length = documents_BT.shape[1]
    return same & causal_mask(length, length, documents_BT.device) if causal else same


def branch_mask(branches_BT: Tensor) -> Tensor:
    """(B, 1, T, T) bool: causal, and within the same branch or its stem (branch 0), which all branches go on from."""
    seen = (branches_BT[:, None, :, None] == branches_BT[:, None, None, :]) | (branches_BT == 0)[:, None, None, :]
    length = branches_BT.shape[1]
    return seen & causal_mask(length, length, branches_BT.device)


def padding_mask(lengths_B: Tensor, longest: int) -> Tensor:
    """(B, 1, 1, S) bool: every query sees its row's first ``lengths_B`` keys of ``longest``, before and after it."""
    return (torch.arange(longest, device=lengths_B.device) < lengths_B[:, None])[:, None, None]


def attention_weights(
    q: Tensor, k: Tensor, mask: Tensor | None = None, *, scale: float | None = None, bias: Tensor | None = None
) -> Tensor:
    """How much each query looks at each key, written out: (..., T, D), (..., S, D) -> (..., T, S), rows sum to 1.

    Args:
        mask: True where a query may look, broadcast to (..., T, S); None: everywhere.
        scale: what the products are multiplied by; 1 / sqrt(D) unless told.
        bias: added to the products before that, (..., T, S).
    """
    scores = q @ k.transpose(-2, -1)
    scores = (scores if bias is None else scores + bias) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(dim=-1)


def attend(
    q_BHTD: Tensor,
    k_BKSD: Tensor,
    v_BKSD: Tensor,
    mask: Tensor | None = None,
    dropout: float = 0.0,
    scale: float | None = None,
    *,
    causal: bool = True,
) -> Tensor:
    """Attention's output (B, H, T, D), by whichever of two equal ways is faster here. For masks see the file's top."""
    queries, keys = q_BHTD.shape[2], k_BKSD.shape[2]
    scale = 1 / math.sqrt(q_BHTD.shape[3]) if scale is None else scale
    causal = causal and mask is None and queries > 1
    if _plain_is_faster(q_BHTD, keys):
        return _attend_plainly(q_BHTD, k_BKSD, v_BKSD, mask, dropout, scale, causal)
    if causal and queries < keys:
        mask = causal_mask(queries, keys, q_BHTD.device)[None, None]
    return F.scaled_dot_product_attention(
        q_BHTD,
        k_BKSD,
        v_BKSD,
        attn_mask=mask,
        dropout_p=dropout,
        is_causal=causal and mask is None,
        scale=scale,
        enable_gqa=q_BHTD.shape[1] > k_BKSD.shape[1],
    )


def _plain_is_faster(q_BHTD: Tensor, keys: int) -> bool:
    """On a CPU, and measured there: for single queries, few keys, and longer in half precision."""
    few = 128 if q_BHTD.dtype == torch.float32 else 512
    return q_BHTD.device.type == "cpu" and (q_BHTD.shape[2] == 1 or keys <= few)


def _attend_plainly(
    q_BHTD: Tensor,
    k_BKSD: Tensor,
    v_BKSD: Tensor,
    mask: Tensor | None,
    dropout: float,
    scale: float,
    causal: bool,
) -> Tensor:
    """The formula; ``causal`` only without a mask.

    The queries of a group stand in one matrix, so that keys and values are not repeated.
    """
    batch, kv_heads, keys, width = k_BKSD.shape
    groups, queries = q_BHTD.shape[1] // kv_heads, q_BHTD.shape[2]
    q_BKND = q_BHTD.reshape(batch, kv_heads, -1, width)  # N = G * T
    if mask is not None and groups > 1:
        mask = mask.expand(-1, groups, queries, -1).flatten(1, 2)[:, None]  # (B, 1, N, S)
    if causal and groups == 1 and k_BKSD.dtype == q_BHTD.dtype:  # causal, in one pass
        real = type(q_BHTD) is Tensor and not torch.compiler.is_compiling()  # what stands for a tensor is not kept
        make = _causal_bias if real else _make_causal_bias
        bias = make(queries, keys, q_BHTD.device, q_BHTD.dtype)
        scores = torch.baddbmm(bias, q_BKND.flatten(0, 1), k_BKSD.flatten(0, 1).mT, alpha=scale)
        weights = scores.softmax(dim=-1).view(batch, kv_heads, queries, keys)
    else:
        if causal:
            mask = causal_mask(queries, keys, q_BHTD.device).repeat(groups, 1)
        weights = attention_weights(q_BKND, k_BKSD, mask, scale=scale)
    weights = weights.to(v_BKSD.dtype)
    if dropout > 0:
        weights = F.dropout(weights, dropout)
    return (weights @ v_BKSD).view(q_BHTD.shape)


def _make_causal_bias(queries: int, keys: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """``causal_mask`` as what is added to the scores, (1, T, S): 0 where a query may look, else -inf."""
    bias = torch.zeros(queries, keys, device=device, dtype=dtype)
    return bias.masked_fill_(~causal_mask(queries, keys, device), -torch.inf)[None]


_causal_bias = lru_cache(maxsize=8)(_make_causal_bias)


class Attention(nn.Module):
    """Attention over (B, T, C): project to heads, norm and turn them where asked, ``attend``, project back."""

    def __init__(
        self,
        d_model: int,
        n_head: int,
        n_kv_head: int,
        head_dim: int,
        *,
        bias: bool,
        qk_norm: bool,
        norm_eps: float,
        dropout: float,
        norm_weight: bool = True,
        sharpness: float = 1.0,
        causal: bool = True,
    ) -> None:
        """The parts.

        Args:
            norm_weight: whether the norms of queries and keys have weights.
            sharpness: what the scores are multiplied by, beside 1 / sqrt(D).
            causal: what a token sees without a mask: itself and what is before it, or (an encoder) everything.
        """
        super().__init__()
        self.head_dim = head_dim
        self.causal = causal
        self.scale = sharpness / math.sqrt(head_dim)
        self.dropout = dropout
        self.q = nn.Linear(d_model, n_head * head_dim, bias=bias)
        self.k = nn.Linear(d_model, n_kv_head * head_dim, bias=bias)
        self.v = nn.Linear(d_model, n_kv_head * head_dim, bias=bias)
        self.out = nn.Linear(n_head * head_dim, d_model, bias=bias)
        self.q_norm = RMSNorm(head_dim, norm_eps, weight=norm_weight) if qk_norm else None
        self.k_norm = RMSNorm(head_dim, norm_eps, weight=norm_weight) if qk_norm else None

    def forward(
        self,
        x_BTC: Tensor,
        by: Rotation | None = None,
        mask: Tensor | None = None,
        store: Store | None = None,
        memory: KeysValues | None = None,
    ) -> Tensor:
        """(B, T, C) -> (B, T, C).

        Args:
            by: the rotation of these positions (rotary positions), or None.
            mask: see the file's top.
            store: where keys and values of earlier tokens are kept, or None when x is all there is.
            memory: the keys and values to look at in place of x's own (cross-attention): ``keys_values`` of another
                sequence; with a mask.
        """
        q_BHTD = self.queries(x_BTC, by)
        if memory is None:
            k_BKTD, v_BKTD = self.keys_values(x_BTC, by)
            memory = (k_BKTD, v_BKTD) if store is None else store(k_BKTD, v_BKTD)
        out_BHTD = self.look(q_BHTD, *memory, mask)
        out_BTC: Tensor = self.out(out_BHTD.transpose(1, 2).flatten(2))
        return out_BTC

    def queries(self, x_BTC: Tensor, by: Rotation | None = None) -> Tensor:
        """(B, T, C) -> (B, H, T, D)."""
        q_BHTD = self._heads(self.q(x_BTC))
        q_BHTD = q_BHTD if self.q_norm is None else self.q_norm(q_BHTD)
        return q_BHTD if by is None else rotate(q_BHTD, by)

    def keys_values(self, x_BSC: Tensor, by: Rotation | None = None) -> KeysValues:
        """(B, S, C) -> keys and values, (B, K, S, D) each."""
        k_BKSD, v_BKSD = self._heads(self.k(x_BSC)), self._heads(self.v(x_BSC))
        k_BKSD = k_BKSD if self.k_norm is None else self.k_norm(k_BKSD)
        return (k_BKSD if by is None else rotate(k_BKSD, by)), v_BKSD

    def look(self, q_BHTD: Tensor, k_BKSD: Tensor, v_BKSD: Tensor, mask: Tensor | None) -> Tensor:
        """What the queries get, (B, H, T, D)."""
        dropout = self.dropout if self.training else 0.0
        return attend(q_BHTD, k_BKSD, v_BKSD, mask, dropout, self.scale, causal=self.causal)

    def weights(self, x_BTC: Tensor, by: Rotation | None = None, mask: Tensor | None = None) -> Tensor:
        """How much each token looks at each: (B, T, C) -> (B, H, T, T), rows sum to 1; what ``forward`` weighs by.

        The arguments are those of ``forward`` without a store; no dropout.
        """
        if mask is None and self.causal:
            mask = causal_mask(x_BTC.shape[1], x_BTC.shape[1], x_BTC.device)
        return self.shares(self.queries(x_BTC, by), self.keys_values(x_BTC, by)[0], mask)

    def shares(self, q_BHTD: Tensor, k_BKSD: Tensor, mask: Tensor | None) -> Tensor:
        """The weights of keys for queries, (B, H, T, S); a mask of None: everything is seen."""
        k_BHSD = k_BKSD.repeat_interleave(q_BHTD.shape[1] // k_BKSD.shape[1], dim=1)
        return attention_weights(q_BHTD, k_BHSD, mask, scale=self.scale)

    def _heads(self, x_BTN: Tensor) -> Tensor:
        """(B, T, heads * D) -> (B, heads, T, D)."""
        heads: Tensor = x_BTN.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)  # type: ignore[no-untyped-call]
        return heads


def plain_attention(d_model: int, n_head: int, *, causal: bool = True, dropout: float = 0.0) -> Attention:
    """As first published: equal heads that share the width, each with its own keys and values; biases everywhere."""
    width = d_model // n_head
    return Attention(
        d_model, n_head, n_head, width, bias=True, qk_norm=False, norm_eps=0.0, dropout=dropout, causal=causal
    )
