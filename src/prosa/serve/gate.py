"""What every request passes before it comes to a route: its key, its body, and whether its client is still there."""

import asyncio
import contextlib
import hmac
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.core.progress import say
from prosa.serve.config import ServeConfig
from prosa.serve.errors import ApiError, internal, told
from prosa.serve.keys import Key, Keys
from prosa.serve.metrics import Metrics

OPEN = ("/", "/health", "/favicon.ico")
OPEN_UNDER = "/static/"
GRACE = 10.0
"""Seconds after a request's own deadline when it is ended from here."""
LINGER = 2.0
"""Seconds that a client which sends more than is read has to see the answer."""


class Gate:
    """An ASGI application around another one.

    A request without a valid key ends here, before its body is read. A body is read whole, within its limits. While it
    is answered, its client is watched: if it goes, the work is cancelled.
    """

    def __init__(self, app: ASGIApp, keys: Keys, metrics: Metrics, config: ServeConfig) -> None:
        self._app, self._keys, self._metrics, self._config = app, keys, metrics, config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # as GET; uvicorn, which has its own scope, sends no body
            scope = {**scope, "method": "GET"}
        begin, answer = time.perf_counter(), _Answer(send)
        try:
            await self._answer(scope, receive, answer)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.count(route, answer.status, time.perf_counter() - begin)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            scope["state"]["key"] = self._key(scope)
            body = await self._body(scope, receive)
        except ApiError as error:
            await self._refuse(error, scope, receive, answer)
            return
        except _Gone:
            return
        try:
            await self._watched(scope, body, receive, answer)
        except ApiError as error:
            await error.response()(scope, receive, answer)

    def _key(self, scope: Scope) -> Key | None:
        if scope["path"] in OPEN or scope["path"].startswith(OPEN_UNDER):
            return None
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, secret = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        key = None
        if hmac.compare_digest(scheme.lower(), b"bearer"):
            try:
                key = self._keys.find(secret.strip().decode("latin-1"))
            except UserError as error:
                raise told(error) from error
        if key is None:
            raise ApiError(
                401,
                tr(
                    "A valid key is needed: Authorization: Bearer prosa-…",
                    "É preciso uma chave válida: Authorization: Bearer prosa-…",
                ),
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return key

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """The whole of it."""
        most = self._config.max_body
        names = [name for name, _ in scope["headers"]]
        if b"content-length" in names and b"transfer-encoding" in names:  # a proxy may believe the other one
            why = tr("The body's length is told in two ways.", "O tamanho do corpo é dito de duas formas.")
            raise ApiError(400, why, code="invalid_http")
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not length.isdigit() or len(length) > 18 or int(length) > most:
            raise self._too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(self._config.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise self._too_large()
                    if not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            raise ApiError(
                408,
                tr("The body did not come in time.", "O corpo não chegou a tempo."),
                code="body_timeout",
            ) from None

    def _too_large(self) -> ApiError:
        most = self._config.max_body
        message = tr(f"The body has more than {most} bytes.", f"O corpo tem mais de {most} bytes.")
        return ApiError(413, message, code="body_too_large")

    async def _refuse(self, error: ApiError, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        """Answer before the body has been read, and close. A client that still sends gets a moment to see it."""
        error.headers = {**error.headers, "Connection": "close"}
        response = error.response()
        await answer({"type": "http.response.start", "status": error.status, "headers": response.raw_headers})
        await answer({"type": "http.response.body", "body": response.body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                message: Message = {"more_body": error.status != 408}
                while message.get("more_body"):
                    message = await receive()
        await answer({"type": "http.response.body", "body": b""})

    async def _watched(self, scope: Scope, body: bytes, receive: Receive, answer: "_Answer") -> None:
        """Run the application until it has answered, its client is gone, or far too long."""
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def given() -> Message:
            if waiting:
                return waiting.pop()
            await asyncio.Event().wait()  # the client's going is watched here
            return {"type": "http.disconnect"}

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        work = asyncio.ensure_future(self._app(scope, given, answer))
        watch = asyncio.create_task(gone())
        try:
            await asyncio.wait(
                {work, watch},
                timeout=self._config.request_seconds + GRACE,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not work.done() and not answer.complete:
                work.cancel()
            await work
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]
                raise
        except Exception as error:
            say(f"{scope['method']} {scope['path']}: {error!r}")
            if not answer.begun:
                raise internal() from error
        finally:
            for task in (work, watch):
                task.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)


class _Gone(Exception):
    """The client has closed the connection."""


class _Answer:
    """Sends, and remembers what was sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 499
        self.begun = self.complete = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.begun = message["status"], True
        elif not message.get("more_body"):
            self.complete = True
        await self._send(message)
