"""The textbook sampler, as small pure functions on logits.

The order is fixed, and is that of ``transformers``:

    logits → repetition penalty → temperature → top-k → top-p → min-p → softmax → cumulative walk

Each step takes and gives logits of shape (..., V), float; what a step removes becomes -inf, so that its probability
is exactly 0. Temperature 0 is greedy decoding: the penalty applies, then the highest logit wins (the first of equals).

Repetition penalty: Keskar et al. 2019, CTRL, section 4.1 (as corrected by practice: a negative logit is multiplied).
Top-k: Fan et al. 2018, Hierarchical Neural Story Generation. Top-p: Holtzman et al. 2019, The Curious Case of Neural
Text Degeneration, section 3.1. Min-p: Nguyen et al. 2024, Turning Up the Heat. Cumulative walk: inversion of the
distribution function (Devroye 1986, chapter III.2).
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import tr

ROUNDING = 1e-6  # a cumulative probability this near below top_p counts as having reached it: float32 sums are inexact


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


def _finite(value: object, low: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= low


def _whole(value: object, low: int | None = None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and (low is None or value >= low)


def _strings(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(s, str) and s for s in value)


def penalize_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make tokens already seen less probable (``penalty`` > 1) or more (< 1).

    Args:
        logits: (..., V) float.
        seen: (..., V) bool, the tokens in the context.
    """
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Divide by the temperature: softmax(x / T)."""
    return logits / temperature


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Remove what is below the k-th highest logit; its equals stay. 0 or k >= V removes nothing."""
    if k == 0 or k >= logits.shape[-1]:
        return logits
    kth = logits.topk(k, dim=-1).values[..., -1:]
    return logits.masked_fill(logits < kth, -torch.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the nucleus: the smallest set of most probable tokens whose cumulative probability is >= p."""
    if p >= 1:
        return logits
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = softmax(ordered)
    before = probabilities.cumsum(dim=-1) - probabilities  # the mass of those more probable
    outside = before >= p - ROUNDING
    outside[..., 0] = False  # the most probable stays, however small p
    return logits.masked_fill(outside.scatter(-1, order, outside), -torch.inf)


def keep_min_p(logits: Tensor, min_p: float) -> Tensor:
    """Remove tokens less probable than ``min_p`` times the most probable one."""
    if min_p <= 0:
        return logits
    probabilities = softmax(logits)
    return logits.masked_fill(probabilities < min_p * probabilities.amax(dim=-1, keepdim=True), -torch.inf)


def softmax(logits: Tensor) -> Tensor:
    """Probabilities (..., V): exp(x - max) over its sum, in the logits' own precision."""
    return torch.softmax(logits, dim=-1)


def next_probabilities(logits: Tensor, sampling: Sampling) -> Tensor:
    """The distribution the next token is drawn from: temperature, top-k, top-p, min-p and softmax, in that order.

    Args:
        logits: (..., V) float, after the repetition penalty.

    Returns:
        (..., V) float, summing to 1. Temperature must be > 0.
    """
    logits = apply_temperature(logits, sampling.temperature)
    logits = keep_top_k(logits, sampling.top_k)
    logits = keep_top_p(logits, sampling.top_p)
    return softmax(keep_min_p(logits, sampling.min_p))


def cumulative_walk(probabilities: Tensor, r: Tensor) -> Tensor:
    """Walk along the tokens, adding up probabilities, and stop at the first whose sum exceeds r.

    Args:
        probabilities: (..., V) float, summing to 1 but for rounding (the sum is divided out).
        r: (..., N) float in [0, 1], N walks a row.

    Returns:
        (..., N) int64 token ids. A token of probability 0 is never returned.
    """
    cumulative = probabilities.cumsum(dim=-1, dtype=torch.float64)
    total = cumulative[..., -1:].contiguous()
    last = torch.searchsorted(cumulative, total)  # where the sum reaches its end
    return torch.minimum(torch.searchsorted(cumulative, r * total, right=True), last)


def stream_key(seed: int, prompt: Sequence[int], sample: int) -> bytes:
    """What names a stream of random numbers: seed, the prompt's ids and the sample's number; nothing else."""
    return hashlib.sha256(repr((seed, sample, list(prompt))).encode()).digest()


def uniform(key: bytes, position: int) -> float:
    """The number in [0, 1) of a stream at a token position: 53 bits of a hash, a counter-based generator.

    It has no state, so a token's draw cannot depend on what else is in the batch or on what was drawn before
    (Salmon et al. 2011, Parallel Random Numbers: As Easy as 1, 2, 3).
    """
    digest = hashlib.blake2b(position.to_bytes(8, "little"), key=key, digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) * 2.0**-53
