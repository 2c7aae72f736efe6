"""The decoder: a language model that reads left to right and predicts each next token.

One model, two shapes:

- ``classic`` is GPT-2 (Radford et al. 2019): LayerNorm, positions added to the embeddings (learned, or sinusoidal, or
  none), MLP with GELU, biases everywhere;
- ``modern`` is Qwen3 (2025), and Llama without its QK-norm: RMSNorm, rotary positions, QK-norm, SwiGLU, grouped
  key-value heads, no biases.

    x = embedding[ids] (+ positions);  x = block(x), n_layer times;  logits = head(norm(x))

The head is the embedding itself when ``tied``. Shapes: B batch, T tokens, C = d_model, V = vocab_size.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.nn.attention import Attention, document_mask
from prosa.nn.block import Block
from prosa.nn.cache import KVCache
from prosa.nn.feedforward import MLP, SwiGLU
from prosa.nn.norm import LayerNorm, RMSNorm
from prosa.nn.positions import positions_in_documents, rotation, sinusoidal

INIT_STD = 0.02


@dataclass(frozen=True)
class GPTConfig:
    """A decoder's shape. What is left at 0, None or "auto" is worked out from the rest and then stands in the field.

    Making one never fails, so that impossible shapes can be counted; ``check`` (and so ``GPT``) refuses them.
    """

    vocab_size: int
    context: int  # longest text, in tokens
    n_layer: int
    n_head: int  # query heads
    d_model: int  # width of the residual stream
    n_kv_head: int = 0  # key-value heads; 0: n_head
    head_dim: int = 0  # width of a head; 0: d_model / n_head
    d_ff: int = 0  # width of the feed-forward layer; 0: 4 d_model, or (modern) 8/3 d_model up to a multiple of 32
    shape: Literal["classic", "modern"] = "modern"
    positions: Literal["auto", "learned", "sinusoidal", "none", "rotary"] = "auto"  # auto: learned, or (modern) rotary
    qk_norm: bool | None = None  # norm queries and keys; None: yes if modern
    tied: bool = True  # the head is the embedding
    dropout: float = 0.0  # on embeddings, attention weights and what each half of a block adds
    norm_eps: float = 0.0  # 0: 1e-5, or (modern) 1e-6
    rope_theta: float = 10000.0  # base of the rotary angles

    def __post_init__(self) -> None:
        modern = self.shape == "modern"
        worked_out = {
            "n_kv_head": self.n_kv_head or self.n_head,
            "head_dim": self.head_dim or (self.d_model // self.n_head if self.n_head > 0 else 0),
            "d_ff": self.d_ff or (math.ceil(8 * self.d_model / 3 / 32) * 32 if modern else 4 * self.d_model),
            "positions": ("rotary" if modern else "learned") if self.positions == "auto" else self.positions,
            "qk_norm": modern if self.qk_norm is None else self.qk_norm,
            "norm_eps": self.norm_eps or (1e-6 if modern else 1e-5),
        }
        for name, value in worked_out.items():
            object.__setattr__(self, name, value)

    def check(self) -> None:
        """Refuse a shape that cannot be built.

        Raises:
            UserError: every problem found, each with what would fit.
        """
        problems = [
            tr(f"{name} is {getattr(self, name)}, must be at least 1", f"{name} é {getattr(self, name)}, mínimo 1")
            for name in ("vocab_size", "context", "n_layer", "n_head", "d_model", "n_kv_head", "d_ff")
            if getattr(self, name) < 1
        ]
        if not problems:
            problems += [p for p in (self._heads(), self._key_value_heads(), self._positions()) if p]
        if not 0 <= self.dropout < 1:
            problems.append(
                tr(f"dropout is {self.dropout}, must be in [0, 1)", f"dropout é {self.dropout}, deve estar em [0, 1)")
            )
        if problems:
            raise UserError(
                tr("this model cannot be built: ", "este modelo não pode ser construído: ") + "; ".join(problems),
                tr("Change these values in the recipe or the flags.", "Mude esses valores na receita ou nas opções."),
            )

    def _heads(self) -> str | None:
        """The classic shape cuts d_model into heads exactly; the modern one only needs even heads to turn."""
        inner = self.n_head * self.head_dim
        if self.shape == "modern":
            if self.head_dim >= 2 and self.head_dim % 2 == 0:
                return None
            even = max(2, self.head_dim + self.head_dim % 2)
            return tr(
                f"head_dim {self.head_dim} must be even for rotary positions: use head_dim {even}",
                f"head_dim {self.head_dim} precisa ser par nas posições rotativas: use head_dim {even}",
            )
        if inner == self.d_model:
            return None
        offers = [f"d_model {inner if self.head_dim > 0 else self.n_head}"]
        if self.head_dim > 0 and self.d_model % self.head_dim == 0:
            offers.insert(0, f"n_head {self.d_model // self.head_dim}")
        else:
            heads = _nearest_divisor(self.d_model, self.n_head)
            offers.append(f"n_head {heads} " + tr("with", "com") + f" head_dim {self.d_model // heads}")
        offer = tr(", or ", ", ou ").join(offers)
        return tr(
            f"{self.n_head} heads of {self.head_dim} are {inner} wide, not d_model {self.d_model}: use {offer}",
            f"{self.n_head} cabeças de {self.head_dim} têm largura {inner}, e não d_model {self.d_model}: use {offer}",
        )

    def _key_value_heads(self) -> str | None:
        if self.shape == "classic" and self.n_kv_head != self.n_head:
            return tr(
                f"the classic shape has no grouped key-value heads: use n_kv_head {self.n_head} or shape modern",
                f"a forma classic não agrupa cabeças de chave e valor: use n_kv_head {self.n_head} ou shape modern",
            )
        if self.n_head % self.n_kv_head:
            offer = _nearest_divisor(self.n_head, self.n_kv_head)
            return tr(
                f"{self.n_kv_head} key-value heads do not divide {self.n_head} heads: use n_kv_head {offer}",
                f"{self.n_kv_head} cabeças de chave e valor não dividem {self.n_head} cabeças: use n_kv_head {offer}",
            )
        return None

    def _positions(self) -> str | None:
        fitting = ("rotary",) if self.shape == "modern" else ("learned", "sinusoidal", "none")
        if self.positions not in fitting:
            names = ", ".join(fitting)
            return tr(
                f"the {self.shape} shape has no {self.positions} positions: use {names}",
                f"a forma {self.shape} não tem posições {self.positions}: use {names}",
            )
        if self.shape == "classic" and self.qk_norm:
            return tr(
                "the classic shape has no QK-norm: use qk_norm false or shape modern",
                "a forma classic não tem QK-norm: use qk_norm false ou shape modern",
            )
        if self.positions == "sinusoidal" and self.d_model % 2:
            return tr(
                f"sinusoidal positions need an even d_model: use {self.d_model + 1}",
                f"posições sinusoidais precisam de d_model par: use {self.d_model + 1}",
            )
        return None


def _nearest_divisor(whole: int, wanted: int) -> int:
    return min((n for n in range(1, whole + 1) if whole % n == 0), key=lambda n: abs(n - wanted))


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
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        """Draw the weights anew from torch's generator: normal(0, 0.02), biases 0, norms 1.

        What adds to the residual stream is drawn smaller, 0.02 / sqrt(2 n_layer), so that the stream's variance does
        not grow with depth (Radford et al. 2019, 2.3).
        """
        for name, parameter in self.named_parameters():
            if name.endswith(".bias"):
                nn.init.zeros_(parameter)
            elif "norm" in name:
                nn.init.ones_(parameter)
            elif name.endswith(("attention.out.weight", "feedforward.down.weight")):
                nn.init.normal_(parameter, std=INIT_STD / math.sqrt(2 * self.config.n_layer))
            else:
                nn.init.normal_(parameter, std=INIT_STD)

    def forward(
        self,
        ids_BT: Tensor,
        *,
        cache: KVCache | None = None,
        positions_BT: Tensor | None = None,
        documents_BT: Tensor | None = None,
    ) -> Tensor:
        """Logits of each next token, (B, T, V). The arguments are those of ``hidden``."""
        return self.head(self.hidden(ids_BT, cache=cache, positions_BT=positions_BT, documents_BT=documents_BT))

    def head(self, hidden: Tensor) -> Tensor:
        """Logits from hidden states: (..., C) -> (..., V)."""
        return F.linear(hidden, self.embedding.weight if self.config.tied else self.unembedding.weight)

    def hidden(
        self,
        ids_BT: Tensor,
        *,
        cache: KVCache | None = None,
        positions_BT: Tensor | None = None,
        documents_BT: Tensor | None = None,
    ) -> Tensor:
        """What the model makes of each token before the head, after the final norm: (B, T, C).

        Args:
            ids_BT: token ids, (B, T) int64.
            cache: keys and values of what was read before; these tokens are added to it.
            positions_BT: each token's position, (B, T) int64. None: 0, 1, … in each row (after what the cache holds;
                within its document, with ``documents_BT``). Without a cache, positions say where a token stands but
                not what it sees, which is always what stands before it in the row.
            documents_BT: document numbers, (B, T); a token sees its own document only. Not with a cache.

        Raises:
            UserError: the text is longer than the model's context.
            ValueError: ``documents_BT`` with a cache, or a cache without room.
        """
        tokens, start = ids_BT.shape[1], 0 if cache is None else cache.length
        length = start + tokens if positions_BT is None else int(positions_BT.max()) + 1
        if max(length, tokens) > self.config.context:
            raise too_long(max(length, tokens), self.config.context)
        mask = None
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
                x_BTC = x_BTC + sinusoidal(where_BT, self.config.d_model).to(x_BTC.dtype)
            case "rotary":
                by = rotation(where_BT, self.config.head_dim, self.config.rope_theta)
        x_BTC = self.dropout(x_BTC)
        for layer, block in enumerate(self.blocks):
            store = None if cache is None else partial(cache.store, layer, positions_BT)
            x_BTC = block(x_BTC, by, mask, store)
        hidden_BTC: Tensor = self.norm(x_BTC)
        return hidden_BTC


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
    kind = LayerNorm if config.shape == "classic" else RMSNorm
    return kind(config.d_model, config.norm_eps)


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
    )
    feedforward = (MLP if config.shape == "classic" else SwiGLU)(config.d_model, config.d_ff)
    return Block(_norm(config), attention, _norm(config), feedforward, config.dropout)
