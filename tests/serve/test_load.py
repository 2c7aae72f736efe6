"""The server under load, a small version of benchmarks/load.py: right answers, nothing left behind, nothing lost."""

import asyncio
import random
import runpy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from prosa.core.files import mark_complete
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.serve.keys import Keys
from prosa.serve.usage import Usage
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

LOAD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "load.py")))
CLIENTS = 40


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights that says something else to every beginning."""
    folder = tmp_path_factory.mktemp("load") / "run"
    text = (Path(__file__).parents[1] / "samples" / "machado").glob("*.txt")
    tokenizer = train([next(text).read_text(encoding="utf-8")[:20_000]], TokenizerConfig(vocab_size=400))
    torch.manual_seed(0)
    save_model(GPT(GPTConfig(400, 256, 2, 2, 64, tied=False)), folder / "base", tokenizer=tokenizer)
    mark_complete(folder / "base")
    return folder


@pytest.fixture(scope="module")
def canaries(run: Path) -> tuple[list[str], list[str], int]:
    rng = random.Random(0)
    beginnings = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz ", k=12)).strip() for _ in range(400)]
    return LOAD.canaries(str(run), beginnings, CLIENTS)


@pytest.fixture
def server(run: Path, tmp_path: Path) -> Iterator[SimpleNamespace]:
    made = LOAD.Server(str(run), tmp_path / "serve.sqlite")
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def test_a_crowd_clients_that_leave_and_a_limit(server, canaries) -> None:
    prompts, expected, most = canaries
    key = Keys(server.keys).add("crowd")
    server.start()
    model = LOAD.model_of(server, key)
    answers = asyncio.run(LOAD.crowd(server, key, model, prompts))
    assert LOAD.wrong(answers, expected) == []
    assert sum(answer.end == "whole" for answer in answers) == CLIENTS  # as many as that have place
    idle = server.open_files(), server.threads()
    gone = asyncio.run(LOAD.leavers(server, key, model, prompts * 3, at_once=40, longest=0.3))
    assert sum(answer.end == "left" for answer in gone) > CLIENTS
    assert [answer.detail for answer in gone if answer.end == "broken"] == []
    assert LOAD.settled(server, key, idle) == ""
    answers = asyncio.run(LOAD.crowd(server, key, model, prompts))
    assert LOAD.wrong(answers, expected) == []
    keys = Keys(server.keys)  # in another process, while the server runs
    limited = keys.add("limited", limit=5 * most)
    answers = asyncio.run(LOAD.crowd(server, limited, model, prompts))
    assert LOAD.wrong(answers, expected) == []
    assert {answer.end for answer in answers} == {"whole", "refused"}
    assert {answer.status for answer in answers if answer.end == "refused"} == {429}
    used = Usage(server.keys).today(2)
    assert sum(answer.tokens for answer in answers) == used <= 5 * most
    keys.revoke("limited")
    (answer,) = asyncio.run(LOAD.crowd(server, limited, model, prompts[:1]))
    assert answer.status == 401
    assert server.end() in (0, -15)


def test_kill_9_loses_no_key_and_no_usage_and_blocks_no_quota(server, canaries) -> None:
    prompts, expected, most = canaries
    keys = Keys(server.keys)
    key = keys.add("limited", limit=CLIENTS * most)
    server.start()
    model = LOAD.model_of(server, key)
    had, gained, cut = LOAD.killed(server, key, 1, model, prompts, CLIENTS // 4)
    assert had > 0
    assert cut > 0
    assert had <= gained <= CLIENTS * most
    server.start()
    again = asyncio.run(LOAD.crowd(server, key, model, prompts[: CLIENTS // 2]))
    assert LOAD.wrong(again, expected[: CLIENTS // 2]) == []
    assert {answer.end for answer in again} == {"whole"}
