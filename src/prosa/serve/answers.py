"""Completions in the making, for asyncio: several prompts' samples as one stream of pieces."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from prosa.core.errors import UserError
from prosa.generate.completion import Completion, Token
from prosa.generate.grammar import Unfollowed
from prosa.generate.job import Cancelled
from prosa.generate.sampling import Sampling
from prosa.generate.service import Service
from prosa.generate.stream import Stream
from prosa.serve.accounts import Account
from prosa.serve.deadlines import Deadline
from prosa.serve.errors import ending, told, too_long

TICK = 0.5
"""Seconds between two looks at the deadline, which may come nearer."""


@dataclass(frozen=True)
class Piece:
    """What has come of one completion: tokens, and its end, if that has come."""

    index: int
    tokens: list[Token]
    end: Completion | None = None
    stopped: bool = False  # by ``stop``


class Answers:
    """Completions of prompts; on leaving, those that have not ended are cancelled.

    Args:
        account: counts their tokens.
        idle: seconds after which ``pieces`` gives None where nothing comes.
        constrained: the field of the request that says what their grammar is.
    """

    def __init__(
        self, service: Service, account: Account, deadline: Deadline, idle: float, constrained: str | None = None
    ) -> None:
        self._service, self._account = service, account
        self._deadline, self._idle, self._constrained = deadline, idle, constrained
        self._streams: list[Stream] = []
        self._read: list[list[Stream]] = []  # streams of the same prompt
        self._tasks: list[asyncio.Task[None]] = []
        self._queue: asyncio.Queue[tuple[int, Token | Completion | Exception]] = asyncio.Queue()
        self._stopped: set[int] = set()

    def ask(self, prompt: list[int], sampling: Sampling, *, max_tokens: int, samples: int) -> None:
        """Ask for completions; their indices go on from those that are there.

        Raises:
            ApiError: the queue is full, or the engine refuses.
        """
        try:
            streams = self._service.submit_samples(prompt, sampling, max_tokens=max_tokens, samples=range(samples))
        except UserError as error:
            raise told(error) from error
        self._read.append(streams)
        self._streams += streams

    async def pieces(self) -> AsyncIterator[Piece | None]:
        """What comes, in its order; None where nothing has come for a while.

        Raises:
            ApiError: the time is over, or the model failed.
        """
        self._tasks = [asyncio.create_task(self._pump(i, stream)) for i, stream in enumerate(self._streams)]
        open_ = len(self._streams)
        while open_:
            for piece in await self._next():
                open_ -= piece is not None and (piece.end is not None or piece.stopped)
                yield piece

    def stop(self, index: int) -> None:
        """No more of this one is wanted."""
        self._stopped.add(index)
        self._streams[index].cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams:
            stream.cancel()
        for task in self._tasks:
            task.cancel()
        for streams in self._read:  # a prompt that only waited costs nothing
            if any(stream.begun for stream in streams):
                self._account.prompt_tokens += streams[0].prompt_tokens
                self._account.cached_tokens += max(stream.reused for stream in streams)

    async def _pump(self, index: int, stream: Stream) -> None:
        try:
            async for token in stream:
                if index not in self._stopped:
                    self._account.completion_tokens += 1
                    self._queue.put_nowait((index, token))
            self._queue.put_nowait((index, stream.completion()))
        except Exception as error:
            self._queue.put_nowait((index, error))

    async def _next(self) -> list[Piece | None]:
        """All that is there, a piece a completion; it waits for the first."""
        waited = 0.0
        while self._queue.empty():
            left = self._deadline.left
            if left <= 0:
                raise too_long()
            if waited >= self._idle:
                return [None]
            patience = min(TICK, left, self._idle - waited)
            try:
                async with asyncio.timeout(patience):
                    first = await self._queue.get()
            except TimeoutError:
                waited += patience
                continue
            return self._sorted([first, *(self._queue.get_nowait() for _ in range(self._queue.qsize()))])
        return self._sorted([self._queue.get_nowait() for _ in range(self._queue.qsize())])

    def _sorted(self, items: list[tuple[int, Token | Completion | Exception]]) -> list[Piece | None]:
        tokens: dict[int, list[Token]] = {}
        ends: dict[int, Completion | None] = {}
        for index, item in items:
            tokens.setdefault(index, [])
            if isinstance(item, Token):
                tokens[index].append(item)
            elif isinstance(item, Completion):
                ends[index] = item
            else:
                if not isinstance(item, Cancelled):
                    if isinstance(item, UserError):
                        raise told(item, self._constrained if isinstance(item, Unfollowed) else None) from item
                    raise item
                if index not in self._stopped:
                    raise ending()  # nobody else cancels
                ends[index] = None
        return [
            Piece(index, new, ends.get(index), stopped=index in ends and ends[index] is None)
            for index, new in tokens.items()
        ]
