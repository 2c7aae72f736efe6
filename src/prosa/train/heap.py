"""How much memory a process takes from the system when glibc's malloc serves its tensors: more than the tensors.

torch asks for its CPU tensors with ``posix_memalign(64)``, which looks for room for the tensor *and* 96 bytes more, to
place it. So the hole that a tensor leaves between two others is too small for the next tensor of the same size, and
stays empty until a neighbour goes too. (glibc bug 14581; mended in 2.38, where a hole is looked at for what fits.) For
small models these holes are a tenth to a fourth of the peak. Of malloc, what matters for that is here: best fit,
neighbouring holes join, large blocks come from ``mmap`` and go back, and the size from which on blocks are large grows
with every one that goes back, up to 32 MiB.
"""

import bisect
import platform

PAGE, ALIGNMENT, OVERHEAD, LEAST = 4096, 64, 16, 32  # bytes
LARGEST_THRESHOLD = 32 * 2**20


def leaves_holes() -> bool:
    """Whether this process has a malloc of the kind described."""
    name, version = platform.libc_ver()
    return name == "glibc" and tuple(int(part) for part in version.split(".")[:2]) < (2, 38)


class Heap:
    """Blocks by key; ``taken`` is what the process has from the system, ``peak`` the most it ever was, in bytes."""

    def __init__(self) -> None:
        self.peak = 0
        self._top = self._touched = self._mapped = 0
        self._threshold = 128 * 1024
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
        elif room < self._threshold or room <= self._touched - self._top:
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
        if start is not None:
            self._free(start, size)
            return
        self._mapped -= size
        if self._threshold < size <= LARGEST_THRESHOLD:
            self._threshold = size

    def _free(self, start: int, size: int) -> None:
        if start in self._ends:
            before = self._ends[start]
            start, size = before, size + self._fill(before)
        if start + size in self._holes:
            size += self._fill(start + size)
        if start + size == self._top:
            self._top = start
            if self._touched - self._top > 2 * self._threshold:  # the end of the heap goes back to the system
                self._touched = self._top
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
