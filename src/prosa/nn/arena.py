"""Keys and values of many texts in one block of memory, each in a range of its own, as long as it needs to be.

``KVCache`` gives every row the room of the longest. Here a row is a range of token places [start, start + size) in
tensors that all rows share, so that a fixed memory holds many short texts or a few long ones. (PagedAttention, Kwon et
al. 2023, cuts it in pages instead, which needs kernels that follow a table of pages; a range is a plain view.) Who has
which range is the caller's to know.

The position is the place: what belongs to the token at position p of a row is at start + p, and a query at p sees the
row's places 0..p, so that what is left from others past a row's end is never looked at.

Shapes: B rows, K key-value heads, T new tokens, S places in use (of the longest row), D head width, P places in all.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


class Arena:
    """Room for ``size`` tokens in all, a key and a value tensor (K, P, D) a layer.

    What is there at first is anything, nans too; memory that was never written to costs nothing on a CPU.
    """

    def __init__(
        self,
        n_layer: int,
        n_kv_head: int,
        size: int,
        head_dim: int,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        shape = (n_kv_head, size, head_dim)
        self.size = size
        self.keys = [torch.empty(shape, device=device, dtype=dtype) for _ in range(n_layer)]
        self.values = [torch.empty(shape, device=device, dtype=dtype) for _ in range(n_layer)]

    def copy(self, source: int, to: int, tokens: int) -> None:
        """Copy what ``tokens`` places from ``source`` on hold to those from ``to`` on; the two may overlap."""
        for tensor in self.keys + self.values:
            part = tensor.narrow(1, source, tokens)
            tensor.narrow(1, to, tokens).copy_(part.clone() if abs(source - to) < tokens else part)

    def rows(self, starts: Sequence[int]) -> "ArenaRows":
        """The rows that begin at these places, as a cache for a forward pass."""
        return ArenaRows(self, starts)


class ArenaRows:
    """Some rows of an arena in the place of a ``KVCache``, for a pass whose tokens' positions are given."""

    def __init__(self, arena: Arena, starts: Sequence[int]) -> None:
        self.keys, self.values = arena.keys, arena.values
        self.starts = list(starts)
        self.length = 0
        self._at_BT = self._seen_BS = torch.empty(0)

    def advance(self, tokens: int, positions_BT: Tensor | None) -> Tensor:
        """``KVCache.advance``."""
        assert positions_BT is not None
        self.length = int(positions_BT.max()) + 1
        starts_B1 = torch.tensor(self.starts, device=positions_BT.device)[:, None]
        self._at_BT = starts_B1 + positions_BT
        along_S = torch.arange(self.length, device=positions_BT.device)
        if len(self.starts) > 1:  # a short row is filled up with its own last place: another's may hold a nan
            self._seen_BS = starts_B1 + torch.minimum(along_S, positions_BT.amax(dim=1, keepdim=True))
        return along_S <= positions_BT[:, None, :, None]

    def store(self, layer: int, positions_BT: Tensor | None, k_BKTD: Tensor, v_BKTD: Tensor) -> tuple[Tensor, Tensor]:
        """``KVCache.store``; of a single row the result is a view, else a copy."""
        keys, values = self.keys[layer], self.values[layer]
        keys[:, self._at_BT] = k_BKTD.transpose(0, 1).to(keys.dtype)
        values[:, self._at_BT] = v_BKTD.transpose(0, 1).to(values.dtype)
        return self._seen(keys), self._seen(values)

    def _seen(self, tensor_KPD: Tensor) -> Tensor:
        """What the rows may look at, (B, K, S, D)."""
        if len(self.starts) == 1:
            return tensor_KPD.narrow(1, self.starts[0], self.length)[None]
        return tensor_KPD[:, self._seen_BS].transpose(0, 1)
