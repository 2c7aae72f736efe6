"""Blocks: attention and feed-forward on a residual stream (B, T, C).

Block       the norms before the parts (Xiong et al. 2020), as in GPT-2 and everything after it:
            x = x + attention(norm(x));  x = x + feedforward(norm(x))
PostBlock   the norms after the sums (Vaswani et al. 2017), as in the original Transformer and BERT:
            x = norm(x + attention(x));  [x = norm(x + cross(x, memory));]  x = norm(x + feedforward(x))
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


class PostBlock(nn.Module):
    """Attention, attention to another sequence (in a decoder that has one), feed-forward; each added, then normed."""

    def __init__(
        self,
        attention: Attention,
        attention_norm: nn.Module,
        feedforward: nn.Module,
        feedforward_norm: nn.Module,
        dropout: float,
        *,
        cross: Attention | None = None,
        cross_norm: nn.Module | None = None,
    ) -> None:
        """The parts; ``cross`` and ``cross_norm`` come together."""
        super().__init__()
        self.attention = attention
        self.attention_norm = attention_norm
        self.cross = cross
        self.cross_norm = cross_norm
        self.feedforward = feedforward
        self.feedforward_norm = feedforward_norm
        self.dropout = nn.Dropout(dropout)

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
