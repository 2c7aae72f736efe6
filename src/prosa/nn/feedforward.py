"""The feed-forward half of a block, the same for every token: (B, T, C) -> (B, T, C).

MLP (GPT-2):               down(gelu(up(x))), GELU by its tanh approximation (Hendrycks & Gimpel 2016)
SwiGLU (Shazeer 2020):     down(silu(gate(x)) * up(x))
"""

import torch.nn.functional as F
from torch import Tensor, nn


class MLP(nn.Module):
    """Two linear layers with biases and a GELU between them."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_ff)
        self.down = nn.Linear(d_ff, d_model)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        y: Tensor = self.down(F.gelu(self.up(x), approximate="tanh"))
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
