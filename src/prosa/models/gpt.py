"""The decoder: a language model that reads left to right and predicts each next token.

One model, three shapes:

- ``classic`` is GPT-2 (Radford et al. 2019): LayerNorm, positions added to the embeddings (learned, or sinusoidal, or
  none), MLP with GELU, biases everywhere;
- ``modern`` is Qwen3 (2025), and Llama without its QK-norm: RMSNorm, rotary positions, QK-norm, SwiGLU, grouped
  key-value heads, no biases;
- ``speedrun`` learns more in the same minutes and is no architecture that other programs have: the modern shape with
  squared ReLU, norms without weights (one more after the embedding), sharper attention, matrices that add to the
  stream zero at first, two learned scalars a layer, and capped logits (from Jordan et al.'s modded-nanogpt and
  Karpathy's nanochat, 2024-26; the cap is Gemma 2's, arXiv 2408.00118).

    x = embedding[ids] (+ positions);  x = block(x), n_layer times;  logits = head(norm(x))
    speedrun:  x0 = norm(embedding[ids]);  x = block(keep[l] x + again[l] x0);  logits = 15 tanh(head(norm(x)) / 15)

The head is the embedding itself when ``tied``. Shapes: B batch, T tokens, C = d_model, V = vocab_size.
"""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.models.gpt_config import GPTConfig
from prosa.nn.attention import Attention, document_mask
from prosa.nn.block import Block
from prosa.nn.cache import Cache
from prosa.nn.feedforward import MLP, SquaredReLU, SwiGLU
from prosa.nn.norm import LayerNorm, RMSNorm
from prosa.nn.positions import positions_in_documents, rotation, sinusoidal

__all__ = ["GPT", "INIT_STD", "GPTConfig", "fixed_positions", "too_long"]

INIT_STD = 0.02
LOGIT_CAP = 15.0
SHARPNESS = 1.44  # queries and keys of the speedrun shape are 1.2 times as long


