"""The next token of each row, from its logits; and whether rounding could have decided it.

In float32 the same logits come out a few millionths apart when they are computed alone or in a batch, from the cache or
anew, because sums are taken in another order. That matters only where two choices are as good as equal. ``choose``
tells such rows, and the engine computes their logits again in one canonical way (alone, without the cache), so that
the choice is the same however the row was read.
"""

import torch
from torch import Tensor

from prosa.generate.logits import COLDEST, cumulative_walk, next_probabilities
from prosa.generate.sampling import Sampling

NEAR_TIE = 1e-4
"""Greedy: the two highest logits differ by less than this, relative to the highest (or to 1). Rounding is ~1e-6."""
NEAR_EDGE = 2e-6
"""Sampling: the cumulative walk would end at another token if r moved by this much.
Below a temperature of 1, by as much over the temperature: logits are divided by it, and their rounding with them."""


def choose(logits: Tensor, draws: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Choose one token a row.

    Args:
        logits: (B, V) float32, after the rows' own penalties, biases and grammars (adjust.py).
        draws: (B,) float64 in [0, 1), one random number a row (unused when greedy).

    Returns:
        ids (B,) int64, and (B,) bool: rounding could have decided this row.
    """
    if sampling.greedy:
        ids = logits.argmax(dim=-1)
        best = logits.topk(min(2, logits.shape[-1]), dim=-1).values
        gap = best[:, 0] - best[:, -1]
        return ids, (gap < NEAR_TIE * best[:, 0].abs().clamp(min=1)) & (logits.shape[-1] > 1)
    edge = NEAR_EDGE / min(max(sampling.temperature, COLDEST), 1)
    around = draws[:, None] + torch.tensor([0, -edge, edge], dtype=torch.float64, device=draws.device)
    walked = cumulative_walk(next_probabilities(logits, sampling), around.clamp(0, 1))
    return walked[:, 0], walked[:, 1] != walked[:, 2]
