"""Limits of size and time, clients that stall or leave, the end of the server."""

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from serving import MODEL, Serving, error_of

from prosa.serve.store import StoreError

Make = Callable[..., Serving]
SAID = [{"role": "user", "content": "Oi"}]


def raw(server: Serving) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.settimeout(10)
    return connection


def head(server: Serving, length: int, path: str = "/tokenize", more: str = "") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
    ).encode()


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return found
        if not data:
            return found
        found += data


def until(holds: Callable[[], Any], seconds: float = 20) -> bool:
    """Wait for something; whether it came."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(holds())


def endless(server: Serving, **more: Any) -> dict[str, Any]:
    """A request that is written to the context's end."""
    ends = (server.tokenizer.end_of_text, server.served.chat.end_id)
    return {
        "model": MODEL,
        "messages": SAID,
        "stream": True,
        "max_tokens": 120,
        "logit_bias": {str(id): -100 for id in ends},
        **more,
    }


def slow(server: Serving, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have every step take so long."""
    scheduler = server.service._scheduler
    step = scheduler.step

    def slower() -> None:
        time.sleep(seconds)
        step()

    monkeypatch.setattr(scheduler, "step", slower)


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: x\r\n", b"GET /hea"])
def test_headers_that_do_not_come(serve: Make, sent: bytes) -> None:
    server = serve(header_seconds=0.4)
    with raw(server) as connection:
        connection.sendall(sent)
        begin = time.monotonic()
        answer = all_of(connection)
        assert 0.2 < time.monotonic() - begin < 3
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert json.loads(answer.split(b"\r\n\r\n")[1])["error"]["code"] == "headers_timeout"


def test_headers_that_trickle(serve: Make) -> None:
    server = serve(header_seconds=0.5)
    with raw(server) as connection:
        begin = time.monotonic()
        try:
            for byte in b"GET /health HTTP/1.1\r\nX: " + b"x" * 200:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
        except OSError:
            pass
        assert time.monotonic() - begin < 3


def test_the_second_requests_headers_have_a_deadline_too(serve: Make) -> None:
    server = serve(header_seconds=1)
    with raw(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /hea")
        begin = time.monotonic()
        answer = all_of(connection)
        assert 0.5 < time.monotonic() - begin < 4
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 408 " in answer


@pytest.mark.parametrize("trickle", [False, True])
def test_a_body_that_does_not_come(serve: Make, trickle: bool) -> None:
    server = serve(body_seconds=0.5)
    with raw(server) as connection:
        connection.sendall(head(server, 1000) + b'{"model"')
        begin = time.monotonic()
        if trickle:
            try:
                for _ in range(200):
                    connection.sendall(b" ")
                    time.sleep(0.02)
            except OSError:
                pass
        answer = all_of(connection)
        assert time.monotonic() - begin < 6
        assert trickle or answer.startswith(b"HTTP/1.1 408 ")
        assert trickle or json.loads(answer.split(b"\r\n\r\n")[1])["error"]["code"] == "body_timeout"


def test_a_body_too_large(serve: Make) -> None:
    server = serve(max_body=1000)
    error = error_of(server.client.post("/tokenize", json={"model": MODEL, "prompt": "x" * 1000}), 413)
    assert error["code"] == "body_too_large"

    def chunks() -> Any:
        for _ in range(10):
            yield b"x" * 500

    response = server.client.post("/tokenize", content=chunks(), headers={"Content-Type": "application/json"})
    error_of(response, 413)
    big = server.client.post("/tokenize", content=b"x" * 5_000_000, headers={"Content-Type": "application/json"})
    error_of(big, 413)
    assert server.post("/tokenize", prompt="x" * 900).status_code == 200


def test_a_body_is_not_read_without_a_key(served: Serving) -> None:
    with raw(served) as connection:
        connection.sendall(
            b"POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
        )
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"100 Continue" not in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        b"\x16\x03\x01\x02\x00" * 10,
        b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000,
    ],
)
def test_what_is_no_http(served: Serving, sent: bytes) -> None:
    with raw(served) as connection:
        connection.sendall(sent)
        answer = all_of(connection)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert json.loads(answer.split(b"\r\n\r\n")[1])["error"]["code"] == "invalid_http"


def test_a_client_that_leaves_a_stream(serve: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    slow(server, monkeypatch, 0.02)
    with server.client.stream("POST", "/v1/chat/completions", json=endless(server)) as response:
        lines = response.iter_lines()  # kept: without it the response is closed
        assert next(lines).startswith("data: ")
        assert until(lambda: server.service.figures.written)
    assert server.idle(2)
    figures = server.service.figures
    assert (figures.finished, figures.cancelled) == (0, 1)
    assert figures.written < 100
    [row] = wait_for_usage(server)
    assert row.prompt_tokens > 0
    assert 0 <= row.completion_tokens <= figures.written


def test_a_client_that_leaves_without_a_stream(serve: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    slow(server, monkeypatch, 0.02)
    body = json.dumps(endless(server, stream=False)).encode()
    with raw(server) as connection:
        connection.sendall(head(server, len(body), "/v1/chat/completions") + body)
        assert until(lambda: server.service.figures.writing)
    assert server.idle(2)
    assert server.service.figures.cancelled == 1


def wait_for_usage(server: Serving) -> Any:
    until(server.usage.rows)
    return server.usage.rows()


def test_a_client_that_reads_nothing(serve: Make) -> None:
    server = serve(write_seconds=0.5, toolbox=False)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        body = json.dumps({"model": MODEL, "prompt": "a" * 1_500_000}).encode()
        connection.sendall(head(server, len(body)) + body)
        assert until(lambda: not server.server.server_state.connections)


def test_the_queue_is_bounded(serve: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(rows=1, queue=1)
    slow(server, monkeypatch, 0.02)
    statuses, retry = [], []

    def ask() -> None:
        with server.as_(server.key) as client:
            response = client.post("/v1/chat/completions", json=endless(server, stream=False, max_tokens=20))
            statuses.append(response.status_code)
            if response.status_code != 200:
                assert error_of(response, 429)["code"] == "queue_full"
                retry.append(int(response.headers["retry-after"]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 8
    assert 1 <= statuses.count(200) <= 3
    assert retry == [1] * (8 - statuses.count(200))
    assert server.idle()


def test_a_quota(serve: Make) -> None:
    server = serve()
    key = server.keys.add("poor", limit=30)
    with server.as_(key) as client:
        body = {"model": MODEL, "prompt": "Oi", "max_tokens": 5, "temperature": 0}
        used = client.post("/v1/completions", json=body).json()["usage"]["total_tokens"]
        response = client.post("/v1/completions", json={**body, "max_tokens": 60})
        error = error_of(response, 429)
        assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
        assert 0 < int(response.headers["retry-after"]) <= 86_400
        assert client.post("/v1/completions", json=body).status_code == 200
    [row] = server.usage.rows(name="poor")
    assert row.requests == 2
    assert row.prompt_tokens + row.completion_tokens == 2 * used


def test_time_is_over(serve: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(request_seconds=0.4)
    slow(server, monkeypatch, 0.02)
    response = server.client.post("/v1/chat/completions", json=endless(server, stream=False))
    assert error_of(response, 503)["code"] == "request_timeout"
    assert response.headers["retry-after"] == "1"
    response = server.client.post("/v1/chat/completions", json=endless(server))
    assert response.status_code == 200
    events = response.text.strip().split("\n\n")
    assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "request_timeout"
    assert "[DONE]" not in response.text
    assert server.idle()


def test_a_fault_in_the_model(serve: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()

    def broken() -> None:
        raise RuntimeError("secret")

    with monkeypatch.context() as patch:
        patch.setattr(server.service._scheduler, "step", broken)
        response = server.chat("Oi")
        assert "secret" not in response.text
        assert error_of(response, 500)["type"] == "server_error"
        events = server.client.post("/v1/chat/completions", json=endless(server)).text.strip().split("\n\n")
        assert json.loads(events[-1].removeprefix("data: "))["error"]["type"] == "server_error"
    assert server.chat("Oi", max_tokens=3).status_code == 200


def test_a_fault_in_one_answer_is_a_500_for_that_one(serve: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    slow(server, monkeypatch, 0.05)

    def broken(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("prosa.generate.grammar.Matcher.allowed", broken)
    with server.client.stream("POST", "/v1/chat/completions", json=endless(server)) as other:
        lines = other.iter_lines()
        while not server.service.figures.written:
            next(lines)
        response = server.chat("Oi", response_format={"type": "json_object"})
        assert error_of(response, 500)["type"] == "server_error"
        assert "secret" not in response.text
        assert server.service.figures.writing == 1
        before = server.service.figures.written
        for _ in range(20):
            assert "error" not in next(lines)
        assert until(lambda: server.service.figures.written > before)
    assert server.idle()


def test_a_stream_that_waits_is_kept_alive(serve: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(keep_alive_seconds=0.1)
    slow(server, monkeypatch, 0.5)
    response = server.client.post("/v1/chat/completions", json=endless(server, max_tokens=2))
    assert response.text.count(": keep-alive\n\n") >= 3
    assert response.text.endswith("data: [DONE]\n\n")


def test_too_many_connections(serve: Make) -> None:
    server = serve(connections=3)
    open_ = [raw(server) for _ in range(3)]
    time.sleep(0.1)
    with raw(server) as connection:
        answer = all_of(connection)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1" in answer
        assert json.loads(answer.split(b"\r\n\r\n")[1])["error"]["code"] == "too_many_connections"
    for connection in open_:
        connection.close()
    time.sleep(0.1)
    assert httpx.get(f"{server.address}/health").status_code == 200


def test_messages_tools_and_inputs_are_limited(serve: Make) -> None:
    server = serve(max_messages=2, max_tools=1, max_inputs=2, max_n=1, max_tokens=5)
    assert error_of(server.chat("a", "b", "c"), 400)["param"] == "messages"
    assert error_of(server.post("/v1/embeddings", input=["a"] * 3), 400)["param"] == "input"
    assert error_of(server.post("/v1/completions", prompt=["a"] * 3), 400)["param"] == "prompt"
    assert error_of(server.chat("a", n=2), 400)["param"] == "n"
    assert error_of(server.chat("a", max_tokens=6), 400)["param"] == "max_tokens"
    assert server.chat("a", logit_bias={"9": 100}).json()["usage"]["completion_tokens"] == 5
    tool = {"type": "function", "function": {"name": "f"}}
    other = {"type": "function", "function": {"name": "g"}}
    assert error_of(server.chat("a", tools=[tool, other]), 400)["param"] == "tools"


def test_who_leaves_the_queue_pays_nothing(serve: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(rows=1)
    slow(server, monkeypatch, 0.02)
    other = server.keys.add("waits")
    with (
        server.client.stream("POST", "/v1/chat/completions", json=endless(server)) as first,
        server.as_(other) as client,
    ):
        lines = first.iter_lines()
        assert next(lines)
        assert until(lambda: server.service.figures.writing)
        with client.stream("POST", "/v1/chat/completions", json=endless(server)) as second:
            waiting = second.iter_lines()
            assert next(waiting)
            assert server.service.figures.waiting == 1
        assert until(lambda: not server.service.figures.waiting)
    assert server.idle()
    wait_for_usage(server)
    assert [row.name for row in server.usage.rows()] == ["tester"]


@pytest.mark.parametrize("patience", [5.0, 0.3])
def test_the_end_of_the_server(serve: Make, monkeypatch: pytest.MonkeyPatch, patience: float) -> None:
    """What is being written comes to its end, within the time that there is; else it is told."""
    server = serve(shutdown_seconds=patience)
    slow(server, monkeypatch, 0.02)
    with server.client.stream("POST", "/v1/chat/completions", json=endless(server, max_tokens=60)) as response:
        lines = response.iter_lines()
        next(lines)
        server.server.should_exit = True
        rest = [line for line in lines if line]
    last = rest[-1]
    if patience > 1:
        assert last == "data: [DONE]"
    else:
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == "request_timeout"
    server.thread.join(10)
    assert not server.thread.is_alive()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.address}/health")


def test_a_body_of_two_lengths_ends_the_connection(serve: Make) -> None:
    """Where a proxy believes ``Content-Length``, what follows would be a request of someone else's (RFC 9112, 6.3)."""
    server = serve()
    hidden = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with raw(server) as connection:
        connection.sendall(head(server, 5 + len(hidden), more="Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n" + hidden)
        found = all_of(connection)
    assert found.startswith(b"HTTP/1.1 400 ")
    assert b"invalid_http" in found
    assert found.count(b"HTTP/1.1 ") == 1


def test_an_answer_whose_usage_cannot_be_written_goes_out_and_is_recorded_later(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"prompt": "Olá", "max_tokens": 3, "temperature": 0}
    before = served.usage.today(1)
    used = served.post("/v1/completions", **body).json()["usage"]["total_tokens"]
    write, full = served.usage.settle, True

    def settle(*arguments: Any, **tokens: int) -> None:
        if full:
            raise StoreError("the disk is full")
        write(*arguments, **tokens)

    monkeypatch.setattr(served.usage, "settle", settle)
    assert served.post("/v1/completions", **body).json()["usage"]["total_tokens"] == used
    assert error_of(served.post("/v1/completions", **body), 503)["code"] == "usage_unavailable"
    assert served.usage.today(1) == before + used
    full = False
    assert served.post("/v1/completions", **body).status_code == 200
    assert served.usage.today(1) == before + 3 * used
