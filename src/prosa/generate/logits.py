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

import torch
from torch import Tensor

from prosa.generate.sampling import Sampling

ROUNDING = 1e-6  # a cumulative probability this near below top_p counts as having reached it: float32 sums are inexact
COLDEST = 1e-30
"""A temperature as good as 0: of one below, float32 has no number, or no quotient."""


def penalize_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make tokens already seen less probable (``penalty`` > 1) or more (< 1).

    Args:
        logits: (..., V) float.
        seen: (..., V) bool, the tokens in the context.
    """
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Divide by the temperature: softmax(x / T); T is at least ``COLDEST``."""
    return logits / max(temperature, COLDEST)


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
