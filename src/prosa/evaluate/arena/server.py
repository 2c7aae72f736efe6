"""A server of chat completions in OpenAI's form, asked over HTTP; what may pass is tried again, within bounds.

The key is in the environment variable ``PROSA_JUDGE_KEY``; a server without keys needs none. It is sent to the given
address only (redirects are not followed), and never shown.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse, IncompleteRead
from time import monotonic, sleep
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from prosa.core.errors import UserError
from prosa.core.language import duration, number, tr

KEY = "PROSA_JUDGE_KEY"
ATTEMPTS = 5
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds; each wait is twice the one before, or what the server asks for
_LONGEST, _PIECE = 4 * 2**20, 2**16  # bytes of a response, and read at once
_EXCERPT = 300
_THIS_REQUEST = (400, 413, 422)  # too long, or refused for what it says: no reason to give up the others
_PASSING = TimeoutError | ConnectionResetError | BrokenPipeError


class Refused(Exception):
    """What the server says against this request."""


class _Retry(Exception):
    """The server may answer the same request later; ``wait``: seconds that it asks for, or 0."""

    def __init__(self, why: str, wait: float) -> None:
        super().__init__(why)
        self.wait = wait


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Do not go there: the key would go along."""


_opener = build_opener(_NoRedirect)


@dataclass(frozen=True)
class Server:
    """Where chat completions are made.

    Attributes:
        address: up to and with the version, such as ``http://localhost:8000/v1``.
        timeout: seconds after which a request counts as failed.

    Raises:
        UserError: the address is no http or https address, or holds a user or a query; or the key cannot be one.
    """

    address: str
    timeout: float = 120.0

    def __post_init__(self) -> None:
        _check_address(self.address)
        if not (_key().isascii() and _key().isprintable()):
            raise UserError(
                tr(f"{KEY} holds characters that no key has.", f"{KEY} contém caracteres que nenhuma chave tem.")
            )

    def reach(self) -> None:
        """See that there is a server that takes the key, without asking it anything.

        Raises:
            UserError: there is none, or it refuses the key.
        """
        try:
            with _opener.open(Request(self._at("/models"), headers=_headers()), timeout=self.timeout):
                pass
        except HTTPError as error:  # not every server has a list of models
            with error:
                if error.code == 401:
                    raise self._bad_key(error.code) from error
        except URLError as error:
            if not isinstance(error.reason, _PASSING):
                raise self._unreachable(error) from error
        except (OSError, HTTPException):
            pass

    def send(self, body: Mapping[str, Any]) -> str:
        """The text of the reply to a request; empty where it has none (a refusal, a call of a tool).

        Raises:
            UserError: there is no such server or model, it refuses the key, it does not answer in the form of chat
                completions, or it still fails after ``ATTEMPTS`` attempts.
            Refused: it says something against this request only.
        """
        request = Request(self._at("/chat/completions"), json.dumps(body).encode(), _headers())
        attempt = 1
        while True:
            try:
                return self._try(request)
            except (_Retry, TimeoutError, ConnectionError, HTTPException) as failure:
                if attempt == ATTEMPTS:
                    raise self._failed(failure) from failure
                asked = failure.wait if isinstance(failure, _Retry) else 0.0
            sleep(min(max(FIRST_WAIT * 2 ** (attempt - 1), asked), LONGEST_WAIT))
            attempt += 1

    def _try(self, request: Request) -> str:
        end = monotonic() + self.timeout
        try:
            with _opener.open(request, timeout=self.timeout) as response:
                return _content(_read(response, end), self.address)
        except HTTPError as error:
            with error:
                raise self._refusal(error) from error
        except URLError as error:
            if isinstance(error.reason, _PASSING):
                raise error.reason from error
            raise self._unreachable(error) from error

    def _at(self, place: str) -> str:
        return self.address.rstrip("/") + place

    def _refusal(self, error: HTTPError) -> Exception:
        """What a status of failure means: for this request, for a while, or for all."""
        if error.code in (401, 403):
            return self._bad_key(error.code)
        message = f"HTTP {error.code}: {_excerpt(error.read(_PIECE))}"
        if error.code == 429 or error.code >= 500:
            wait = error.headers.get("Retry-After", "")
            return _Retry(message, float(wait) if wait.isdecimal() else 0.0)
        if error.code in _THIS_REQUEST:
            return Refused(message)
        return UserError(
            tr(f"the judge at {self.address} answers {message}", f"o juiz em {self.address} responde {message}"),
            tr(
                "Correct the address, which ends before /chat/completions, or the model's name.",
                "Corrija o endereço, que termina antes de /chat/completions, ou o nome do modelo.",
            ),
        )

    def _bad_key(self, code: int) -> UserError:
        return UserError(  # the server's own message may hold the key
            tr(
                f"the judge at {self.address} refuses the key (HTTP {code}).",
                f"o juiz em {self.address} recusa a chave (HTTP {code}).",
            ),
            tr(f"Put the right key in {KEY}.", f"Ponha a chave certa em {KEY}."),
        )

    def _unreachable(self, error: URLError) -> UserError:
        return UserError(
            tr(
                f"cannot reach the judge at {self.address}: {error.reason}",
                f"não consigo falar com o juiz em {self.address}: {error.reason}",
            ),
            tr("Start the server, or correct the address.", "Inicie o servidor, ou corrija o endereço."),
        )

    def _failed(self, failure: Exception) -> UserError:
        if isinstance(failure, TimeoutError):
            limit = duration(self.timeout)
            why = tr(f"no answer within {limit}", f"nenhuma resposta em {limit}")
        else:
            why = str(failure) if isinstance(failure, _Retry) else tr("the connection was lost", "a conexão caiu")
        return UserError(
            tr(
                f"the judge at {self.address} failed {number(ATTEMPTS)} times; the last time: {why}",
                f"o juiz em {self.address} falhou {number(ATTEMPTS)} vezes; na última: {why}",
            ),
            tr("Try again later.", "Tente de novo mais tarde."),
        )


