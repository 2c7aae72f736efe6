"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): momentum made orthogonal, for hidden matrices.

    b = 0.95 b + 0.05 g;  u = 0.95 b + 0.05 g (Nesterov);  p = p - lr sqrt(max(1, rows / columns)) orthogonal(u)

``orthogonal`` is the nearest matrix whose singular values are 1, or nearly (0.7 to 1.2), by five Newton-Schulz steps:
with x = u / |u|, A = x x^T:  x = 3.4445 x + (-4.7750 A + 2.0315 A^2) x.

torch's own Muon does the same a matrix at a time. Here matrices of equal shape go through as one batch, and on a CPU
small ones are shared among threads.
"""

from typing import Any

import torch
from torch import Tensor

from prosa.train.threads import available, each

A, B, C = 3.4445, -4.7750, 2.0315
STEPS = 5
MOMENTUM = 0.95
LARGE = 2**20  # entries of a matrix whose products keep all cores busy
BATCH = 2**24  # entries taken at once: their copies are memory that a large model does not have


class Muon:
    """Muon with decoupled weight decay; parameters are matrices.

    Args:
        groups: parameter groups, each with its ``params``, ``lr`` and ``weight_decay``.
    """

    state_tensors = 1
    """How many copies of the parameters the state is."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        self.param_groups = groups
        self.state: dict[Tensor, dict[str, Tensor]] = {}

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters that have a gradient; the momentum is kept under ``momentum_buffer``."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            if group["weight_decay"]:
                torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
            for same in _alike(parameters):
                gradients = [p.grad for p in same if p.grad is not None]
                buffers = [self._buffer(p) for p in same]
                torch._foreach_lerp_(buffers, gradients, 1 - MOMENTUM)
                steps = _orthogonal_in_parts(torch.stack(torch._foreach_lerp(gradients, buffers, MOMENTUM)))
                rows, columns = same[0].shape
                scale = -group["lr"] * max(1.0, rows / columns) ** 0.5
                torch._foreach_add_(same, list(steps.unbind()), alpha=scale)

    def _buffer(self, p: Tensor) -> Tensor:
        if not self.state.get(p):
            self.state[p] = {"momentum_buffer": torch.zeros_like(p)}
        return self.state[p]["momentum_buffer"]


def _alike(parameters: list[Tensor]) -> list[list[Tensor]]:
    """Batches of parameters of equal shape, none with more than ``BATCH`` entries in all but for a single matrix."""
    groups: dict[torch.Size, list[Tensor]] = {}
    for p in parameters:
        groups.setdefault(p.shape, []).append(p)
    found = []
    for same in groups.values():
        number = max(1, BATCH // same[0].numel())
        found += [same[i : i + number] for i in range(0, len(same), number)]
    return found


def _orthogonal_in_parts(matrices_NRC: Tensor) -> Tensor:
    """``orthogonal``; on a CPU, small matrices are shared among threads."""
    number = min(available(), len(matrices_NRC))
    if matrices_NRC.device.type != "cpu" or number == 1 or matrices_NRC[0].numel() > LARGE:
        return orthogonal(matrices_NRC)
    return torch.cat(each(orthogonal, matrices_NRC.chunk(number), number))


def orthogonal(matrices_NRC: Tensor) -> Tensor:
    """Each matrix of a batch made nearly orthogonal: (N, R, C) -> (N, R, C), in its dtype; a zero one stays zero."""
    tall = matrices_NRC.shape[-2] > matrices_NRC.shape[-1]
    x = matrices_NRC.mT.contiguous() if tall else matrices_NRC
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    if _has_bfloat16(x.device):
        x = x.bfloat16()
    for _ in range(STEPS):
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=B, alpha=C)
        x = torch.baddbmm(x, polynomial, x, beta=A)
    return (x.mT if tall else x).to(matrices_NRC.dtype)


def _has_bfloat16(device: torch.device) -> bool:
    """Whether products in bfloat16 are faster than in float32 there; five steps do not need more digits."""
    return device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_avx512_bf16_supported())
