"""Products of a few vectors with a large matrix that is read from memory, as fast as torch's CPU kernels allow.

``F.linear`` is bound by its kernel, not by the memory: on a server that reads 44 GB/s it took float32 matrices at 14
and bfloat16 ones at 18 GB/s for one vector. Two other kernels that torch ships come near the memory's speed:

- for one vector, ``torch.embedding_bag``: a matrix-vector product is the sum of the matrix's columns, weighted by the
  vector's entries, and weighted sums of rows of a table are what that kernel (FBGEMM) is made for. The transposed
  matrix is cut into panels of columns, a table each, so that all threads have work and a panel's sums stay in
  registers;
- for several vectors, oneDNN with the matrix packed beforehand in its own blocks, as ``torch.compile`` calls it.

docs/performance.md has the measurements. Shapes: M vectors, K entries each, N results, P panels of W.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""(M, K) float -> (M, N), in the matrix's dtype."""

WIDEST = 384
"""Columns of a panel: as many sums as FBGEMM keeps in registers. Half of it and twice it are slower."""


def lay_out(weight_NK: Tensor, dtype: torch.dtype, vectors: int) -> Product:
    """The product x -> x @ weight^T from a copy of the matrix, laid out for this many vectors a call."""
    if vectors == 1 and "fbgemm" in torch.backends.quantized.supported_engines:
        return Panels(weight_NK, dtype)
    if torch.backends.mkldnn.is_available() and (  # type: ignore[no-untyped-call]
        dtype == torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    ):
        return Packed(weight_NK.to(dtype), vectors)
    copy_NK = weight_NK.to(dtype, copy=True)
    return lambda x: F.linear(x.to(dtype), copy_NK)


class Panels:
    """Products by ``torch.embedding_bag``: column n of panel p is row p W + n of the weight."""

    def __init__(self, weight_NK: Tensor, dtype: torch.dtype) -> None:
        self.size, length = weight_NK.shape
        panels = _panels(self.size)
        width = -(-self.size // panels)
        whole, rest = divmod(self.size, width)
        panels_PKW = weight_NK.new_zeros(panels, length, width, dtype=dtype)
        panels_PKW[:whole] = weight_NK[: whole * width].view(whole, width, length).transpose(1, 2)
        if rest:
            panels_PKW[whole, :, :rest] = weight_NK[whole * width :].T
        self.table = panels_PKW.view(-1, width)
        self.rows = torch.arange(panels * length, dtype=torch.int32)
        self.starts = torch.arange(0, panels * length, length, dtype=torch.int32)
        self.ones_P1 = torch.ones(panels, 1, dtype=dtype)
        self.padded = panels * width > self.size

    def __call__(self, x_MK: Tensor) -> Tensor:
        """(M, K) -> (M, N)."""
        x_MK = x_MK.to(self.table.dtype)
        return self._one(x_MK) if x_MK.shape[0] == 1 else torch.cat([self._one(x_1K) for x_1K in x_MK.unsqueeze(1)])

    def _one(self, x_1K: Tensor) -> Tensor:
        each_PK = self.ones_P1 * x_1K
        sums_PW = torch.embedding_bag(self.table, self.rows, self.starts, False, 0, False, each_PK.view(-1))[0]
        sums_1N = sums_PW.view(1, -1)
        return sums_1N[:, : self.size] if self.padded else sums_1N


def _panels(size: int) -> int:
    """How many panels: the same number for each thread, none wider than WIDEST, without padding where that fits."""
    threads = torch.get_num_threads()
    fewest = threads * -(-size // (threads * WIDEST))
    return next((n for n in range(fewest, 2 * fewest, threads) if size % n == 0), fewest)


class Packed:
    """Products by oneDNN, from its own layout."""

    def __init__(self, weight_NK: Tensor, vectors: int) -> None:
        self.dtype = weight_NK.dtype
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight_NK, vectors)

    def __call__(self, x_MK: Tensor) -> Tensor:
        """(M, K) -> (M, N)."""
        y_MN: Tensor = torch.ops.mkldnn._linear_pointwise(x_MK.to(self.dtype), self.weight, None, "none", [], "")
        return y_MN
