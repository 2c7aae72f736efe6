"""How far back a gradient reaches: it vanishes, or it explodes (Bengio et al. 1994; Pascanu et al. 2013).

What a token t can teach a model about the prediction at T is d loss_T / d x_t, x_t its vector. In a recurrent network
every step between the two multiplies it by one Jacobian,

    d loss_T / d x_t = d loss_T / d h_T · (d h_T / d h_{T-1}) · … · (d h_{t+1} / d h_t) · d h_t / d x_t,

so its norm falls or grows like a power of the distance T - t. Of the linear network h' = U h + x with U = ρ times a
rotation it is ρ^(T-t) exactly. The tanh of a plain RNN can only make it smaller; an LSTM's cell is added to, with a
factor σ(f) a step that it can hold near 1; attention joins t to T in one step, whatever lies between.

The models are untrained, some with a given spectral radius: what they *can* learn is the question. The inputs are small
normal vectors, twice as many as the distances that are told of: what is read first meets empty states. The loss is the
last output along a fixed direction.

Shapes: B rows, T tokens, C width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from prosa.nn.attention import Attention
from prosa.nn.block import Block
from prosa.nn.feedforward import MLP
from prosa.nn.norm import LayerNorm
from prosa.nn.recurrent import Cell, GRUCell, LSTMCell, RNNCell, read

Layer = Callable[[Tensor], Tensor]
"""(B, T, C) -> (B, T, C), no output seeing what comes after it."""

RADII = (0.8, 1.0, 1.5)
OPEN = 5.0  # bias of the open LSTM's forget gates: σ(5) = 0.993
SPREAD = 0.1  # deviation of the inputs: small enough for a tanh to be more than its saturation


@dataclass(frozen=True)
class Reach:
    """One model's curve."""

    name: str
    radius: float | None  # spectral radius of the recurrent matrix, where it is given one
    norms: tuple[float, ...]  # by distance 0, 1, 2, …: norm of d loss_T / d x_(T - distance), a mean over rows

    def to_json(self) -> dict[str, Any]:
        """The plain values."""
        return {"name": self.name, "radius": self.radius, "norms": list(self.norms)}


def input_gradients(layer: Layer, x_BTC: Tensor, direction_C: Tensor) -> Tensor:
    """Norms of d(direction · output_T) / d x_t by distance T - t, a mean over rows: (T,)."""
    x_BTC = x_BTC.detach().requires_grad_()
    loss = (layer(x_BTC)[:, -1] @ direction_C).sum()
    (gradient_BTC,) = torch.autograd.grad(loss, x_BTC)
    norms_T: Tensor = gradient_BTC.norm(dim=-1).mean(0).flip(0)
    return norms_T


def rotation_times(radius: float, size: int) -> Tensor:
    """A random rotation (or reflection) times ``radius``, (C, C): every vector becomes ``radius`` times as long."""
    q, r = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))
    turned: Tensor = radius * q * r.diagonal().sign()
    return turned


def linear_network(radius: float, size: int) -> Layer:
    """h' = U h + x with U of ``rotation_times``."""
    u = rotation_times(radius, size)

    def layer(x_BTC: Tensor) -> Tensor:
        h_BC, outputs = torch.zeros_like(x_BTC[:, 0]), []
        for x_BC in x_BTC.unbind(1):
            h_BC = h_BC @ u.T + x_BC
            outputs.append(h_BC)
        return torch.stack(outputs, 1)

    return layer


@torch.no_grad()
def plain_network(radius: float, size: int) -> RNNCell:
    """An RNN whose recurrent matrix is ``rotation_times`` and which takes its input as it is."""
    cell = RNNCell(size, size).double()
    cell.recurrent.weight.copy_(rotation_times(radius, size))
    cell.input.weight.copy_(torch.eye(size))
    nn.init.zeros_(cell.input.bias)
    nn.init.zeros_(cell.recurrent.bias)
    return cell


@torch.no_grad()
def open_lstm(size: int) -> LSTMCell:
    """An LSTM as it begins, but for forget gates that let nearly all pass."""
    cell = LSTMCell(size, size).double()
    nn.init.constant_(cell.input.bias[size : 2 * size], OPEN)
    return cell


def attention_block(size: int) -> Layer:
    """A decoder's block as GPT-2 begins it, of 4 heads."""
    attention = Attention(size, 4, 4, size // 4, bias=True, qk_norm=False, norm_eps=1e-5, dropout=0.0)
    block = Block(LayerNorm(size, 1e-5), attention, LayerNorm(size, 1e-5), MLP(size, 4 * size), 0.0).double()
    for parameter in block.parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, std=size**-0.5)
    return block


def reading(cell: Cell) -> Layer:
    """A cell as a layer."""
    return lambda x_BTC: read(cell, x_BTC)[0]


def measure_reach(*, distance: int = 100, width: int = 64, rows: int = 16, seed: int = 0) -> list[Reach]:
    """The curves of all models, from 0 to ``distance``; the same arguments give the same numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        x_BTC = SPREAD * torch.randn(rows, 2 * distance + 1, width, dtype=torch.float64)
        direction_C = torch.randn(width, dtype=torch.float64)
        direction_C /= direction_C.norm()
        layers: Sequence[tuple[str, float | None, Layer]] = [
            *(("linear", radius, linear_network(radius, width)) for radius in RADII),
            *(("rnn", radius, reading(plain_network(radius, width))) for radius in RADII),
            ("rnn", None, reading(RNNCell(width, width).double())),
            ("gru", None, reading(GRUCell(width, width).double())),
            ("lstm", None, reading(LSTMCell(width, width).double())),
            ("lstm-open", None, reading(open_lstm(width))),
            ("attention", None, attention_block(width)),
        ]
        return [
            Reach(name, radius, tuple(input_gradients(layer, x_BTC, direction_C)[: distance + 1].tolist()))
            for name, radius, layer in layers
        ]
