"""How fast training is, against what the machine can do: FLOPs a token over the measured matrix peak.

What activation checkpointing computes twice is not counted (it is "model FLOPs").
"""

import time
from functools import cache

import torch
from torch import nn

from prosa.models import sizes
from prosa.models.gpt_config import GPTConfig


def flops_per_token(model: nn.Module, context: int) -> float:
    """FLOPs of a forward and a backward pass, a token, at ``context`` tokens a sequence (``models.sizes``).

    A model that is not a decoder of ours says it itself (``training_flops``), or counts without its attention: 6 a
    parameter that multiplies (a table only looks up, unless its configuration says that it is also the head).
    """
    own = getattr(model, "training_flops", None)
    if isinstance(own, float):
        return own
    config = getattr(model, "config", None)
    if isinstance(config, GPTConfig):
        return sizes.flops_per_token(config, context)
    tied = bool(getattr(config, "tied", False))
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding) and not tied}
    return 6.0 * sum(p.numel() for p in model.parameters() if id(p) not in tables)


@cache
def matmul_peak(device: torch.device, dtype: torch.dtype, seconds: float = 0.15) -> float:
    """The best FLOP/s seen on square matrix products in about ``seconds`` (once a process)."""
    size = 4096 if device.type == "cuda" else 1024
    a = torch.randn(size, size, device=device, dtype=dtype)
    b = torch.randn(size, size, device=device, dtype=dtype)
    best, end = 0.0, time.perf_counter() + seconds
    torch.mm(a, b)
    synchronize(device)
    while True:
        start = time.perf_counter()
        torch.mm(a, b)
        synchronize(device)
        now = time.perf_counter()
        best = max(best, 2.0 * size**3 / (now - start))
        if now >= end:
            return best


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given, so that a clock means something."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
