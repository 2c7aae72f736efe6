"""How fast training is, against what the machine can do: FLOPs a token over the measured matrix peak.

FLOPs a token, forward and backward (PaLM, arXiv 2204.02311, appendix B):  6 N + 12 L H Q T
N parameters that multiply (an embedding table only looks up, unless it is also the head), L layers, H heads of size Q,
T context. What activation checkpointing computes twice is not counted (it is "model FLOPs").
"""

import time
from functools import cache
from typing import Any

import torch
from torch import nn


def flops_per_token(model: nn.Module, context: int) -> float:
    """FLOPs of a forward and a backward pass, a token, at ``context`` tokens a sequence.

    The attention term needs ``model.config`` with ``n_layer`` and ``d_model`` or ``n_head * head_dim``; else it is 0.
    """
    tables = {id(m.weight): m.weight for m in model.modules() if isinstance(m, nn.Embedding)}
    config: Any = getattr(model, "config", None)
    tied = getattr(config, "vocab_size", 0) if getattr(config, "tied", False) else 0
    n = sum(p.numel() for p in model.parameters() if id(p) not in tables)
    n += sum(table.numel() for table in tables.values() if tied and len(table) == tied)
    head_dim = getattr(config, "head_dim", None)
    width = config.n_head * head_dim if head_dim else getattr(config, "d_model", 0)
    return 6.0 * n + 12.0 * getattr(config, "n_layer", 0) * width * context


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
