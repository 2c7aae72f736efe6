"""HTTP connections that wait for no client for ever (Slowloris): deadlines that uvicorn itself does not have.

A connection is closed when a request's headers have not come in time, when its body stalls or takes too long, and when
the client does not read what it is sent.
"""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from prosa.serve.config import Limits


def protocol(limits: Limits) -> type[H11Protocol]:
    """uvicorn's protocol, with these deadlines."""

    class Bounded(H11Protocol):
        _whole: asyncio.TimerHandle | None = None  # headers, then the body
        _stalled: asyncio.TimerHandle | None = None
        _unread: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._whole = self._after(limits.header_seconds)

        def data_received(self, data: bytes) -> None:
            before = self.conn.their_state
            if before is h11.IDLE and self._whole is None:
                self._whole = self._after(limits.header_seconds)
            super().data_received(data)
            _ended(self._stalled)
            self._stalled = None
            now = self.conn.their_state
            if now is h11.SEND_BODY:
                if before is not h11.SEND_BODY:
                    _ended(self._whole)
                    self._whole = self._after(limits.body_seconds)
                self._stalled = self._after(limits.stall_seconds)
            elif now is not h11.IDLE:
                _ended(self._whole)
                self._whole = None

        def pause_writing(self) -> None:
            super().pause_writing()
            _ended(self._unread)
            self._unread = self._after(limits.stall_seconds)

        def resume_writing(self) -> None:
            super().resume_writing()
            _ended(self._unread)
            self._unread = None

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._whole, self._stalled, self._unread):
                _ended(timer)
            super().connection_lost(exc)

        def _after(self, seconds: float) -> asyncio.TimerHandle:
            return self.loop.call_later(seconds, self.transport.abort)

    return Bounded


def _ended(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
