"""Keys and values of the tokens already read, so that each new token costs one step and not the whole text again.

The slot *is* the position: what belongs to the token at position p is written to slot p of its row, and a query at p
sees slots 0..p. Rows of different length therefore need no padding mask: what padding wrote past a row's end is
overwritten by the row's next token before any query can see it.

Shapes: B rows, K key-value heads, T new tokens, S slots in use, D head width.
"""

from typing import Protocol, Self

import torch
from torch import Tensor


class Cache(Protocol):
    """What ``GPT.hidden`` reads and writes: ``KVCache``, or rows of an ``Arena`` (nn/arena.py)."""

    length: int

    def advance(self, tokens: int, positions_BT: Tensor | None) -> Tensor | None:
        """As ``KVCache.advance``."""
        ...

    def store(self, layer: int, positions_BT: Tensor | None, k_BKTD: Tensor, v_BKTD: Tensor) -> tuple[Tensor, Tensor]:
        """As ``KVCache.store``."""
        ...


class KVCache:
    """Room for ``max_length`` tokens a row, a key and a value tensor (B, K, max_length, D) a layer, zero at first.

    ``length`` is the number of slots in use (of the longest row). Setting it to 0 makes the cache new.
    """

    def __init__(
        self,
        n_layer: int,
        batch: int,
        n_kv_head: int,
        max_length: int,
        head_dim: int,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        shape = (batch, n_kv_head, max_length, head_dim)
        self.max_length = max_length
        self.length = 0
        self.keys = [torch.zeros(shape, device=device, dtype=dtype) for _ in range(n_layer)]
        self.values = [torch.zeros(shape, device=device, dtype=dtype) for _ in range(n_layer)]

    def advance(self, tokens: int, positions_BT: Tensor | None) -> Tensor | None:
        """Make ready for a forward pass over ``tokens`` new tokens a row; set ``length``.

        Args:
            positions_BT: where they go, (B, T) int64; None: all rows go on at slot ``length``.

        Returns:
            Which slots each may see, (B, 1, T, S) bool; None where plain causality says it.

        Raises:
            ValueError: there is no room.
        """
        length = self.length + tokens if positions_BT is None else int(positions_BT.max()) + 1
        if length > self.max_length:
            raise ValueError(f"the cache has {self.max_length} slots, position {length - 1} does not fit")
        self.length = length
        if positions_BT is None:
            return None
        return torch.arange(length, device=positions_BT.device) <= positions_BT[:, None, :, None]

    def store(self, layer: int, positions_BT: Tensor | None, k_BKTD: Tensor, v_BKTD: Tensor) -> tuple[Tensor, Tensor]:
        """Write a layer's new keys and values; give back all in use, (B, K, S, D). ``advance`` comes first."""
        keys, values = self.keys[layer], self.values[layer]
        if positions_BT is None:
            new = slice(self.length - k_BKTD.shape[2], self.length)
            keys[:, :, new], values[:, :, new] = k_BKTD, v_BKTD
        else:
            rows = torch.arange(len(positions_BT), device=keys.device)[:, None]
            keys[rows, :, positions_BT] = k_BKTD.transpose(1, 2).to(keys.dtype)
            values[rows, :, positions_BT] = v_BKTD.transpose(1, 2).to(values.dtype)
        return keys[:, :, : self.length], values[:, :, : self.length]

    def select(self, rows: Tensor) -> Self:
        """A new cache of the given rows, (N,) int64: drops finished ones, or repeats a prompt for several samples."""
        chosen = object.__new__(type(self))
        chosen.max_length, chosen.length = self.max_length, self.length
        chosen.keys = [keys[rows] for keys in self.keys]
        chosen.values = [values[rows] for values in self.values]
        return chosen
