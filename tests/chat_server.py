"""A real HTTP server on this machine that speaks the chat completions form, with a judge that each test writes."""

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FENCED = r"<(pedido|resposta A|resposta B|request|answer A|answer B) ([0-9a-f]{12})>\n(.*?)\n</\1 \2>"


def parts(body: dict[str, Any]) -> tuple[str, str, str, str]:
    """The mark, the prompt and the two answers, as a careful reader of the fences finds them."""
    found = re.findall(FENCED, body["messages"][1]["content"], re.DOTALL)
    mark = found[0][1]
    prompt, a, b = (text for _, its_mark, text in found if its_mark == mark)
    return mark, prompt, a, b


def completion(content: Any) -> dict[str, Any]:
    return {"object": "chat.completion", "choices": [{"message": {"role": "assistant", "content": content}}]}


class ChatServer:
    """Calls ``answer(body)`` for each request: a reply's text, or (status, headers, body as bytes or JSON)."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any]) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
                server.requests.append((self.path, dict(self.headers), body))
                made = answer(body)
                status, headers, content = made if isinstance(made, tuple) else (200, {}, completion(made))
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # a client that gave up
        self.address = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.01), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
