"""The page's files over a scripted API: what no model can be asked to write, and what a server rarely does."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prosa.serve.page import FOLDER as STATIC
from prosa.serve.page import POLICY, TYPES

KEY = "prosa-key-of-the-tests"


def token(text: str, p: float = 0.8, others: tuple[tuple[str, float], ...] = ()) -> dict[str, Any]:
    """An entry of ``logprobs.content``."""

    def entry(t: str, q: float) -> dict[str, Any]:
        return {"token": t, "logprob": math.log(q), "bytes": list(t.encode())}

    return {**entry(text, p), "top_logprobs": [entry(text, p), *(entry(*other) for other in others)]}


def chunk(
    delta: dict[str, Any], finish: str | None = None, logprobs: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    choice = {
        "index": 0,
        "delta": delta,
        "finish_reason": finish,
        "logprobs": {"content": logprobs} if logprobs else None,
    }
    return {"id": "x", "object": "chat.completion.chunk", "choices": [choice]}


def said(text: str, *, annotations: list[dict[str, Any]] | None = None) -> Iterator[dict[str, Any] | str]:
    """The chunks of an answer, a word each."""
    words = text.split(" ")
    for i, word in enumerate(words):
        piece = word if i == 0 else f" {word}"
        yield chunk({"content": piece}, logprobs=[token(piece, 0.7, ((" outra", 0.2), (" coisa", 0.05)))])
    if annotations:
        yield chunk({"content": "", "annotations": annotations})
    yield chunk({}, "stop")
    yield {
        "choices": [],
        "usage": {"prompt_tokens": 9, "completion_tokens": len(words), "total_tokens": 9 + len(words)},
    }
    yield "[DONE]"


def calls(name: str, arguments: dict[str, Any], id: str = "call_1") -> Iterator[dict[str, Any] | str]:
    """The chunks of a call of a tool."""
    made = {"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    yield chunk({"tool_calls": [made]})
    yield chunk({}, "tool_calls")
    yield "[DONE]"


def error(status: int, code: str, message: str, **headers: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    return status, headers, {"error": {"message": message, "type": "error", "param": None, "code": code}}


class PageServer:
    """Calls ``answer(body)`` for each chat completion: chunks to stream, or (status, headers, JSON)."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any], **routes: Any) -> None:
        self.requests: list[tuple[str, dict[str, Any] | None]] = []
        self.answer = answer
        self.routes: dict[str, Any] = {
            "/v1/models": {"object": "list", "data": [{"id": "assistente", "object": "model"}]},
            "/v1/tools": {"object": "list", "data": []},
            **routes,
        }
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, body: dict[str, Any] | None) -> None:
                path = self.path
                server.requests.append((path, body))
                if path == "/" or path.startswith("/static/"):
                    return self._file(STATIC / "index.html" if path == "/" else STATIC / path.removeprefix("/static/"))
                if self.headers.get("Authorization") != f"Bearer {KEY}":
                    return self._json(*error(401, "invalid_api_key", "Unknown key."))
                if path == "/v1/chat/completions":
                    made = server.answer(body or {})
                    return self._json(*made) if isinstance(made, tuple) else self._stream(made)
                found = server.routes.get(path)
                found = found(body) if callable(found) else found
                if found is None:
                    return self._json(*error(404, "not_found", f"No {path}."))
                return self._json(*found) if isinstance(found, tuple) else self._json(200, {}, found)

            def _file(self, file: Path) -> None:
                if not file.is_file():
                    return self._json(*error(404, "not_found", "No such file."))
                return self._send(
                    200, {"Content-Type": TYPES[file.suffix], "Content-Security-Policy": POLICY}, file.read_bytes()
                )

            def _json(self, status: int, headers: dict[str, str], found: Any) -> None:
                self._send(status, {"Content-Type": "application/json", **headers}, json.dumps(found).encode())

            def _send(self, status: int, headers: dict[str, str], data: bytes) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data)), "Cache-Control": "no-store"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def _stream(self, chunks: Iterator[dict[str, Any] | str]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                for one in chunks:
                    data = one if isinstance(one, str) else json.dumps(one)
                    self.wfile.write(f"data: {data}\n\n".encode())
                    self.wfile.flush()
                self.close_connection = True

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that gave up
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.01), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
