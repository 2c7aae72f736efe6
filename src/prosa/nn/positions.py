"""Where a token stands: sinusoidal positions and rotary ones. (Learned positions are a plain ``nn.Embedding``.)

Attention alone does not see order: permuting its input permutes its output. Three ways to tell it:

- learned: a trained vector a position, added to the token's embedding (GPT-2);
- sinusoidal (Vaswani et al. 2017, 3.5), added likewise, fixed:
      PE(p, 2i) = sin(p / 10000^(2i/C))      PE(p, 2i+1) = cos(p / 10000^(2i/C))
  so that PE(p + k) is PE(p) turned by an angle that depends on k alone;
- rotary (Su et al. 2021): queries and keys themselves are turned by an angle proportional to their position, so that
  their product depends on the distance only. Entry i is paired with entry i + D/2 (the "half-split" convention of
  Llama and Qwen folders), not with its neighbour as in the paper; the two differ by a fixed permutation of the entries.

Angles are computed in float32 from the positions at every call (no tables to keep, cast or move).
Shapes: B batch, T tokens, C model width, D head width.
"""

from typing import Any

import torch
from torch import Tensor

Rotation = tuple[Tensor, Tensor]


def _angles(positions_BT: Tensor, size: int, base: float) -> Tensor:
    """Angles p / base^(2i/size) for i < size/2: (B, T, size/2) float32."""
    exponents = torch.arange(0, size, 2, dtype=torch.float32, device=positions_BT.device) / size
    return positions_BT[..., None].float() * base**-exponents


def sinusoidal(positions_BT: Tensor, size: int) -> Tensor:
    """Sinusoidal position vectors, sines and cosines interleaved: (B, T) integers -> (B, T, size) float32.

    ``size`` is even.
    """
    angles = _angles(positions_BT, size, 10000.0)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def rotation(positions_BT: Tensor, size: int, base: float) -> Rotation:
    """Cosines and sines for ``rotate``: (B, T) integers -> two (B, 1, T, size) float32, the 1 for all heads."""
    angles = _angles(positions_BT, size, base)
    angles = torch.cat((angles, angles), dim=-1)[:, None]
    return angles.cos(), angles.sin()


def rotate(x_BHTD: Tensor, by: Rotation) -> Tensor:
    """Turn each pair (x[i], x[i + D/2]) of every head by its position's angle. Shape and dtype stay."""
    cos, sin = by
    if x_BHTD.device.type == "cpu" and not torch.compiler.is_compiling():
        turned: Tensor = _Turn.apply(x_BHTD, cos.to(x_BHTD.dtype), sin.to(x_BHTD.dtype))  # type: ignore[no-untyped-call]
        return turned
    first, second = x_BHTD.chunk(2, dim=-1)
    return (x_BHTD * cos + torch.cat((-second, first), dim=-1) * sin).to(x_BHTD.dtype)


def _turn(x: Tensor, cos: Tensor, sin: Tensor, sign: int) -> Tensor:
    half = x.shape[-1] // 2
    out = x * cos
    out[..., :half].addcmul_(x[..., half:], sin[..., half:], value=-sign)
    out[..., half:].addcmul_(x[..., :half], sin[..., :half], value=sign)
    return out


class _Turn(torch.autograd.Function):
    """``rotate`` without its copies; the gradient is turned back by the same angle."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turn(x, cos, sin, 1)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turn(g, cos, sin, -1), None, None


def positions_in_documents(documents_BT: Tensor) -> Tensor:
    """Positions that start again at 0 where the document number changes: (B, T) -> (B, T) int64."""
    index = torch.arange(documents_BT.shape[1], device=documents_BT.device).expand_as(documents_BT)
    starts = torch.zeros_like(index)
    starts[:, 1:] = torch.where(documents_BT[:, 1:] != documents_BT[:, :-1], index[:, 1:], 0)
    return index - starts.cummax(dim=1).values
