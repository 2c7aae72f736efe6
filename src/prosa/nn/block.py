"""A block of attention and feed-forward, in two orders.

Norms before the parts (Xiong et al. 2020), as GPT-2 and everything after it; or after them, as the first Transformer
(Vaswani et al. 2017) and BERT:

    Block:          x = x + attention(norm(x));  x = x + feedforward(norm(x))
    PostNormBlock:  x = norm(x + attention(x));  [x = norm(x + cross(x, memory));]  x = norm(x + feedforward(x))
"""

from torch import Tensor, nn

from prosa.nn.attention import Attention, KeysValues, Store
from prosa.nn.positions import Rotation


class Block(nn.Module):
    """Attention and feed-forward, each normed before and added to the residual stream (B, T, C) after."""

    def __init__(
        self,
        attention_norm: nn.Module,
        attention: Attention,
        feedforward_norm: nn.Module,
        feedforward: nn.Module,
        dropout: float,
    ) -> None:
        super().__init__()
        self.attention_norm = attention_norm
        self.attention = attention
        self.feedforward_norm = feedforward_norm
        self.feedforward = feedforward
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x_BTC: Tensor, by: Rotation | None = None, mask: Tensor | None = None, store: Store | None = None
    ) -> Tensor:
        """(B, T, C) -> (B, T, C); the other arguments are ``Attention.forward``'s."""
        x_BTC = x_BTC + self.dropout(self.attention(self.attention_norm(x_BTC), by, mask, store))
        out_BTC: Tensor = x_BTC + self.dropout(self.feedforward(self.feedforward_norm(x_BTC)))
        return out_BTC


class PostNormBlock(Block):
    """The same parts, each added to the stream (B, T, C), which is normed after it; in a decoder with a source, between
    them attention to that: ``cross``, which comes with ``cross_norm``."""

    def __init__(
        self,
        attention_norm: nn.Module,
        attention: Attention,
        feedforward_norm: nn.Module,
        feedforward: nn.Module,
        dropout: float,
        *,
        cross_norm: nn.Module | None = None,
        cross: Attention | None = None,
    ) -> None:
        super().__init__(attention_norm, attention, feedforward_norm, feedforward, dropout)
        self.cross_norm = cross_norm
        self.cross = cross

    def forward(
        self,
        x_BTC: Tensor,
        by: Rotation | None = None,
        mask: Tensor | None = None,
        store: Store | None = None,
        memory: KeysValues | None = None,
        memory_mask: Tensor | None = None,
    ) -> Tensor:
        """(B, T, C) -> (B, T, C).

        Args:
            by, mask, store: as ``Attention.forward``'s.
            memory: what ``cross`` looks at, its ``keys_values`` of the other sequence; with ``memory_mask``.
        """
        x_BTC = self.attention_norm(x_BTC + self.dropout(self.attention(x_BTC, by, mask, store)))
        if self.cross is not None and self.cross_norm is not None:
            x_BTC = self.cross_norm(x_BTC + self.dropout(self.cross(x_BTC, mask=memory_mask, memory=memory)))
        out_BTC: Tensor = self.feedforward_norm(x_BTC + self.dropout(self.feedforward(x_BTC)))
        return out_BTC
