"""A server in this process: real sockets, a real engine."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx

from prosa.generate.engine import Engine
from prosa.generate.service import Service
from prosa.generate.tools import Toolbox, builtin_tools
from prosa.pipeline.run import load
from prosa.retrieve.search import Index
from prosa.serve.accounts import Accounts
from prosa.serve.config import ServeConfig
from prosa.serve.documents import Documents, with_documents
from prosa.serve.keys import Keys
from prosa.serve.served import Models, Served
from prosa.serve.server import Server, address_of, bind
from prosa.serve.state import State
from prosa.serve.usage import Usage

MODEL = "tiny"


class Serving:
    """A server with the model of a run; ``client`` has a key."""

    def __init__(
        self,
        run: Path,
        file: Path,
        *,
        name: str = MODEL,
        toolbox: bool = True,
        index: Path | None = None,
        **limits: Any,
    ) -> None:
        self.config = ServeConfig(**limits)
        self.network, self.tokenizer, _ = load(str(run))
        self.engine = Engine(self.network, self.tokenizer, device="cpu", precision="float32")
        self.service = Service(self.engine, memory=2**26, rows=self.config.rows, queue=self.config.queue)
        self.served = Served(name, self.service)
        self.keys, self.usage = Keys(file), Usage(file)
        self.accounts = Accounts(self.usage)
        self.key = self.keys.add("tester")
        box = Toolbox(builtin_tools("en")) if toolbox else None
        documents = None if index is None else Documents(Index(index))
        models = [self.served] if documents is None else with_documents([self.served], documents)
        self.state = State(Models(models), self.keys, self.accounts, self.config, box, documents)
        self.server = Server(self.state)
        self.listener = bind("127.0.0.1", 0)
        self.address = address_of(self.listener)
        self.port: int = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=lambda: self.server.run(sockets=[self.listener]), daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)
        self.client = self.as_(self.key)

    def as_(self, key: str | None) -> httpx.Client:
        """A client with this key."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=30)

    def post(self, path: str, **body: Any) -> httpx.Response:
        """A request with the model's name."""
        return self.client.post(path, json={"model": self.served.name, **body})

    def chat(self, *said: str, **body: Any) -> httpx.Response:
        """What the user and the assistant said in turns."""
        roles = ("user", "assistant")
        messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(said)]
        return self.post("/v1/chat/completions", messages=messages, **body)

    def idle(self, seconds: float = 5) -> bool:
        """Wait until nothing is written."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            figures = self.service.figures
            if not figures.writing and not figures.waiting and not figures.taken:
                return True
            time.sleep(0.01)
        return False

    def close(self) -> None:
        """End it."""
        self.client.close()
        self.server.should_exit = True
        self.thread.join(30)
        self.service.close(finish=False)
        self.accounts.close()
        self.keys.close()
        self.usage.close()
        self.listener.close()


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    """The error object of a response, which must be whole."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    found = response.json()
    assert list(found) == ["error"]
    assert set(found["error"]) == {"message", "type", "param", "code"}
    assert found["error"]["message"]
    return found["error"]
