"""Linear layers with weights of 8 bits, for a CPU: a quarter of the memory to be read, and integer arithmetic.

    y_n = s_n a / 127 Σ_k round(127 x_k / a) q_nk + b_n,    a = max_k |x_k|
    q_nk = round(w_nk / s_n),    s_n = max_k |w_nk| / 127

Each output has its scale, and so has each row of the input, found when it comes (dynamic quantization; per token, as
in LLM.int8, Dettmers et al. 2022): what a row becomes does not depend on the others beside it. The sums are exact
integers (oneDNN, with VNNI where the processor has it).

Shapes: N outputs, K inputs, M rows.
"""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn

LEAST = 1e-12
"""A row of zeros has a scale too."""


@cache
def can_int8() -> bool:
    """Whether this processor and this torch do it."""
    try:
        ones = Int8Linear(torch.ones(16, 16), None)(torch.ones(1, 16))
    except (RuntimeError, AttributeError, NotImplementedError):
        return False
    return bool(((ones - 16).abs() < 1).all())


class Int8Linear(nn.Module):
    """``nn.Linear`` for (..., K) float32 -> (..., N), from float weights (N, K) or from others of its kind."""

    codes_NK: Tensor
    scales_N: Tensor
    bias: Tensor | None

    def __init__(self, weight_NK: Tensor, bias_N: Tensor | None) -> None:
        super().__init__()
        scales_N = weight_NK.detach().float().abs().amax(dim=1).clamp(min=LEAST) / 127
        codes_NK = (weight_NK.detach().float() / scales_N[:, None]).round_().to(torch.int8)
        self._set(codes_NK, scales_N, None if bias_N is None else bias_N.detach().float().clone())

    @classmethod
    def joined(cls, layers: "Sequence[Int8Linear]") -> "Int8Linear":
        """Several of one input as one."""
        made = cls.__new__(cls)
        nn.Module.__init__(made)
        biases = [layer.bias for layer in layers if layer.bias is not None]
        made._set(
            torch.cat([layer.codes_NK for layer in layers]),
            torch.cat([layer.scales_N for layer in layers]),
            torch.cat(biases) if biases else None,
        )
        return made

    def _set(self, codes_NK: Tensor, scales_N: Tensor, bias_N: Tensor | None) -> None:
        self.register_buffer("codes_NK", codes_NK)
        self.register_buffer("scales_N", scales_N)
        self.register_buffer("bias", bias_N)
        self.in_features, self.out_features = codes_NK.shape[1], codes_NK.shape[0]
        # without VNNI pairs of products are added in 16 bits, which two full ones overflow
        self.steps = 127 if torch.cpu._is_vnni_supported() else 63
        self._packed = torch.ops.onednn.qlinear_prepack(codes_NK, None)
        self._zeros_N = torch.zeros(self.out_features, dtype=torch.int64)

    def forward(self, x: Tensor) -> Tensor:
        """(..., K) -> (..., N)."""
        x_MK = x.reshape(-1, self.in_features).float()
        most_M1 = x_MK.abs().amax(dim=1, keepdim=True).clamp_(min=LEAST)
        zero = self.steps + 1
        codes_MK = (x_MK * (self.steps / most_M1)).round_().add_(zero).to(torch.uint8)
        y_MN: Tensor = torch.ops.onednn.qlinear_pointwise(
            *(codes_MK, 1 / self.steps, zero, self._packed, self.scales_N, self._zeros_N, None, 1.0, 0),
            *(torch.float32, "none", [], ""),
        )
        y_MN = y_MN.mul_(most_M1)
        if self.bias is not None:
            y_MN += self.bias
        return y_MN.view(*x.shape[:-1], self.out_features)
