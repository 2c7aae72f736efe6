"""One error object, OpenAI's, for whatever goes wrong: {"error": {"message", "type", "param", "code"}}."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.service import Closed, QueueFull
from prosa.serve.store import StoreError
from prosa.serve.usage import QuotaExceeded

logger = logging.getLogger("prosa.serve")
RETRY = 2  # seconds, where nobody knows better

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}


class ApiError(Exception):
    """An answer that is an error.

    Args:
        param: the field that it is about, as ``messages[0].content``.
        code: for programs.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, dict(headers or {})
        self.error = {
            "message": message,
            "type": type or TYPES.get(status, "invalid_request_error"),
            "param": param,
            "code": code,
        }

    def response(self) -> Response:
        """It as an HTTP response."""
        return json_response({"error": self.error}, self.status, self.headers)


def refused(param: str, why: str, code: str | None = None) -> ApiError:
    """A field that cannot be honoured."""
    return ApiError(400, f"{param}: {why}", param=param, code=code)


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON; half a surrogate pair, which no encoding has, becomes a question mark."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(data, status, headers, media_type="application/json")


def as_api_error(error: Exception) -> ApiError:
    """Whatever was raised, as a client is told it."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, QueueFull):
        return ApiError(429, str(error), code="queue_full", headers={"Retry-After": str(RETRY)})
    if isinstance(error, QuotaExceeded):
        return ApiError(
            429, str(error), code="insufficient_quota", type="insufficient_quota",
            headers={"Retry-After": str(error.seconds)},
        )  # fmt: skip
    if isinstance(error, Closed):
        return ending()
    if isinstance(error, StoreError):  # where the file is, and why, is no client's business
        logger.error("keys and usage: %s", error)
        return ApiError(
            503, tr("keys and usage cannot be written now.", "chaves e uso não podem ser gravados agora."),
            headers={"Retry-After": str(RETRY)},
        )  # fmt: skip
    if isinstance(error, UserError):
        return ApiError(400, str(error))
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return ApiError(error.status_code, _plain(error), code=_CODES.get(error.status_code), headers=error.headers)
    logger.error("a request failed", exc_info=error)
    return ApiError(500, tr("the server failed; the fault is ours.", "o servidor falhou; a culpa é nossa."))


def ending() -> ApiError:
    """The server takes nothing more."""
    return ApiError(
        503, tr("the server is ending.", "o servidor está encerrando."), code="shutting_down",
        headers={"Retry-After": "10", "Connection": "close"},
    )  # fmt: skip


def install(app: FastAPI) -> None:
    """Have the application answer so."""

    async def answer(request: Request, error: Exception) -> Response:
        return as_api_error(error).response()

    for kind in (ApiError, UserError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)


_CODES = {404: "not_found", 405: "method_not_allowed"}


def _plain(error: HTTPException) -> str:
    if error.status_code == 404:
        return tr("there is no such path.", "não existe este caminho.")
    if error.status_code == 405:
        return tr("this path has not this method.", "este caminho não tem este método.")
    return str(error.detail)


def _invalid(error: RequestValidationError) -> ApiError:
    """The first fault that was found, by the name of its field."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        why = first.get("ctx", {}).get("error", "")
        return ApiError(400, tr(f"the body is not JSON: {why}", f"o corpo não é JSON: {why}"), code="invalid_json")
    kind, *place = first["loc"]
    param = ""
    for step in place:
        if isinstance(step, int):
            param += f"[{step}]"
        elif not _branch(step):
            param += f".{step}" if param else step
    if first["type"] == "extra_forbidden":
        return ApiError(
            400, tr(f"unknown field: {param}", f"campo desconhecido: {param}"), param=param, code="unknown_parameter"
        )
    if not param:
        return ApiError(400, tr(f"the {kind}: {first['msg']}", f"{kind}: {first['msg']}"))
    return ApiError(400, f"{param}: {first['msg']}", param=param, code="invalid_value")


def _branch(step: str) -> bool:
    """Whether this is pydantic's name for one form of several, not a field's."""
    return "[" in step or "-" in step or step in ("str", "int", "float", "bool", "constrained-str")
