"""What each request uses, reserved before and settled after, by one thread, so that no disk stops the server.

Where the file cannot be written when an answer has been made (a full disk, another's lock), the answer goes out all the
same; what it used is written as soon as that can be, and until then no other request begins.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.core.progress import say
from prosa.serve.errors import ApiError, told
from prosa.serve.keys import Key
from prosa.serve.usage import QuotaExceeded, Reservation, Usage


@dataclass
class Account:
    """Tokens of one request; whoever makes them counts here."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class Accounts:
    """The usage of all requests."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage
        self._pool = ThreadPoolExecutor(1, "prosa-usage")
        self._owed: deque[tuple[Reservation, str, Account]] = deque()  # ended, not written; the thread's alone

    @contextlib.asynccontextmanager
    async def open(self, key: Key, model: str, tokens: int) -> AsyncIterator[Account]:
        """Count a request that may use so many tokens; at the end, however it ends, its usage is recorded.

        Raises:
            ApiError: the key has not so many left, or nothing can be recorded.
        """
        reservation = await self._reserve(key, tokens)
        account = Account()
        try:
            yield account
        finally:
            await asyncio.shield(asyncio.wrap_future(self._pool.submit(self._settle, reservation, model, account)))

    def close(self) -> None:
        """Wait for what is still to be recorded."""
        self._pool.submit(self._try_to_pay)
        self._pool.shutdown()

    async def _reserve(self, key: Key, tokens: int) -> Reservation:
        future = self._pool.submit(self._begin, key, tokens)
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            future.add_done_callback(self._release)
            raise
        except QuotaExceeded as error:
            raise told(error) from error
        except UserError as error:
            raise ApiError(
                503,
                tr("Usage cannot be recorded now.", "O uso não pode ser registrado agora."),
                code="usage_unavailable",
                retry_after=10,
            ) from error

    def _begin(self, key: Key, tokens: int) -> Reservation:
        self._pay()
        return self._usage.reserve(key, tokens)

    def _release(self, future: "Future[Reservation]") -> None:
        if future.exception() is None:
            self._usage.release(future.result())

    def _settle(self, reservation: Reservation, model: str, account: Account) -> None:
        self._owed.append((reservation, model, account))
        self._try_to_pay()

    def _try_to_pay(self) -> None:
        try:
            self._pay()
        except UserError as error:
            n = number(len(self._owed))
            say(
                tr(
                    f"usage of {n} answers is not recorded yet: {error.what}",
                    f"o uso de {n} respostas ainda não foi registrado: {error.what}",
                )
            )

    def _pay(self) -> None:
        """Write what is owed, the oldest first."""
        while self._owed:
            reservation, model, account = self._owed[0]
            if account.prompt_tokens + account.completion_tokens == 0:
                self._usage.release(reservation)
            else:
                self._usage.settle(
                    reservation,
                    model,
                    prompt_tokens=account.prompt_tokens,
                    completion_tokens=account.completion_tokens,
                    cached_tokens=account.cached_tokens,
                )
            self._owed.popleft()
