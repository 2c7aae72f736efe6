"""Which model to train: a size by name or one dial, and any part of the shape by hand."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from prosa.core.errors import UserError
from prosa.core.language import tr

if TYPE_CHECKING:
    from prosa.models.gpt_config import GPTConfig


OWN_CONTEXT = 256  # of the small sizes


@dataclass(frozen=True)
class ModelChoice:
    """A size by name or by depth, and what differs from it; 0 and "auto" leave a part as the size has it."""

    size: str = "tiny"
    """tiny, small, medium, large, xlarge; gpt2-124m to gpt2-1558m, gpt3-125m to gpt3-175b, llama-7b to llama-65b."""
    depth: int = 0
    """In place of a size: the number of layers; the width is 64 times as much."""
    context: int = 0
    """Longest text the model reads at once, in tokens; 0: the size's own (256 for tiny to xlarge and depth)."""
    shape: Literal["auto", "classic", "modern", "speedrun"] = "auto"
    """classic: GPT-2 (LayerNorm, GELU, biases); modern: Qwen3 (RMSNorm, rotary positions, QK-norm, SwiGLU); speedrun:
    learns faster, and only Prosa opens it."""
    n_layer: int = 0
    """Layers."""
    d_model: int = 0
    """Width."""
    n_head: int = 0
    """Query heads."""
    n_kv_head: int = 0
    """Key-value heads (not classic): a divisor of n_head."""
    head_dim: int = 0
    """Width of a head."""
    d_ff: int = 0
    """Width of the feed-forward layer."""
    positions: Literal["auto", "learned", "sinusoidal", "none", "rotary"] = "auto"
    """learned, sinusoidal or none (classic); rotary (the others)."""
    tied: Literal["auto", "yes", "no"] = "auto"
    """Whether the output layer is the embedding table."""
    dropout: float = 0.0
    """Share of activations dropped in training."""

    def config(self, vocab_size: int) -> "GPTConfig":
        """The model's shape for a vocabulary.

        Raises:
            UserError: an unknown size, or a shape that does not fit together (with an offer).
        """
        config = self.unchecked(vocab_size)
        config.check()
        return config

    def unchecked(self, vocab_size: int) -> "GPTConfig":
        """The shape also where it can only be counted; ``vocab_size`` 0: the size's own.

        Raises:
            UserError: an unknown size.
        """
        from prosa.models.gpt_config import GPTConfig
        from prosa.models.sizes import PUBLISHED, by_name, dial

        if self.depth < 0:
            raise UserError(tr(f"model.depth is {self.depth}.", f"model.depth é {self.depth}."))
        if self.depth:
            base = dial(self.depth, vocab_size or 32768, self.context or OWN_CONTEXT)
        else:
            own = None if self.size in PUBLISHED else OWN_CONTEXT
            base = by_name(self.size, vocab_size=vocab_size or None, context=self.context or own)
        given = {
            name: getattr(self, name)
            for name in ("n_layer", "d_model", "n_head", "n_kv_head", "head_dim", "d_ff", "dropout")
            if getattr(self, name)
        }
        if self.positions != "auto":
            given["positions"] = self.positions
        if self.tied != "auto":
            given["tied"] = self.tied == "yes"
        shape = base.shape if self.shape == "auto" else self.shape
        if given.keys() & {"d_model", "n_head"} or shape != base.shape:  # what the size worked out no longer holds
            worked_out = {
                "n_kv_head": 0,
                "head_dim": 0,
                "d_ff": 0,
                "qk_norm": None,
                "norm_eps": 0.0,
                "positions": "auto",
                "tied": None if shape == "speedrun" else base.tied,
                "rope_theta": 0.0 if shape == "speedrun" else base.rope_theta,
            }
            given = worked_out | given
        config: GPTConfig = dataclasses.replace(base, shape=shape, **given)
        return config
