"""Work ahead: the next items of an iterator are made in a thread while the caller is busy with this one."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T], number: int = 2) -> Iterator[T]:
    """The same items in the same order, at most ``number`` of them made before they are asked for.

    It pays where the caller's work releases the interpreter's lock (encoding, hashing, writing). An error of ``items``
    comes out at its place. Items left when the caller stops are forgotten.
    """
    iterator, end = iter(items), object()
    with ThreadPoolExecutor(1) as pool:
        coming = deque(pool.submit(next, iterator, end) for _ in range(number))
        while (item := coming.popleft().result()) is not end:
            coming.append(pool.submit(next, iterator, end))
            yield item  # type: ignore[misc]
