"""The original Transformer (Vaswani et al. 2017, "Attention is all you need", arXiv 1706.03762): an encoder reads the
source, all of it at once, and a decoder that looks at what it made of it writes the target from left to right.

    x = dropout(sqrt(C) embedding[source] + PE)          x = block(x), n_encoder times
    y = dropout(sqrt(C) embedding[target] + PE)          y = block(y, memory=x), n_decoder times
    logits = embedding · y

The blocks are those of nn/block.py. Norms stand after the sums, every projection has a bias but the head, which is the
embedding, shared by source and target (3.4); there is no norm after the last block. So base has 44,138,496 parameters,
63,082,496 with 37,000 embeddings, big 214,245,376. With ``positions`` relative nothing is added to the embeddings, and
the blocks' own attention knows distances (nn/relative.py).

Shapes: B sentences, S source tokens, T target tokens, C = d_model, V = vocab_size, H heads, L decoder blocks. Sources
stand at the left of their rows; what is after a row's length is seen by nothing.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.core.language import tr
from prosa.models.shape import bad_dropout, refuse, too_small
from prosa.nn.attention import Attention, KeysValues, padding_mask, plain_attention
from prosa.nn.block import PostNormBlock
from prosa.nn.cache import KVCache
from prosa.nn.feedforward import MLP
from prosa.nn.norm import LayerNorm
from prosa.nn.positions import sinusoidal
from prosa.nn.relative import RelativeAttention


@dataclass(frozen=True)
class TransformerConfig:
    """Its shape; the defaults are the paper's base."""

    vocab_size: int
    context: int  # the longest source or target, in tokens
    end: int  # the id that ends a sequence, and begins what the decoder reads
    n_encoder: int = 6
    n_decoder: int = 6
    n_head: int = 8
    d_model: int = 512
    d_ff: int = 2048
    dropout: float = 0.1  # of the embeddings, and of what each part adds
    positions: Literal["sinusoidal", "relative"] = "sinusoidal"
    norm_eps: float = 1e-5

    def check(self) -> None:
        """Refuse a shape that cannot be built.

        Raises:
            UserError: with every problem.
        """
        sizes = dict.fromkeys(("vocab_size", "context", "n_encoder", "n_decoder", "n_head", "d_model", "d_ff"), 1)
        wrong = too_small(self, **sizes)
        if not wrong and (self.d_model % self.n_head or self.d_model % 2):
            unit = math.lcm(2, self.n_head)
            fitting = max(1, round(self.d_model / unit)) * unit
            wrong.append(
                tr(
                    f"d_model {self.d_model} is odd or not a multiple of {self.n_head} heads: use d_model {fitting}",
                    f"d_model {self.d_model} é ímpar ou não é múltiplo de {self.n_head} cabeças: use d_model {fitting}",
                )
            )
        refuse(wrong + bad_dropout(self.dropout))


@dataclass
class TransformerState:
    """What decoding keeps: the keys and values of the source, and of what was written."""

    memories: list[KeysValues]
    mask: Tensor
    cache: KVCache

    def reorder(self, rows: Tensor) -> None:
        """See ``encoder_decoder.State``; the source's are the same for all rows of a sentence."""
        self.cache = self.cache.select(rows)


