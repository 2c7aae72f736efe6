"""The model reads a batch of rows and tells, for each, the logits of what comes next; with a KV cache, and without.

Rows are windows: the ids the model sees, at positions 0, 1, 2, … Rows of different length are padded on the right. That
needs no mask: a causal model's answer at a row's last token does not depend on what stands to its right, and what
padding left in the cache lies in slots that the row's own next tokens overwrite before they are looked at.

Shapes: B rows, T tokens, C model width, V vocabulary, N rows that are read anew.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from prosa.generate.decoder import Decoder
from prosa.models.gpt import GPT
from prosa.models.recurrent import RecurrentLM
from prosa.nn.arena import ArenaRows
from prosa.nn.cache import KVCache
from prosa.nn.recurrent import State


class Reader(Protocol):
    """Reads rows, one batch after another."""

    def __call__(self, windows: Sequence[list[int]]) -> Tensor:
        """Logits (B, V) of the token after each window."""
        ...

    def keep(self, rows: list[int]) -> None:
        """Of the rows of the last batch, only these come again, in this order."""
        ...


def pad(windows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Ids (B, T) int64, padded on the right with 0."""
    length = max(len(window) for window in windows)
    return torch.tensor([[*window, *[0] * (length - len(window))] for window in windows], device=device)


class Rereader:
    """Reads every window from its start each time: slow, and the reference for what is right.

    Args:
        model: a decoder, or any language model (``models/language_model.py``).
        bfloat16: compute in it, by autocast.
    """

    def __init__(self, model: GPT | Any, device: torch.device, bfloat16: bool = False) -> None:
        self.model, self.device, self.bfloat16 = model, device, bfloat16

    def __call__(self, windows: Sequence[list[int]]) -> Tensor:
        with self.precision():
            hidden_BTC = self.model.hidden(pad(windows, self.device))
            last = torch.tensor([len(window) - 1 for window in windows], device=self.device)
            return self.model.head(hidden_BTC[torch.arange(len(windows), device=self.device), last])

    def precision(self) -> torch.autocast:
        """What the model is called in."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16)

    def keep(self, rows: list[int]) -> None:
        """Nothing is remembered."""


def read_last(
    again: Rereader, windows: Sequence[list[int]], cache: KVCache | ArenaRows, decoder: Decoder | None
) -> Tensor:
    """Logits (B, V) of the token after each window, whose other tokens are in the cache; its last is added to it.

    Args:
        decoder: reads them in the model's place.
    """
    positions = [len(window) - 1 for window in windows]
    if decoder is not None and isinstance(cache, KVCache):
        return decoder([window[-1] for window in windows], positions, cache)
    ids_B1 = torch.tensor([[window[-1]] for window in windows], device=again.device)
    positions_B1 = torch.tensor(positions, device=again.device)[:, None]
    with again.precision():
        hidden_B1C = again.model.hidden(ids_B1, cache=cache, positions_BT=positions_B1)
        return again.model.head(hidden_B1C[:, 0])


class CachedReader:
    """Reads only what is new in each window: usually its last token.

    A window that is new, or that lost its beginning (``overflow="slide"``), is read anew up to its last token; equal
    windows (several samples of a prompt) are read once. Then the last tokens of all rows are read together.

    Args:
        again: has the model.
        slots: the longest a window may become.
        dtype: of the cache.
        decoder: reads the last tokens in the model's place.
    """

    def __init__(
        self,
        again: Rereader,
        batch: int,
        slots: int,
        dtype: torch.dtype,
        decoder: Decoder | None = None,
    ) -> None:
        self.model, self.device, self.again, self.decoder = again.model, again.device, again, decoder
        self.slots, self.dtype = slots, dtype
        self.cache = self._new_cache(batch)
        self.filled = [-1] * batch  # tokens of each row in the cache; -1: it was never read

    def __call__(self, windows: Sequence[list[int]]) -> Tensor:
        self._read_anew([row for row, window in enumerate(windows) if self.filled[row] != len(window) - 1], windows)
        self.filled = [len(window) for window in windows]
        return read_last(self.again, windows, self.cache, self.decoder)

    def keep(self, rows: list[int]) -> None:
        """Drop the other rows from the cache."""
        self.cache = self.cache.select(torch.tensor(rows, device=self.device))
        self.filled = [self.filled[row] for row in rows]

    def _read_anew(self, rows: list[int], windows: Sequence[list[int]]) -> None:
        """Fill the cache of these rows with all but the last token of their windows."""
        beginnings = [tuple(windows[row][:-1]) for row in rows]
        different = list(dict.fromkeys(b for b in beginnings if b))
        if not different:
            return
        ids_NT = pad(different, self.device)
        positions_NT = torch.arange(ids_NT.shape[1], device=self.device).expand_as(ids_NT)
        cache = self._new_cache(len(different))
        with self.again.precision():
            self.model.hidden(ids_NT, cache=cache, positions_BT=positions_NT)
        number = {beginning: n for n, beginning in enumerate(different)}
        there = [(row, number[b]) for row, b in zip(rows, beginnings, strict=True) if b]
        to = torch.tensor([row for row, _ in there], device=self.device)
        source = torch.tensor([n for _, n in there], device=self.device)
        for old, new in zip(self.cache.keys + self.cache.values, cache.keys + cache.values, strict=True):
            old[to] = new[source]

    def _new_cache(self, batch: int) -> KVCache:
        c = self.model.config
        return KVCache(c.n_layer, batch, c.n_kv_head, self.slots, c.head_dim, self.device, self.dtype)


class StateReader:
    """Reads a recurrent model's windows a token at a time, from the states that it left each row in.

    A window that is new, or that lost its beginning, is read anew up to its last token, equal ones once.
    """

    def __init__(self, again: Rereader, model: RecurrentLM) -> None:
        self.again, self.model, self.device = again, model, again.device
        self.states: list[list[State] | None] = []  # of each row, (1, C); None: nothing was read
        self.filled: list[int] = []

    def __call__(self, windows: Sequence[list[int]]) -> Tensor:
        if not self.filled:
            self.states, self.filled = [None] * len(windows), [-1] * len(windows)
        with self.again.precision():
            read: dict[tuple[int, ...], list[State] | None] = {(): None}
            for row, window in enumerate(windows):
                if self.filled[row] != len(window) - 1:
                    beginning = tuple(window[:-1])
                    if beginning not in read:
                        read[beginning] = self.model.read(torch.tensor([beginning], device=self.device))[1]
                    self.states[row] = read[beginning]
            ids_B1 = torch.tensor([[window[-1]] for window in windows], device=self.device)
            hidden_B1C, after = self.model.read(ids_B1, self._joined())
            logits_BV = self.model.head(hidden_B1C[:, 0])
        self.states = [[tuple(part[[row]] for part in state) for state in after] for row in range(len(windows))]
        self.filled = [len(window) for window in windows]
        return logits_BV

    def keep(self, rows: list[int]) -> None:
        """Drop the other rows' states."""
        self.states, self.filled = [self.states[row] for row in rows], [self.filled[row] for row in rows]

    def _joined(self) -> list[State]:
        """All rows' states, (B, C), one a layer; zeros where nothing was read."""
        rows = [state or self.model.zeros(1) for state in self.states]
        layers = zip(*rows, strict=True)
        return [tuple(map(torch.cat, zip(*states, strict=True))) for states in layers]
