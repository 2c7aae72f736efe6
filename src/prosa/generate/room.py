"""Which places of the arena belong to whom, and what was read before that a new text begins with.

A text takes a range as long as it may become, so that a text that has begun always comes to its end. When it has ended,
its range stays, cut to what was read, as long as nobody needs the room: a text that begins with the same tokens (the
same system turn, earlier turns of the same conversation) has them copied from there, which takes little beside reading
them. The range that was used longest ago goes first, also where more than ``KEPT`` would stay. (llama.cpp's server
keeps the last text of each of its slots in this way, SGLang a tree of pages: Zheng et al. 2023.)
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from prosa.nn.arena import Arena, ArenaRows

KEPT = 256
"""Ended texts that stay at most: every new text is compared with all of them."""


@dataclass(eq=False, slots=True)
class Range:
    """Places [start, start + size) of the arena.

    Attributes:
        tokens: those whose keys and values are there, from ``start`` on.
        reused: how many of them were copied, not read.
        busy: the text is still being written.
    """

    start: int
    size: int
    tokens: list[int] = field(default_factory=list)
    reused: int = 0
    busy: bool = True
    used: int = 0

    @property
    def end(self) -> int:
        """The first place after it."""
        return self.start + self.size


class Room:
    """The ranges of an arena.

    Attributes:
        ranges: in the order of their places.
        copied: tokens that did not have to be read.
    """

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.ranges: list[Range] = []
        self.copied = 0
        self._clock = 0

    @property
    def taken(self) -> int:
        """Places of texts that are still being written."""
        return sum(range.size for range in self.ranges if range.busy)

    def take(self, tokens: Sequence[int], size: int) -> Range | None:
        """A range for a text that begins with these tokens, and holds already what it shares with another.

        Returns:
            None: there is no room before others have ended.
        """
        if _gap([r for r in self.ranges if r.busy], size, self.arena.size) is None:
            return None
        source, shared = self._most_shared(tokens)
        idle = sorted((r for r in self.ranges if not r.busy), key=lambda r: (r is source, r.used))
        while (start := _gap(self.ranges, size, self.arena.size)) is None:
            self.ranges.remove(idle.pop(0))
        new = Range(start, size)
        if source is not None:  # what it holds is still there, even if it had to go
            self._copy(source, new, shared)
            if not source.busy and shared == len(source.tokens) and source in self.ranges:
                self.ranges.remove(source)  # the new one has all of it
        insort(self.ranges, new, key=lambda r: r.start)
        return new

    def look_again(self, range: Range, tokens: Sequence[int]) -> None:
        """Copy what others have read of these tokens since; ``range`` holds a beginning of them."""
        known = len(range.tokens)
        ahead = [r for r in self.ranges if len(r.tokens) > known < len(tokens) and r.tokens[known] == tokens[known]]
        source, shared = self._most_shared(tokens, ahead)
        if source is not None and shared > known:
            self._copy(source, range, shared)

    def leave(self, range: Range) -> None:
        """The text has ended; what was read of it may serve others."""
        range.busy = False
        range.size = len(range.tokens)
        range.used = self._tick()
        if not range.size:
            self.ranges.remove(range)
        idle = [r for r in self.ranges if not r.busy]
        if len(idle) > KEPT:
            self.ranges.remove(min(idle, key=lambda r: r.used))

    def drop(self, range: Range) -> None:
        """The text has ended, and what was read of it is no good."""
        self.ranges.remove(range)

    def forget(self) -> None:
        """Nobody has anything: after an error, when nobody knows what is there."""
        self.ranges.clear()

    def rows(self, ranges: Sequence[Range]) -> ArenaRows:
        """Ranges as a cache."""
        return self.arena.rows([range.start for range in ranges])

    def _most_shared(self, tokens: Sequence[int], among: Sequence[Range] | None = None) -> tuple[Range | None, int]:
        best, most = None, 0
        for range in self.ranges if among is None else among:
            shared = common(range.tokens, tokens)
            if shared > most:
                best, most = range, shared
        return best, most

    def _copy(self, source: Range, to: Range, upto: int) -> None:
        known = len(to.tokens)
        self.arena.copy(source.start + known, to.start + known, upto - known)
        to.tokens += source.tokens[known:upto]
        to.reused += upto - known
        self.copied += upto - known
        source.used = self._tick()

    def _tick(self) -> int:
        self._clock += 1
        return self._clock


def common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens two texts have in common at their beginnings, by halving: slices compare in C."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while low < high - 1:  # they agree up to low, and do not up to high
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _gap(ranges: Sequence[Range], size: int, places: int) -> int | None:
    """Where ``size`` places are free, the smallest gap that has them; ``ranges`` in order."""
    best: tuple[int, int] | None = None
    at = 0
    for start, end in [*((r.start, r.end) for r in ranges), (places, places)]:
        if start - at >= size and (best is None or start - at < best[0]):
            best = (start - at, at)
        at = end
    return None if best is None else best[1]