class Transformer(nn.Module):
    """The model, with Xavier-uniform matrices and embeddings normal(0, 1 / sqrt(C)).

    Raises:
        UserError: the configuration does not fit together.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = nn.ModuleList(_block(config, cross=False) for _ in range(config.n_encoder))
        self.decoder = nn.ModuleList(_block(config, cross=True) for _ in range(config.n_decoder))
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        """Draw the weights anew from torch's generator; biases 0, norms 1."""
        for name, parameter in self.named_parameters():
            if name == "embedding.weight":
                nn.init.normal_(parameter, std=self.config.d_model**-0.5)
            elif "bias" in name:
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                nn.init.xavier_uniform_(parameter)

    def forward(self, inputs_BT: Tensor, source_BS: Tensor, lengths_B: Tensor) -> Tensor:
        """Logits of each next target token, (B, T, V)."""
        return self.head(self.hidden(inputs_BT, source_BS, lengths_B))

    def head(self, hidden: Tensor) -> Tensor:
        """(..., C) -> (..., V) logits."""
        return F.linear(hidden, self.embedding.weight)

    def hidden(self, inputs_BT: Tensor, source_BS: Tensor, lengths_B: Tensor) -> Tensor:
        """What the decoder makes of each target token, (B, T, C)."""
        mask = padding_mask(lengths_B, source_BS.shape[1])
        return self._decode(inputs_BT, self._memories(self.encode(source_BS, mask)), mask)

    def encode(self, source_BS: Tensor, mask: Tensor) -> Tensor:
        """What the encoder makes of the source, (B, S, C); ``mask`` (B, 1, 1, S)."""
        x_BSC = self._embedded(source_BS, 0)
        for block in self.encoder:
            x_BSC = block(x_BSC, mask=mask)
        return x_BSC

    def begin(self, source_BS: Tensor, lengths_B: Tensor, copies: int = 1) -> TransformerState:
        """See ``encoder_decoder.EncoderDecoder``."""
        mask = padding_mask(lengths_B, source_BS.shape[1])
        memory_RSC = self.encode(source_BS, mask).repeat_interleave(copies, 0)
        config = self.config
        cache = KVCache(
            config.n_decoder,
            len(memory_RSC),
            config.n_head,
            config.context,
            config.d_model // config.n_head,
            memory_RSC.device,
            memory_RSC.dtype,
        )
        return TransformerState(self._memories(memory_RSC), mask.repeat_interleave(copies, 0), cache)

    def step(self, state: TransformerState, ids_R: Tensor) -> Tensor:
        """See ``encoder_decoder.EncoderDecoder``."""
        state.cache.advance(1, None)
        return self.head(self._decode(ids_R[:, None], state.memories, state.mask, state.cache)[:, 0])

    @torch.no_grad()
    def alignments(self, inputs_BT: Tensor, source_BS: Tensor, lengths_B: Tensor) -> Tensor:
        """The weights of every head of every decoder block's cross-attention, (B, L, H, T, S)."""
        found: list[Tensor] = []

        def note(cross: Any, given: tuple[Tensor], options: dict[str, Any]) -> None:
            keys, _ = options["memory"]
            found.append(cross.shares(cross.queries(*given), keys, options["mask"]))

        crosses: list[Any] = [block.cross for block in self.decoder]
        hooks = [cross.register_forward_pre_hook(note, with_kwargs=True) for cross in crosses]
        try:
            self.hidden(inputs_BT, source_BS, lengths_B)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack(found, dim=1)

    def _embedded(self, ids_BT: Tensor, start: int) -> Tensor:
        x_BTC = math.sqrt(self.config.d_model) * self.embedding(ids_BT)
        if self.config.positions == "sinusoidal":
            where_T = torch.arange(start, start + ids_BT.shape[1], device=ids_BT.device)
            x_BTC = x_BTC + sinusoidal(where_T, self.config.d_model).to(x_BTC.dtype)
        dropped: Tensor = self.dropout(x_BTC)
        return dropped

    def _memories(self, memory_BSC: Tensor) -> list[KeysValues]:
        """The source's keys and values for each block of the decoder."""
        return [block.cross.keys_values(memory_BSC) for block in self.decoder]  # type: ignore[union-attr, operator]

    def _decode(
        self, ids_BT: Tensor, memories: list[KeysValues], memory_mask: Tensor, cache: KVCache | None = None
    ) -> Tensor:
        start = 0 if cache is None else cache.length - ids_BT.shape[1]
        y_BTC = self._embedded(ids_BT, start)
        for layer, block in enumerate(self.decoder):
            store = None if cache is None else partial(cache.store, layer, None)
            y_BTC = block(y_BTC, store=store, memory=memories[layer], memory_mask=memory_mask)
        return y_BTC


def _block(config: TransformerConfig, *, cross: bool) -> PostNormBlock:
    def attention(relative: bool) -> Attention:
        if relative:
            return RelativeAttention(config.d_model, config.n_head, bias=True, dropout=0.0)
        return plain_attention(config.d_model, config.n_head)

    def norm() -> LayerNorm:
        return LayerNorm(config.d_model, config.norm_eps)

    return PostNormBlock(
        norm(),
        attention(config.positions == "relative"),
        norm(),
        MLP(config.d_model, config.d_ff, "relu"),
        config.dropout,
        cross_norm=norm() if cross else None,
        cross=attention(False) if cross else None,
    )
