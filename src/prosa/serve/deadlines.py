"""How long an answer may take: its own time, and what is left to it where the server is ending."""

import asyncio


class Deadlines:
    """Times are those of the event loop."""

    def __init__(self, request_seconds: float, shutdown_seconds: float) -> None:
        self.request_seconds = request_seconds
        self.shutdown_seconds = shutdown_seconds
        self._closed = float("inf")

    def close(self) -> None:
        """The server is ending: what runs has ``shutdown_seconds`` left."""
        self._closed = min(self._closed, asyncio.get_running_loop().time() + self.shutdown_seconds)

    def begin(self) -> "Deadline":
        """For a request that begins now."""
        return Deadline(self, asyncio.get_running_loop().time() + self.request_seconds)

    @property
    def closed(self) -> float:
        """When all must be done."""
        return self._closed


class Deadline:
    """Of one request."""

    def __init__(self, all_: Deadlines, end: float) -> None:
        self._all = all_
        self._end = end

    @property
    def left(self) -> float:
        """Seconds that are left; 0 or less: none."""
        return min(self._end, self._all.closed) - asyncio.get_running_loop().time()