class GPT(nn.Module):
    """A decoder of the given shape with GPT-2's initialisation: an untrained one's loss is near ln(vocab_size).

    It is free of device, dtype and logging. ``blocks`` may be wrapped from outside (compiled, sharded, checkpointed).

    Raises:
        UserError: the configuration does not fit together (``GPTConfig.check``).
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        if config.positions == "learned":
            self.position_embedding = nn.Embedding(config.context, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(_block(config) for _ in range(config.n_layer))
        self.norm = _norm(config)
        if not config.tied:
            self.unembedding = nn.Linear(config.d_model, config.vocab_size, bias=False)
        if config.shape == "speedrun":
            self.start_norm = _norm(config)
            self.keep, self.again = (nn.Parameter(torch.empty(config.n_layer)) for _ in range(2))
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        """Draw the weights anew from torch's generator: normal(0, 0.02), biases 0, norms 1.

        What adds to the residual stream is drawn smaller, 0.02 / sqrt(2 n_layer), so that the stream's variance does
        not grow with depth (Radford et al. 2019, 2.3). In the speedrun shape it is zero, the others are uniform with
        deviation 1 / sqrt(C), and the untied head is zero, so that the first loss is ln(vocab_size).
        """
        if self.config.shape == "speedrun":
            self._initialise_speedrun()
            return
        for name, parameter in self.named_parameters():
            if name.endswith(".bias"):
                nn.init.zeros_(parameter)
            elif "norm" in name:
                nn.init.ones_(parameter)
            elif name.endswith(("attention.out.weight", "feedforward.down.weight")):
                nn.init.normal_(parameter, std=INIT_STD / math.sqrt(2 * self.config.n_layer))
            else:
                nn.init.normal_(parameter, std=INIT_STD)

    def _initialise_speedrun(self) -> None:
        bound = math.sqrt(3 / self.config.d_model)
        for name, parameter in self.named_parameters():
            if name == "embedding.weight":
                nn.init.normal_(parameter, std=INIT_STD if self.config.tied else 0.5)
            elif name == "keep":
                nn.init.ones_(parameter)
            elif parameter.ndim == 1 or name.endswith(("out.weight", "down.weight", "unembedding.weight")):
                nn.init.zeros_(parameter)
            else:
                nn.init.uniform_(parameter, -bound, bound)

    def forward(
        self,
        ids_BT: Tensor,
        *,
        cache: Cache | None = None,
        positions_BT: Tensor | None = None,
        documents_BT: Tensor | None = None,
    ) -> Tensor:
        """Logits of each next token, (B, T, V). The arguments are those of ``hidden``."""
        return self.head(self.hidden(ids_BT, cache=cache, positions_BT=positions_BT, documents_BT=documents_BT))

    def head(self, hidden: Tensor) -> Tensor:
        """Logits from hidden states: (..., C) -> (..., V)."""
        logits = F.linear(hidden, self.embedding.weight) if self.config.tied else self.unembedding(hidden)
        return LOGIT_CAP * torch.tanh(logits / LOGIT_CAP) if self.config.shape == "speedrun" else logits

    def hidden(
        self,
        ids_BT: Tensor,
        *,
        cache: Cache | None = None,
        positions_BT: Tensor | None = None,
        documents_BT: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """What the model makes of each token before the head, after the final norm: (B, T, C).

        Args:
            ids_BT: token ids, (B, T) int64.
            cache: keys and values of what was read before; these tokens are added to it.
            positions_BT: each token's position, (B, T) int64. None: 0, 1, … in each row (after what the cache holds;
                within its document, with ``documents_BT``). Without a cache, positions say where a token stands but
                not what it sees, which is always what stands before it in the row.
            documents_BT: document numbers, (B, T); a token sees its own document only. Not with a cache.
            mask: what each token sees, (B, 1, T, T) bool, in place of all that stands before it; with positions and
                without a cache. A row may then hold more tokens than the context has positions.

        Raises:
            UserError: the text is longer than the model's context.
            ValueError: ``documents_BT`` with a cache, or a cache without room.
        """
        tokens, start = ids_BT.shape[1], 0 if cache is None else cache.length
        length = start + tokens if positions_BT is None else int(positions_BT.max()) + 1
        longest = length if mask is not None else max(length, tokens)
        if longest > self.config.context:
            raise too_long(longest, self.config.context)
        if documents_BT is not None:
            if cache is not None:
                raise ValueError("documents_BT cannot be used with a cache")
            mask = document_mask(documents_BT)
            if positions_BT is None:
                positions_BT = positions_in_documents(documents_BT)
        if cache is not None:
            mask = cache.advance(tokens, positions_BT)

        where_BT = torch.arange(start, start + tokens, device=ids_BT.device)[None]
        where_BT = where_BT if positions_BT is None else positions_BT
        x_BTC = self.embedding(ids_BT)
        by = None
        match self.config.positions:
            case "learned":
                x_BTC = x_BTC + self.position_embedding(where_BT)
            case "sinusoidal":
                x_BTC = x_BTC + fixed_positions(where_BT, self.config.d_model).to(x_BTC.dtype)
            case "rotary":
                by = rotation(where_BT, self.config.head_dim, self.config.rope_theta)
        x_BTC = self.dropout(self.start_norm(x_BTC) if self.config.shape == "speedrun" else x_BTC)
        start_BTC = x_BTC
        for layer, block in enumerate(self.blocks):
            if self.config.shape == "speedrun":
                x_BTC = torch.addcmul(self.again[layer] * start_BTC, self.keep[layer], x_BTC)
            store = None if cache is None else partial(cache.store, layer, positions_BT)
            x_BTC = block(x_BTC, by, mask, store)
        hidden_BTC: Tensor = self.norm(x_BTC)
        return hidden_BTC


def fixed_positions(positions_BT: Tensor, d_model: int) -> Tensor:
    """What sinusoidal positions add to the embeddings: (B, T) -> (B, T, C) float32.

    The paper multiplies embeddings of deviation 1 / sqrt(C) by sqrt(C) and adds sines of amplitude 1. Ours start at
    0.02, so that the tied head starts near ln V, and the sines are scaled with them: the paper's proportion. (Sines of
    amplitude 1 drown the tokens: a small model then learns no more than letter frequencies in 400 steps.)
    """
    return INIT_STD * sinusoidal(positions_BT, d_model)


def too_long(tokens: int, context: int) -> UserError:
    """The error for a text that does not fit the model."""
    return UserError(
        tr(
            f"a text of {tokens} tokens does not fit the model's context of {context} tokens.",
            f"um texto de {tokens} tokens não cabe no contexto do modelo, de {context} tokens.",
        ),
        tr(
            f"Give it at most {context} tokens, or train a model with a longer context.",
            f"Dê a ele no máximo {context} tokens, ou treine um modelo com contexto maior.",
        ),
    )


def _norm(config: GPTConfig) -> nn.Module:
    if config.shape == "classic":
        return LayerNorm(config.d_model, config.norm_eps)
    return RMSNorm(config.d_model, config.norm_eps, weight=config.shape == "modern")


def _block(config: GPTConfig) -> Block:
    attention = Attention(
        config.d_model,
        config.n_head,
        config.n_kv_head,
        config.head_dim,
        bias=config.shape == "classic",
        qk_norm=bool(config.qk_norm),
        norm_eps=config.norm_eps,
        dropout=config.dropout,
        norm_weight=config.shape != "speedrun",
        sharpness=SHARPNESS if config.shape == "speedrun" else 1.0,
    )
    feedforward = {"classic": MLP, "modern": SwiGLU, "speedrun": SquaredReLU}[config.shape](config.d_model, config.d_ff)
    return Block(_norm(config), attention, _norm(config), feedforward, config.dropout)
