"""Threads that each compute with one core, for work that falls into independent parts.

torch splits single products among cores; small ones are better taken whole, several at a time.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


@cache
def _pool(number: int) -> ThreadPoolExecutor:
    all_threads, ready = torch.get_num_threads(), Barrier(number)
    pool = ThreadPoolExecutor(number, "prosa", initializer=torch.set_num_threads, initargs=(1,))
    list(pool.map(lambda _: ready.wait(), range(number)))  # all have begun
    torch.set_num_threads(all_threads)  # what other threads begin with
    return pool


def each(function: Callable[[T], R], parts: Iterable[T], number: int) -> list[R]:
    """``function`` of every part, in ``number`` threads of one core each; results in the order of the parts."""
    return list(_pool(number).map(function, parts))
