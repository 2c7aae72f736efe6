"""Normalisation of the last axis: LayerNorm (Ba, Kiros & Hinton 2016) and RMSNorm (Zhang & Sennrich 2019).

    LayerNorm:  y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias
    RMSNorm:    y = x / sqrt(mean(x^2) + eps) * weight

Both keep the shape and the dtype of their input, (..., C).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LayerNorm(nn.Module):
    """LayerNorm over the last ``size`` entries, with or without a bias."""

    def __init__(self, size: int, eps: float = 1e-5, *, bias: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class RMSNorm(nn.Module):
    """RMSNorm over the last ``size`` entries: no mean is taken off and there is no bias.

    Args:
        weight: False leaves the weight out.
    """

    def __init__(self, size: int, eps: float = 1e-6, *, weight: bool = True) -> None:
        super().__init__()
        self.size, self.eps = size, eps
        self.weight = nn.Parameter(torch.ones(size)) if weight else None

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        weight = None if self.weight is None else self.weight.to(x.dtype)
        if x.device.type == "cpu" and torch.is_grad_enabled() and not torch.compiler.is_compiling():
            y: Tensor = _UnitRMS.apply(x, self.eps)  # type: ignore[no-untyped-call]
            return y if weight is None else torch.mul(y, weight)
        return F.rms_norm(x, (self.size,), weight, self.eps)


class _UnitRMS(torch.autograd.Function):
    """x / rms(x), where torch has no kernel of its own (training on a CPU): fewer passes over memory than autograd's.

    With r = 1 / sqrt(mean(x^2) + eps) and y = r x:  dx = r (g - y mean(g y)).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
        r: Tensor = length.square_().div_(x.shape[-1]).add_(eps).rsqrt_().to(x.dtype)
        y: Tensor = x * r
        ctx.save_for_backward(y, r)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        y, r = ctx.saved_tensors
        along = (g * y).sum(dim=-1, keepdim=True).div_(-y.shape[-1])
        return torch.addcmul(g, y, along).mul_(r), None
