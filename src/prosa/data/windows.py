"""Sliding windows over a text's ids: inputs of a given length and, one position to the right, what comes next.

A text of n ids has windows at 0, stride, 2 stride, ... as long as the last target is still in the text:
ceil((n - length) / stride) of them.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

T = TypeVar("T")


def count_windows(n: int, length: int, stride: int) -> int:
    """How many input-target windows ``n`` ids have.

    Raises:
        ValueError: ``length`` or ``stride`` is below 1.
    """
    if length < 1 or stride < 1:
        raise ValueError(f"length = {length} and stride = {stride} must be at least 1")
    return max(0, -((length - n) // stride))


def sliding_windows(ids: ArrayLike, length: int, stride: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All windows of ``ids``: inputs and targets, int64 (windows, length); ``targets[w, t]`` follows ``inputs[w, t]``.

    Args:
        ids: shape (n,); with n <= length there are no windows and both arrays are (0, length).

    Raises:
        ValueError: ``length`` or ``stride`` is below 1, or ``ids`` is not one-dimensional.
    """
    stream = np.asarray(ids, dtype=np.int64)
    if stream.ndim != 1:
        raise ValueError(f"ids must have one dimension, not shape {stream.shape}")
    if count_windows(len(stream), length, stride) == 0:
        return np.empty((0, length), np.int64), np.empty((0, length), np.int64)
    both = np.lib.stride_tricks.sliding_window_view(stream, length + 1)[::stride]
    return both[:, :-1].copy(), both[:, 1:].copy()


def growing_pairs(items: Sequence[T]) -> list[tuple[Sequence[T], T]]:
    """What one row teaches at once: each beginning of ``items`` and the item that follows it, len(items) - 1 pairs."""
    return [(items[:i], items[i]) for i in range(1, len(items))]
