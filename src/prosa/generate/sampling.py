"""The sampler's settings, checked. What they do to logits: logits.py (this file does without torch, which is slow)."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from prosa.core.errors import UserError
from prosa.core.language import tr

if TYPE_CHECKING:
    from prosa.generate.grammar import Grammar

MOST = 100.0
"""Of a bias, either way: as good as never, or always."""


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. The defaults sample from the model's own distribution.

    Raises:
        UserError: values out of range; all of them are named at once.
    """

    temperature: float = 1.0
    """Divides the logits: below 1 sharper, above 1 flatter, 0 greedy."""
    top_k: int = 0
    """Only the k most probable tokens (and those equal to the last of them); 0: all."""
    top_p: float = 1.0
    """Only the smallest set of most probable tokens whose probabilities add up to at least p; 1: all."""
    min_p: float = 0.0
    """Only tokens at least this share as probable as the most probable one; 0: all."""
    repetition_penalty: float = 1.0
    """Divides positive and multiplies negative logits of tokens already in the context; 1: none."""
    stop: tuple[str, ...] = ()
    """Strings that end the text; they are not part of it."""
    seed: int = 0
    """The same prompt, settings and seed give the same text."""
    top_logprobs: int = 0
    """How many of the most probable tokens to report at each position."""
    presence_penalty: float = 0.0
    """Taken from the logits of tokens that have been written; below 0 it is added."""
    frequency_penalty: float = 0.0
    """The same, once for every time."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """Token ids and what is added to their logits, from -100 to 100."""
    grammar: "Grammar | None" = None
    """What the text must be (grammar.py)."""

    def __post_init__(self) -> None:
        checks: list[tuple[bool, str, object, str]] = [
            (_finite(self.temperature, 0), "temperature", self.temperature, ">= 0"),
            (_whole(self.top_k, 0), "top_k", self.top_k, tr("a whole number >= 0", "um inteiro >= 0")),
            (_finite(self.top_p, 0) and 0 < self.top_p <= 1, "top_p", self.top_p, "> 0, <= 1"),
            (_finite(self.min_p, 0) and self.min_p <= 1, "min_p", self.min_p, ">= 0, <= 1"),
            (
                _finite(self.repetition_penalty, 0) and self.repetition_penalty > 0,
                "repetition_penalty",
                self.repetition_penalty,
                "> 0",
            ),
            (_within(self.presence_penalty, 2), "presence_penalty", self.presence_penalty, ">= -2, <= 2"),
            (_within(self.frequency_penalty, 2), "frequency_penalty", self.frequency_penalty, ">= -2, <= 2"),
            (
                all(_whole(id, 0) and _within(bias, MOST) for id, bias in self.logit_bias),
                "logit_bias",
                self.logit_bias,
                tr("token ids with numbers from -100 to 100", "ids de tokens com números de -100 a 100"),
            ),
            (_strings(self.stop), "stop", self.stop, tr("a tuple of non-empty strings", "tupla de textos não vazios")),
            (_whole(self.seed), "seed", self.seed, tr("a whole number", "um inteiro")),
            (
                _whole(self.top_logprobs, 0),
                "top_logprobs",
                self.top_logprobs,
                tr("a whole number >= 0", "inteiro >= 0"),
            ),
        ]
        wrong = [
            tr(f"{name} is {value!r}, must be {rule}", f"{name} é {value!r}, deve ser {rule}")
            for good, name, value, rule in checks
            if not good
        ]
        if wrong:
            raise UserError(tr("Sampling settings: ", "Parâmetros de amostragem: ") + "; ".join(wrong) + ".")

    @property
    def greedy(self) -> bool:
        """Whether the highest logit always wins."""
        return self.temperature == 0

    @property
    def adjusts(self) -> bool:
        """Whether logits are changed before the sampler sees them (adjust.py)."""
        penalties = self.repetition_penalty != 1 or self.presence_penalty or self.frequency_penalty
        return bool(penalties or self.logit_bias or self.grammar)

    @cached_property
    def choice(self) -> "Sampling":
        """The sampler's own part: rows whose choices are equal are chosen for together."""
        return Sampling(self.temperature, self.top_k, self.top_p, self.min_p)


def _finite(value: object, low: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= low


def _within(value: object, most: float) -> bool:
    return _finite(value, -most) and isinstance(value, int | float) and value <= most


def _whole(value: object, low: int | None = None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and (low is None or value >= low)


def _strings(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(s, str) and s for s in value)
