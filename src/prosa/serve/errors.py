"""The one form of all errors, OpenAI's: ``{"error": {"message", "type", "param", "code"}}``."""

import math
from typing import Any

from starlette.responses import JSONResponse

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.core.progress import say
from prosa.generate.next_tokens import Diverged
from prosa.generate.service import Closed, QueueFull
from prosa.serve.store import StoreError
from prosa.serve.usage import QuotaExceeded

INVALID = "invalid_request_error"
KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error", 500: "server_error"}
WAIT = 1
"""Seconds after which it is worth asking again where a queue is full."""


class ApiError(Exception):
    """A request that is not answered as it was meant.

    Args:
        kind: ``type`` of the object; None: the usual one of the status.
        param: the field that is wrong.
        retry_after: seconds.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str | None = None,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind or KINDS.get(status) or (INVALID if status < 500 else "server_error")
        self.param = param
        self.code = code
        self.headers = headers or {}
        if retry_after is not None:
            self.headers = {**self.headers, "Retry-After": str(max(1, math.ceil(retry_after)))}

    def to_json(self) -> dict[str, Any]:
        """The object."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}

    def response(self) -> JSONResponse:
        """The whole answer."""
        return JSONResponse(self.to_json(), self.status, self.headers)


def wrong(param: str | None, message: str, code: str | None = "invalid_value") -> ApiError:
    """A 400 that names a field."""
    return ApiError(400, message, param=param, code=code)


def internal() -> ApiError:
    """What a fault of ours is to a client: no more than that."""
    return ApiError(500, tr("The server failed; it is not your fault.", "O servidor falhou; a culpa não é sua."))


def ending() -> ApiError:
    """The server takes nothing more."""
    message = tr("The server is being shut down.", "O servidor está sendo encerrado.")
    return ApiError(503, message, code="shutting_down", retry_after=5)


def too_long() -> ApiError:
    """The request's time is over."""
    message = tr(
        "The request took longer than this server allows.", "O pedido demorou mais do que este servidor permite."
    )
    return ApiError(503, message, code="request_timeout", retry_after=WAIT)


def told(error: UserError, param: str | None = None) -> ApiError:
    """An error of the engine, the queue or the quota as the API's."""
    message = str(error).replace("\n", " ")
    if isinstance(error, Diverged):
        return ApiError(500, message)
    if isinstance(error, QuotaExceeded):
        kind = code = "insufficient_quota"
        return ApiError(429, message, kind=kind, code=code, retry_after=error.seconds)
    if isinstance(error, QueueFull):
        return ApiError(429, message, code="queue_full", retry_after=WAIT)
    if isinstance(error, Closed):
        return ending()
    if isinstance(error, StoreError):  # where the file is, and why, is no client's business
        say(message)
        message = tr("Keys and usage cannot be read now.", "Chaves e uso não podem ser lidos agora.")
        return ApiError(503, message, code="store_unavailable", retry_after=WAIT)
    return wrong(param, message)
