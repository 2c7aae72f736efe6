"""HTTP connections that wait for no client for ever: deadlines that uvicorn itself does not have, and errors as JSON.

A connection is ended when a request's headers do not come in time, and when its client does not read what it is sent.
(The body's deadline is the gate's.)
"""

import asyncio
import json

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from prosa.core.language import tr
from prosa.serve.config import ServeConfig
from prosa.serve.errors import ApiError


def protocol(config: ServeConfig) -> type[H11Protocol]:
    """uvicorn's protocol, within limits."""

    class Bounded(H11Protocol):
        _headers: asyncio.TimerHandle | None = None
        _unread: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > config.connections:
                message = tr("Too many connections.", "Conexões demais.")
                self._end(ApiError(503, message, code="too_many_connections", retry_after=1))
                return
            self._expect_headers()

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            super().data_received(data)
            if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
                self._expect_headers()  # of the next request; the deadline of those that are awaited stays
            elif self.conn.their_state is not h11.IDLE:
                self._headers = _cancelled(self._headers)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
                self._unset_keepalive_if_required()  # it has begun
                self._expect_headers()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._unread = self._unread or self.loop.call_later(config.write_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._unread = _cancelled(self._unread)

        def connection_lost(self, exc: Exception | None) -> None:
            self._headers, self._unread = _cancelled(self._headers), _cancelled(self._unread)
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            self._end(ApiError(400, tr("This is not HTTP.", "Isto não é HTTP."), code="invalid_http"))

        def _expect_headers(self) -> None:
            self._headers = self._headers or self.loop.call_later(config.header_seconds, self._late)

        def _late(self) -> None:
            self._headers = None
            message = tr("The headers did not come in time.", "Os cabeçalhos não chegaram a tempo.")
            self._end(ApiError(408, message, code="headers_timeout"))

        def _end(self, error: ApiError) -> None:
            """Answer without a request, and close."""
            self._unset_keepalive_if_required()
            self._headers = _cancelled(self._headers)
            if self.transport.is_closing():
                return
            if self.cycle is None or self.cycle.response_complete:
                body = json.dumps(error.to_json(), ensure_ascii=False).encode()
                lines = [f"HTTP/1.1 {error.status} {STATUS_PHRASES[error.status].decode()}", "Connection: close"]
                lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in error.headers.items()]
                self.transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            self.transport.close()
            self._unread = self._unread or self.loop.call_later(config.write_seconds, self.transport.abort)

    return Bounded


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """End a timer; nothing stands in its place."""
    if timer is not None:
        timer.cancel()
    return None
