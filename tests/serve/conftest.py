"""Servers for the tests of this folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import Serving


@pytest.fixture(scope="session")
def served(chat_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with the model that chats and calls the calculator."""
    server = Serving(chat_run, tmp_path_factory.mktemp("keys") / "serve.sqlite")
    yield server
    server.close()


@pytest.fixture
def serve(chat_run: Path, tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Makes servers with limits of their own."""
    made: list[Serving] = []

    def make(run: Path = chat_run, **limits: Any) -> Serving:
        made.append(Serving(run, tmp_path / f"{len(made)}.sqlite", **limits))
        return made[-1]

    yield make
    for server in made:
        server.close()
