"""The feed-forward half of a block, the same for every token: (B, T, C) -> (B, T, C).

MLP (GPT-2):               down(gelu(up(x))), GELU by its tanh approximation (Hendrycks & Gimpel 2016)
MLP (BERT; Transformer):   the same with exact GELU, x Φ(x); with ReLU, max(0, x)
SwiGLU (Shazeer 2020):     down(silu(gate(x)) * up(x))
ReLU² (So et al. 2021):    down(max(0, up(x))²)
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["gelu-tanh", "gelu", "relu"]
ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "gelu-tanh": partial(F.gelu, approximate="tanh"),
    "gelu": F.gelu,
    "relu": F.relu,
}


class MLP(nn.Module):
    """Two linear layers with biases and a GELU between them, or what else is asked for."""

    def __init__(self, d_model: int, d_ff: int, activation: Activation = "gelu-tanh") -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_ff)
        self.down = nn.Linear(d_ff, d_model)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        y: Tensor = self.down(ACTIVATIONS[self.activation](self.up(x)))
        return y


class SwiGLU(nn.Module):
    """A gated feed-forward layer without biases."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        y: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))
        return y


class SquaredReLU(nn.Module):
    """Two linear layers without biases and a squared ReLU between them (Primer, arXiv 2109.08668)."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        h = self.up(x)
        if torch.compiler.is_compiling():
            y: Tensor = self.down(F.relu(h).square())
        else:
            y = self.down(_ReluSquared.apply(h))  # type: ignore[no-untyped-call]
        return y


class _ReluSquared(torch.autograd.Function):
    """max(0, x)², of which only max(0, x) is kept for the gradient, 2 max(0, x)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = x.clamp(min=0)
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        return torch.mul(g, positive).mul_(2)
