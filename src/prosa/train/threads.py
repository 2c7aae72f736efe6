"""Threads that each compute with one core, for work that falls into independent parts.

torch splits single products among cores; small ones are better taken whole, several at a time.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Barrier
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


_all_threads = 0


def available() -> int:
    """How many threads there are, also inside ``leaving_cores_free``."""
    return _all_threads or torch.get_num_threads()


@contextmanager
def leaving_cores_free() -> Iterator[None]:
    """While inside, torch computes with one core in this thread.

    Otherwise its other threads would spin for a while after each product, on the cores that ``each`` needs (7 % of a
    small model's step).
    """
    global _all_threads
    before, _all_threads = _all_threads, available()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(_all_threads)
        _all_threads = before


@cache
def _pool(number: int) -> ThreadPoolExecutor:
    threads, ready = torch.get_num_threads(), Barrier(number)
    pool = ThreadPoolExecutor(number, "prosa", initializer=torch.set_num_threads, initargs=(1,))
    list(pool.map(lambda _: ready.wait(), range(number)))  # all have begun
    torch.set_num_threads(threads)  # what other threads begin with
    return pool


def each(function: Callable[[T], R], parts: Iterable[T], number: int) -> list[R]:
    """``function`` of every part, in ``number`` threads of one core each; results in the order of the parts."""
    return list(_pool(number).map(function, parts))
