"""A judge behind an OpenAI-compatible address: any server with ``POST …/chat/completions``, one's own or a company's.

Models prefer an answer for where it stands (Zheng et al. 2023, arXiv 2306.05685, section 3.3), so each pair is asked in
both orders, and an answer wins only when it wins in both; a verdict that changes with the order is a tie, and counted.
What is asked and how replies are read is in question.py.

The key is in the environment variable ``PROSA_JUDGE_KEY``; a server without keys needs none. It is sent to the given
address only: redirects are not followed.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from time import sleep
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from prosa.core.errors import UserError
from prosa.core.language import Lang, duration, number, tr
from prosa.evaluate.arena.comparison import Winner
from prosa.evaluate.arena.judges import Verdict
from prosa.evaluate.arena.question import Choice, question, read_verdict

KEY = "PROSA_JUDGE_KEY"
ATTEMPTS = 5
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds; each wait is twice the one before, or what the server asks for
_THIS_QUESTION = (400, 413, 422)  # too long, or refused for what it says: no reason to give up the others
_EXCERPT = 300

_FORTH: Mapping[Choice, Winner] = {"A": "first", "B": "second", "tie": "tie"}
_BACK: Mapping[Choice, Winner] = {"A": "second", "B": "first", "tie": "tie"}


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
class OutsideJudge:
    """An outside model as a judge.

    Attributes:
        address: up to and with the version, such as ``http://localhost:8000/v1``.
        model: the name that the server knows it by.
        lang: of the question; the answers may be in any language.
        timeout: seconds without a sign of the server, after which the request counts as failed.

    Raises:
        UserError: the address is no http or https address, or the key cannot be one.
    """

    address: str
    model: str
    lang: Lang = "pt-BR"
    timeout: float = 120.0

    def __post_init__(self) -> None:
        if not _is_http(self.address):
            raise UserError(
                tr(
                    f"the judge's address {self.address!r} is no http or https address.",
                    f"o endereço do juiz, {self.address!r}, não é um endereço http ou https.",
                ),
                tr("Such as: http://localhost:8000/v1", "Por exemplo: http://localhost:8000/v1"),
            )
        if not (_key().isascii() and _key().isprintable()):
            raise UserError(
                tr(f"{KEY} holds characters that no key has.", f"{KEY} contém caracteres que nenhuma chave tem.")
            )

    @property
    def name(self) -> str:
        """The model."""
        return self.model

    def compare(self, prompt: str, a: str, b: str) -> Verdict:
        """Ask in both orders.

        Raises:
            UserError: there is no such server or model, it refuses the key, it does not answer in the form of chat
                completions, or it still fails after ``ATTEMPTS`` attempts.
        """
        replies = []
        winners: list[Winner | None] = []
        for order, one, two in ((_FORTH, a, b), (_BACK, b, a)):
            asked = question(prompt, one, two, self.lang)
            reply = self._ask(asked.system, asked.user)
            choice = read_verdict(reply, asked.mark)
            winners.append(None if choice is None else order[choice])
            replies.append(reply)
        unreadable = tuple(reply for reply, winner in zip(replies, winners, strict=True) if winner is None)
        if unreadable:
            return Verdict(None, None, unreadable)
        forth, back = winners
        return Verdict(forth if forth == back else "tie", flipped=forth != back)

    def _ask(self, system: str, user: str) -> str:
        """The reply, or what the server says against this question."""
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        body = json.dumps({"model": self.model, "messages": messages, "temperature": 0}).encode()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {_key()}"} if _key() else {})
        request = Request(self.address.rstrip("/") + "/chat/completions", body, headers)
        attempt = 1
        while True:
            try:
                return self._send(request)
            except (_Retry, TimeoutError, ConnectionError, HTTPException) as failure:
                if attempt == ATTEMPTS:
                    raise self._failed(failure) from failure
                asked = failure.wait if isinstance(failure, _Retry) else 0.0
            sleep(min(max(FIRST_WAIT * 2 ** (attempt - 1), asked), LONGEST_WAIT))
            attempt += 1

    def _send(self, request: Request) -> str:
        try:
            with _opener.open(request, timeout=self.timeout) as response:
                return _content(response.read(), self.address)
        except HTTPError as error:
            with error:
                return self._refusal(error)
        except URLError as error:
            if isinstance(error.reason, TimeoutError | ConnectionResetError | BrokenPipeError):
                raise error.reason from error
            raise UserError(
                tr(
                    f"cannot reach the judge at {self.address}: {error.reason}",
                    f"não consigo falar com o juiz em {self.address}: {error.reason}",
                ),
                tr("Start the server, or correct the address.", "Inicie o servidor, ou corrija o endereço."),
            ) from error

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

    def _refusal(self, error: HTTPError) -> str:
        """The server's message where it is about this question only; anything else is raised."""
        if error.code in (401, 403):  # its message may hold the key
            raise UserError(
                tr(
                    f"the judge at {self.address} refuses the key (HTTP {error.code}).",
                    f"o juiz em {self.address} recusa a chave (HTTP {error.code}).",
                ),
                tr(f"Put the right key in {KEY}.", f"Ponha a chave certa em {KEY}."),
            )
        message = f"HTTP {error.code}: {_excerpt(error.read())}"
        if error.code == 429 or error.code >= 500:
            wait = error.headers.get("Retry-After", "")
            raise _Retry(message, float(wait) if wait.isdecimal() else 0.0)
        if error.code in _THIS_QUESTION:
            return message
        raise UserError(
            tr(f"the judge at {self.address} answers {message}", f"o juiz em {self.address} responde {message}"),
            tr(
                f"Correct the address, which ends before /chat/completions, or the model ({self.model}).",
                f"Corrija o endereço, que termina antes de /chat/completions, ou o modelo ({self.model}).",
            ),
        )


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        there = parts.hostname is not None and parts.port != 0  # a port that is no number raises
    except ValueError:
        return False
    written_well = address.isascii() and address.isprintable() and " " not in address
    return there and written_well and parts.scheme in ("http", "https")


def _key() -> str:
    return os.environ.get(KEY, "").strip()


def _content(body: bytes, address: str) -> str:
    """The reply's text; empty where it has none (a refusal, a call of a tool)."""
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
    return content if isinstance(content, str) else ""


def _excerpt(body: bytes) -> str:
    """The message of an error in OpenAI's form, else the beginning of what came."""
    try:
        text = str(json.loads(body)["error"]["message"])
    except (ValueError, LookupError, TypeError, RecursionError):
        text = body.decode("utf-8", "replace")
    return " ".join(text.split())[:_EXCERPT]
