"""What several test folders share. HOME and the network are not needed; messages are English unless a test says so."""

import os
import signal
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors: a second thread costs more than it brings
os.environ["PROSA_LANG"] = "en"
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job, and all it starts, ignores Ctrl-C

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture(scope="session")
def samples() -> Path:
    """The small real texts and vocabularies in tests/samples."""
    return SAMPLES


TINY = [
    "--model.size=tiny",
    "--model.n-layer=1",
    "--model.d-model=32",
    "--model.n-head=2",
    "--model.context=32",
    "--tokenizer.vocab-size=320",
    "--train.steps=12",
    "--train.batch-size=4",
    "--train.eval-every=6",
    "--train.checkpoint-every=4",
    "--train.sample-every=6",
    "--train.precision=float32",
    "--sample.max-tokens=8",
]


@pytest.fixture(scope="session")
def tiny() -> list[str]:
    """Flags that make a build take a second."""
    return TINY


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run made by ``prosa build`` on ten short texts of Machado de Assis (read it, don't change it)."""
    from prosa.cli.main import main

    run = tmp_path_factory.mktemp("runs") / "tiny"
    assert main(["build", str(SAMPLES / "machado"), "--out", str(run), *TINY]) == 0
    return run


@pytest.fixture(scope="session")
def chat_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a tiny model that chats and calls the calculator (read it, don't change it)."""
    from scripted import make_chat_run

    return make_chat_run(tmp_path_factory.mktemp("runs") / "chat")
