"""Decoders by name, one dial for small ones, and how many parameters a decoder has.

Sources: GPT-2 (Radford et al. 2019, table 2), GPT-3 (Brown et al. 2020, table 2.1), Llama (Touvron et al. 2023,
table 2). Two rows of GPT-3's table do not fit their own heads (24 x 128 is not 2,048; 40 x 128 is not 5,140): they can
be counted, and building them is refused with what would fit (``GPTConfig.check``).
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from prosa.core.errors import unknown
from prosa.core.language import tr
from prosa.models.gpt_config import GPTConfig

HEAD_DIM = 64

_SMALL = {  # name: n_layer, d_model
    "tiny": (4, 128),
    "small": (4, 256),
    "medium": (6, 384),
    "large": (8, 512),
    "xlarge": (12, 768),
}
_GPT2 = {  # name: n_layer, d_model, n_head
    "gpt2-124m": (12, 768, 12),
    "gpt2-355m": (24, 1024, 16),
    "gpt2-774m": (36, 1280, 20),
    "gpt2-1558m": (48, 1600, 25),
}
_GPT3 = {  # name: n_layer, d_model, n_head, head_dim
    "gpt3-125m": (12, 768, 12, 64),
    "gpt3-350m": (24, 1024, 16, 64),
    "gpt3-760m": (24, 1536, 16, 96),
    "gpt3-1.3b": (24, 2048, 24, 128),
    "gpt3-2.7b": (32, 2560, 32, 80),
    "gpt3-6.7b": (32, 4096, 32, 128),
    "gpt3-13b": (40, 5140, 40, 128),
    "gpt3-175b": (96, 12288, 96, 128),
}
_LLAMA = {  # name: n_layer, d_model, n_head, d_ff
    "llama-7b": (32, 4096, 32, 11008),
    "llama-13b": (40, 5120, 40, 13824),
    "llama-33b": (60, 6656, 52, 17920),
    "llama-65b": (80, 8192, 64, 22016),
}
PUBLISHED: tuple[str, ...] = (*_GPT2, *_GPT3, *_LLAMA)  # with a vocabulary and a context of their own
SIZES: tuple[str, ...] = (*_SMALL, *PUBLISHED)


def by_name(name: str, *, vocab_size: int | None = None, context: int | None = None) -> GPTConfig:
    """The shape of that name (one of ``SIZES``).

    Args:
        vocab_size, context: in place of the published ones; for the small sizes, which have no published ones,
            32,768 and 512 unless told.

    Raises:
        UserError: no such name; the nearest is suggested.
    """
    if name in _SMALL:
        n_layer, d_model = _SMALL[name]
        return _modern(n_layer, d_model, vocab_size or 32768, context or 512)
    if name in _GPT2:
        n_layer, d_model, n_head = _GPT2[name]
        config = GPTConfig(50257, 1024, n_layer, n_head, d_model, shape="classic")
    elif name in _GPT3:
        n_layer, d_model, n_head, head_dim = _GPT3[name]
        config = GPTConfig(50257, 2048, n_layer, n_head, d_model, head_dim=head_dim, shape="classic")
    elif name in _LLAMA:
        n_layer, d_model, n_head, d_ff = _LLAMA[name]
        config = GPTConfig(32000, 2048, n_layer, n_head, d_model, d_ff=d_ff, qk_norm=False, tied=False)
    else:
        raise unknown(tr("size", "tamanho"), name, SIZES)
    return dataclasses.replace(config, vocab_size=vocab_size or config.vocab_size, context=context or config.context)


def dial(depth: int, vocab_size: int, context: int) -> GPTConfig:
    """One dial for small models: ``depth`` layers, 64 * depth wide, heads of 64, the modern shape."""
    return _modern(depth, 64 * depth, vocab_size, context)


def _modern(n_layer: int, d_model: int, vocab_size: int, context: int) -> GPTConfig:
    return GPTConfig(vocab_size, context, n_layer, d_model // HEAD_DIM, d_model)


@dataclass(frozen=True)
class ParameterCount:
    """A decoder's parameters by part. What is shared (a tied head) counts once, under ``embeddings``."""

    embeddings: int  # tokens and, when learned, positions
    attention: int
    feed_forward: int
    norms: int  # and, in the speedrun shape, its scalars
    head: int  # 0 when tied

    @property
    def total(self) -> int:
        """All parameters."""
        return sum(self.parts())

    def parts(self) -> Iterable[int]:
        """The numbers in the order of the fields."""
        return (getattr(self, field.name) for field in dataclasses.fields(self))


def count_parameters(config: GPTConfig) -> ParameterCount:
    """Count without building, also what cannot be built.

    For a classic shape with d_ff = 4 d the total is V d + context d + L (12 d^2 + 13 d) + 2 d.
    """
    c, d = config, config.d_model
    if c.shape == "classic":  # d_model is cut into heads, whatever their number
        attention = 4 * d * d + 4 * d
        feed_forward = 2 * d * c.d_ff + c.d_ff + d
        norm = 2 * d
    else:
        attention = 2 * d * (c.n_head + c.n_kv_head) * c.head_dim
        feed_forward = (3 if c.shape == "modern" else 2) * d * c.d_ff
        norm = d
    norms = norm + c.n_layer * (2 * norm + (2 * c.head_dim if c.qk_norm else 0))
    return ParameterCount(
        embeddings=c.vocab_size * d + (c.context * d if c.positions == "learned" else 0),
        attention=c.n_layer * attention,
        feed_forward=c.n_layer * feed_forward,
        norms=2 * c.n_layer if c.shape == "speedrun" else norms,
        head=0 if c.tied else c.vocab_size * d,
    )


def flops_per_token(config: GPTConfig, context: int) -> float:
    """FLOPs of a forward and a backward pass, a token, at ``context`` tokens a sequence: 6 N + 12 L H Q T.

    PaLM's count (Chowdhery et al. 2022, arXiv 2204.02311, appendix B): N parameters that multiply (a table only looks
    up, unless it is also the head), L layers, H heads of size Q, T context.
    """
    count = count_parameters(config)
    multiply = count.total - count.embeddings + (config.vocab_size * config.d_model if config.tied else 0)
    return 6.0 * multiply + 12.0 * config.n_layer * config.n_head * config.head_dim * context


def fitting(config: GPTConfig) -> GPTConfig:
    """The nearest shape whose heads fit its width: other heads where they divide it, else the width of the heads."""
    c = config
    if c.shape != "classic" or c.n_head * c.head_dim == c.d_model:
        return c
    if c.head_dim and c.d_model % c.head_dim == 0:
        heads = c.d_model // c.head_dim
        return dataclasses.replace(c, n_head=heads, n_kv_head=heads)
    return dataclasses.replace(c, d_model=c.n_head * c.head_dim) if c.head_dim else c
