"""Server-sent events: a stream of JSON objects, with comments where nothing comes."""

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from prosa.core.progress import say
from prosa.serve.errors import ApiError, internal

COMMENT = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"


def event(value: dict[str, Any]) -> bytes:
    """One event."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


class EventStream(Response):
    """Sends what comes; None is a comment. An error ends the stream as an event, without ``[DONE]``.

    Args:
        first: what has come already: whatever is wrong before it is an error of HTTP.
        rest: what follows.
    """

    media_type = "text/event-stream"

    def __init__(self, first: dict[str, Any] | None, rest: AsyncGenerator[dict[str, Any] | None, None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._first, self._rest = first, rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with contextlib.aclosing(self._rest):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send(_body(COMMENT if self._first is None else event(self._first)))
            try:
                async for value in self._rest:
                    await send(_body(COMMENT if value is None else event(value)))
                last = DONE
            except ApiError as error:
                last = event(error.to_json())
            except Exception as error:
                say(f"{scope['path']}: {error!r}")
                last = event(internal().to_json())
            await send(_body(last, more=False))


async def streamed(events: AsyncGenerator[dict[str, Any] | None, None]) -> EventStream:
    """The response of a generator, once its first event is there.

    Raises:
        ApiError: what is wrong before that.
    """
    return EventStream(await anext(events), events)


def _body(data: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}