def _check_address(address: str) -> None:
    if any(mark in address for mark in "@?#"):  # what follows may be a key: not shown
        raise UserError(
            tr(
                "the judge's address holds a user, a password or a query.",
                "o endereço do juiz contém usuário, senha ou consulta.",
            ),
            tr(f"A key goes into {KEY}.", f"Uma chave fica em {KEY}."),
        )
    try:
        parts = urlsplit(address)
        there = parts.hostname is not None and parts.port != 0  # a port that is no number raises
    except ValueError:
        there = False
    written_well = address.isascii() and address.isprintable() and " " not in address
    if not (there and written_well and parts.scheme in ("http", "https")):
        raise UserError(
            tr(
                f"the judge's address {address!r} is no http or https address.",
                f"o endereço do juiz, {address!r}, não é um endereço http ou https.",
            ),
            tr("Such as: http://localhost:8000/v1", "Por exemplo: http://localhost:8000/v1"),
        )


def _key() -> str:
    return os.environ.get(KEY, "").strip()


def _headers() -> dict[str, str]:
    return {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {_key()}"} if _key() else {})


def _read(response: HTTPResponse, end: float) -> bytes:
    """A response whole, or more than ``_LONGEST`` of it, by the time ``end``: the socket's limit is for each piece."""
    body = b""
    while len(body) <= _LONGEST and (piece := response.read1(_PIECE)):
        body += piece
        if monotonic() > end:
            raise TimeoutError
    if response.length and len(body) <= _LONGEST:
        raise IncompleteRead(body)
    return body


def _content(body: bytes, address: str) -> str:
    try:
        content: Any = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UserError(
            tr(
                f"{address} does not answer in the form of chat completions: {_excerpt(body)}",
                f"{address} não responde na forma de chat completions: {_excerpt(body)}",
            ),
            tr(
                "Give the address of an OpenAI-compatible server.",
                "Dê o endereço de um servidor compatível com OpenAI.",
            ),
        ) from error
    return content.encode("utf-8", "replace").decode() if isinstance(content, str) else ""  # no half characters


def _excerpt(body: bytes) -> str:
    """The message of an error in OpenAI's form, else the beginning of what came; without the key."""
    try:
        text = str(json.loads(body)["error"]["message"])
    except (ValueError, LookupError, TypeError, RecursionError):
        text = body.decode("utf-8", "replace")
    if _key():
        text = text.replace(_key(), "***")
    return " ".join(text.split())[:_EXCERPT]
