"""The shape of a decoder, and what would fit where a shape does not."""

import math
from dataclasses import dataclass
from typing import Literal

from prosa.core.errors import UserError
from prosa.core.language import tr


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
    shape: Literal["classic", "modern", "speedrun"] = "modern"
    positions: Literal["auto", "learned", "sinusoidal", "none", "rotary"] = "auto"  # auto: rotary, or (classic) learned
    qk_norm: bool | None = None  # norm queries and keys; None: yes unless classic
    tied: bool | None = None  # the head is the embedding; None: yes unless speedrun
    dropout: float = 0.0  # on embeddings, attention weights and what each half of a block adds
    norm_eps: float = 0.0  # 0: 1e-6, or (classic) 1e-5
    rope_theta: float = 0.0  # base of the rotary angles; 0: 10000, or (speedrun) 1000

    def __post_init__(self) -> None:
        classic, modern = self.shape == "classic", self.shape == "modern"
        fits = self.n_head > 0 and self.d_model % self.n_head == 0
        worked_out = {
            "n_kv_head": self.n_kv_head or self.n_head,
            "head_dim": self.head_dim or (self.d_model // self.n_head if fits else 0),
            "d_ff": self.d_ff or (math.ceil(8 * self.d_model / 3 / 32) * 32 if modern else 4 * self.d_model),
            "positions": ("learned" if classic else "rotary") if self.positions == "auto" else self.positions,
            "qk_norm": not classic if self.qk_norm is None else self.qk_norm,
            "tied": self.shape != "speedrun" if self.tied is None else self.tied,
            "norm_eps": self.norm_eps or (1e-5 if classic else 1e-6),
            "rope_theta": self.rope_theta or (1000.0 if self.shape == "speedrun" else 10000.0),
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
            problems += _head_problems(self) + _shape_problems(self)
        if not 0 <= self.dropout < 1:
            problems.append(
                tr(f"dropout is {self.dropout}, must be in [0, 1)", f"dropout é {self.dropout}, deve estar em [0, 1)")
            )
        if problems:
            raise UserError(
                tr("this model cannot be built: ", "este modelo não pode ser construído: ") + "; ".join(problems),
                tr("Change these values in the recipe or the flags.", "Mude esses valores na receita ou nas opções."),
            )


def _nearest_divisor(whole: int, wanted: int) -> int:
    return min((n for n in range(1, whole + 1) if whole % n == 0), key=lambda n: abs(n - wanted))


def _head_problems(c: GPTConfig) -> list[str]:
    """The classic shape (and Llama's) cuts d_model into heads; QK-normed heads have any even width."""
    found = []
    multiple = math.ceil(c.d_model / c.n_head) * c.n_head
    offer = tr(
        f"use n_head {_nearest_divisor(c.d_model, c.n_head)}, or d_model {multiple}",
        f"use n_head {_nearest_divisor(c.d_model, c.n_head)}, ou d_model {multiple}",
    )
    if c.head_dim < 1 or (c.shape != "classic" and not c.qk_norm and c.d_model % c.n_head):
        found.append(
            tr(
                f"{c.n_head} heads do not divide d_model {c.d_model}: {offer}",
                f"{c.n_head} cabeças não dividem d_model {c.d_model}: {offer}",
            )
        )
    elif c.shape == "classic" and c.n_head * c.head_dim != c.d_model:
        inner = c.n_head * c.head_dim
        offer = tr(f"use d_model {inner}", f"use d_model {inner}")
        if c.d_model % c.head_dim == 0:
            heads = c.d_model // c.head_dim
            offer = tr(f"use n_head {heads}, or d_model {inner}", f"use n_head {heads}, ou d_model {inner}")
        found.append(
            tr(
                f"{c.n_head} heads of {c.head_dim} are {inner} wide, not d_model {c.d_model}: {offer}",
                f"{c.n_head} cabeças de {c.head_dim} têm largura {inner}, e não d_model {c.d_model}: {offer}",
            )
        )
    if c.shape != "classic" and c.head_dim % 2:
        found.append(
            tr(
                f"head_dim {c.head_dim} is odd, rotary positions need it even: use head_dim {c.head_dim + 1}",
                f"head_dim {c.head_dim} é ímpar, posições rotativas pedem par: use head_dim {c.head_dim + 1}",
            )
        )
    if c.shape != "classic" and c.n_head % c.n_kv_head:
        fitting = _nearest_divisor(c.n_head, c.n_kv_head)
        found.append(
            tr(
                f"{c.n_kv_head} key-value heads do not divide {c.n_head} heads: use n_kv_head {fitting}",
                f"{c.n_kv_head} cabeças de chave e valor não dividem {c.n_head} cabeças: use n_kv_head {fitting}",
            )
        )
    return found


def _shape_problems(c: GPTConfig) -> list[str]:
    """What only the other shape has."""
    found = []
    fitting = ("learned", "sinusoidal", "none") if c.shape == "classic" else ("rotary",)
    if c.positions not in fitting:
        names = ", ".join(fitting)
        found.append(
            tr(
                f"the {c.shape} shape has no {c.positions} positions: use {names}",
                f"a forma {c.shape} não tem posições {c.positions}: use {names}",
            )
        )
    if c.shape == "classic" and c.n_kv_head != c.n_head:
        found.append(
            tr(
                f"the classic shape has no grouped key-value heads: use n_kv_head {c.n_head} or shape modern",
                f"a forma classic não agrupa cabeças de chave e valor: use n_kv_head {c.n_head} ou shape modern",
            )
        )
    if c.shape == "classic" and c.qk_norm:
        found.append(
            tr(
                "the classic shape has no QK-norm: use qk_norm false or shape modern",
                "a forma classic não tem QK-norm: use qk_norm false ou shape modern",
            )
        )
    if c.positions == "sinusoidal" and c.d_model % 2:
        found.append(
            tr(
                f"sinusoidal positions need an even d_model: use d_model {c.d_model + 1}",
                f"posições sinusoidais pedem d_model par: use d_model {c.d_model + 1}",
            )
        )
    return found
