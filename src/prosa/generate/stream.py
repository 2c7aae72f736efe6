"""The tokens of a completion that is made in another thread, for a thread or for asyncio to wait for."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Self

from prosa.generate.completion import Completion, Token
from prosa.generate.job import End, Job


class Stream:
    """A completion as it comes.

    ``for token in stream`` and ``async for token in stream`` give its tokens, from the first one on, each as soon as it
    is final; then what went wrong is raised: ``Cancelled``, or a ``UserError`` of the model. As a context manager
    (``with`` or ``async with``) it takes the request back on leaving, where it has not ended.

    Args:
        cancel: takes a request back.
    """

    job: Job

    def __init__(self, cancel: Callable[[Job], None]) -> None:
        self._cancel = cancel
        self._changed = threading.Condition()
        self._tokens: list[Token] = []
        self._end: End | None = None
        self._wakers: list[Callable[[], None]] = []

    @property
    def prompt_tokens(self) -> int:
        """How many tokens of the prompt the model sees."""
        return self.job.prompt_tokens

    @property
    def begun(self) -> bool:
        """Whether it has a place in the batch, or had."""
        return self.job.range is not None

    @property
    def reused(self) -> int:
        """How many of them did not have to be read."""
        return self.job.reused

    @property
    def ended(self) -> bool:
        """Whether no more tokens will come."""
        return self._end is not None

    def cancel(self) -> None:
        """Take the request back. Its place is free one step later; of what has ended nothing changes."""
        if not self.ended:
            self._cancel(self.job)

    def deliver(self, tokens: list[Token], end: End | None) -> None:
        """Take what has come (the model's thread calls this)."""
        with self._changed:
            self._tokens += tokens
            self._end = end
            self._changed.notify_all()
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    def __iter__(self) -> Iterator[Token]:
        seen = 0
        while True:
            with self._changed:
                while len(self._tokens) == seen and not self.ended:
                    self._changed.wait()
                new, end = self._tokens[seen:], self._end
            seen += len(new)
            yield from new
            if end is not None:
                _completion(end)
                return

    async def __aiter__(self) -> AsyncIterator[Token]:
        loop, event = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(event.set)

        seen = 0
        self._wakers.append(wake)
        try:
            while True:
                event.clear()
                with self._changed:
                    new, end = self._tokens[seen:], self._end
                seen += len(new)
                for token in new:
                    yield token
                if end is not None:
                    _completion(end)
                    return
                if not new:
                    await event.wait()
        finally:
            self._wakers.remove(wake)

    def completion(self, timeout: float | None = None) -> Completion:
        """The whole of it.

        Raises:
            TimeoutError: it has not ended after so many seconds.
            Cancelled: it was taken back.
            UserError: what went wrong in the model.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.ended, timeout):
                raise TimeoutError
        assert self._end is not None
        return _completion(self._end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()


def _completion(end: End) -> Completion:
    if isinstance(end, Exception):
        raise end
    return end
