"""``prosa serve`` as a command: in a process of its own, with signals, ports and several models."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from prosa.align.adapter import save_adapter
from prosa.align.lora import LoraConfig, add_adapters
from prosa.cli.main import main
from prosa.pipeline.run import load
from prosa.serve.keys import Keys

KEY = re.compile(r"prosa-[\w-]{43}")


class Command:
    """A running ``prosa serve``."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.log = home / "log"
        environment = {**os.environ, "PROSA_HOME": str(home)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "prosa", "serve", *arguments], env=environment, stdout=log, stderr=log
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def address(self) -> str:
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            found = re.search(r"http://127\.0\.0\.1:\d+", self.said)
            if found:
                return found[0]
            time.sleep(0.05)
        raise AssertionError(self.said)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(30)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    made: list[Command] = []

    def run(*arguments: str) -> Command:
        made.append(Command(tmp_path, *arguments))
        return made[-1]

    yield run
    for command in made:
        if command.process.poll() is None:
            command.process.kill()
            command.process.wait()


def test_the_first_start_tells_a_key_and_the_second_does_not(start: Any, chat_run: Path, tmp_path: Path) -> None:
    command = start(str(chat_run), "--port", "0")
    address = command.address()
    headers = {}
    with httpx.Client(base_url=address, timeout=30) as client:
        assert client.get("/health").json() == {"status": "ok"}
        [key] = set(KEY.findall(command.said))
        headers = {"Authorization": f"Bearer {key}"}
        [model] = client.get("/v1/models", headers=headers).json()["data"]
        assert model["id"] == chat_run.name
        body = {"model": model["id"], "prompt": "Olá", "max_tokens": 3}
        assert client.post("/v1/completions", json=body, headers=headers).status_code == 200
    assert command.end() == 0
    assert oct((tmp_path / "serve.sqlite").stat().st_mode)[-3:] == "600"
    again = start(str(chat_run), "--port", "0")
    address = again.address()
    assert httpx.get(f"{address}/v1/models", headers=headers, timeout=30).status_code == 200
    assert KEY.findall(again.said) == []
    assert f"keys   1, in {tmp_path / 'serve.sqlite'}" in again.said
    assert "Another: prosa keys add NAME\n" in again.said
    assert again.end(signal.SIGINT) == 0


def test_a_signal_while_a_stream_is_written(start: Any, chat_run: Path, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "serve.sqlite")
    key = keys.add("x")
    command = start(str(chat_run), "--port", "0")
    address = command.address()
    body = {"model": chat_run.name, "prompt": "Olá", "max_tokens": 100, "stream": True}
    with (
        httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client,
        client.stream("POST", "/v1/completions", json=body) as response,
    ):
        command.process.send_signal(signal.SIGTERM)
        assert response.read().endswith(b"data: [DONE]\n\n")
    assert command.process.wait(30) == 0


def test_several_models_and_an_adapter(start: Any, chat_run: Path, tmp_path: Path) -> None:
    base = str(chat_run / "start")
    network, tokenizer, _ = load(base)
    torch.manual_seed(1)
    add_adapters(network, LoraConfig(rank=2))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(".b"):
                parameter.normal_(std=0.5)
    save_adapter(network, tmp_path / "adapter", base=base)
    key = Keys(tmp_path / "serve.sqlite").add("x")
    models = [f"--model=a={base}", f"--model=b={tmp_path / 'adapter'}", "--model", f"c={chat_run}:sft"]
    address = start(*models, "--port", "0").address()
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["a", "b", "c"]

        def vector(model: str) -> torch.Tensor:
            made = client.post("/v1/embeddings", json={"model": model, "input": "Olá, cão"}).json()
            return torch.tensor(made["data"][0]["embedding"])

        ids = torch.tensor([tokenizer.encode("Olá, cão")])
        with torch.no_grad():
            expected = torch.nn.functional.normalize(network.eval().hidden(ids)[0].mean(0), dim=0)
        assert torch.allclose(vector("b"), expected, atol=1e-5)
        assert not torch.allclose(vector("a"), expected, atol=1e-2)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["serve", *arguments]) == 2
    return capsys.readouterr().err


def test_what_a_user_may_get_wrong(
    capsys: pytest.CaptureFixture[str], chat_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROSA_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port}" in said(capsys, str(chat_run), "--port", port)
        assert "--port" in said(capsys, str(chat_run), "--port", port)
    assert "no model" in said(capsys)
    assert "not name=run" in said(capsys, "--model", "a")
    assert "the name a" in said(capsys, "--model", f"a={chat_run}", "--model", f"a={chat_run}")
    assert "not a folder" in said(capsys, str(tmp_path / "nothing"), "--port", "0")
    assert "from 0 to 65535" in said(capsys, str(chat_run), "--port", "70000")
    assert "no address" in said(capsys, str(chat_run), "--host", "no such host", "--port", "0")
    assert "--queue is 0" in said(capsys, str(chat_run), "--queue", "0")
    assert "not a file of Prosa's keys" in said(
        capsys, str(chat_run), "--port", "0", "--keys", str(chat_run / "talks.jsonl")
    )
    assert not (tmp_path / "serve.sqlite").exists() or Keys(tmp_path / "serve.sqlite").list() == []
