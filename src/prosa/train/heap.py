"""glibc's malloc, which serves tensors on a CPU: told to keep what is freed, and what it takes beyond the tensors.

A step makes and frees the same tensors again and again. Malloc gives the end of its heap back to the system when much
of it is free; the next tensor then costs a page fault for every 4 kB (7 % of a small model's step).

torch asks for its CPU tensors with ``posix_memalign(64)``, which looks for room for the tensor *and* 96 bytes more, to
place it. So the hole that a tensor leaves between two others is too small for the next tensor of the same size, and
stays empty until a neighbour goes too. (glibc bug 14581; mended in 2.38, where a hole is looked at for what fits.) For
small models these holes are a tenth to a fourth of the peak. Of malloc, what matters for that is here: best fit,
neighbouring holes join, and blocks from 32 MiB on come from ``mmap`` and go back.
"""

import bisect
import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

PAGE, ALIGNMENT, OVERHEAD, LEAST = 4096, 64, 16, 32  # bytes
MAPPED = 32 * 2**20  # bytes from which on a block is a mapping of its own: the most that malloc allows
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h


@contextmanager
def keeping_freed_memory() -> Iterator[None]:
    """While inside, malloc keeps what is freed for what comes next; at the end it gives it back.

    Its settings remain (those before cannot be asked for). Without glibc nothing happens.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(MMAP_THRESHOLD, MAPPED)
    libc.mallopt(TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        libc.malloc_trim(0)


def leaves_holes() -> bool:
    """Whether this process has a malloc of the kind described."""
    name, version = platform.libc_ver()
    return name == "glibc" and tuple(int(part) for part in version.split(".")[:2]) < (2, 38)


class Heap:
    """Blocks by key; ``taken`` is what the process has from the system, ``peak`` the most it ever was, in bytes."""

    def __init__(self) -> None:
        self.peak = 0
        self._top = self._touched = self._mapped = 0
        self._blocks: dict[int, tuple[int | None, int]] = {}  # key -> start (None: mapped) and size
        self._holes: dict[int, int] = {}  # start -> size
        self._ends: dict[int, int] = {}  # end -> start
        self._sizes: list[tuple[int, int]] = []  # (size, start), sorted

    @property
    def taken(self) -> int:
        """Bytes the process has now."""
        return self._touched + self._mapped

    def allocate(self, key: int, size: int) -> None:
        """Place a tensor of ``size`` bytes."""
        own = _up(size + OVERHEAD, 16)
        room = own + ALIGNMENT + LEAST
        i = bisect.bisect_left(self._sizes, (room, -1))
        if i < len(self._sizes):
            found, start = self._sizes[i]
            self._fill(start)
        elif room < MAPPED or room <= self._touched - self._top:
            found, start = room, self._top
            self._top += room
            self._touched = max(self._touched, self._top)
        else:
            self._blocks[key] = None, _up(room, PAGE)
            self._mapped += _up(room, PAGE)
            self.peak = max(self.peak, self.taken)
            return
        before = -(start + OVERHEAD) % ALIGNMENT  # lost with the block: small objects settle there
        used = before + (LEAST if 0 < before < LEAST else 0) + own
        if found - used >= LEAST:
            self._free(start + used, found - used)
        self._blocks[key] = start, used if found - used >= LEAST else found
        self.peak = max(self.peak, self.taken)

    def release(self, key: int) -> None:
        """Give a tensor's block back."""
        start, size = self._blocks.pop(key)
        if start is None:
            self._mapped -= size
        else:
            self._free(start, size)

    def _free(self, start: int, size: int) -> None:
        if start in self._ends:
            before = self._ends[start]
            start, size = before, size + self._fill(before)
        if start + size in self._holes:
            size += self._fill(start + size)
        if start + size == self._top:
            self._top = start  # not given back
            return
        self._holes[start], self._ends[start + size] = size, start
        bisect.insort(self._sizes, (size, start))

    def _fill(self, start: int) -> int:
        """Take a hole out of the books; its size."""
        size = self._holes.pop(start)
        del self._ends[start + size]
        del self._sizes[bisect.bisect_left(self._sizes, (size, start))]
        return size


def _up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple
