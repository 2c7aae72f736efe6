"""A fake run for the tests of this folder, in a language that is always set."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prosa.core.language import set_language

sys.path.insert(0, str(Path(__file__).parent))
from fake_run import make_run


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language(None)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return make_run(tmp_path / "meu-machado")
