"""``benchmarks/shards.py`` goes through, and its rival writes the same ids as ``prosa prepare``."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "shards.py"


@pytest.fixture(scope="module")
def shards():
    spec = importlib.util.spec_from_file_location("benchmark_shards", SCRIPT)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_same_ids_by_every_way(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--megabytes", "1", "--repeats", "1", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.split()[0] == "1"]  # of 1 MB
    assert [row[1] for row in rows] == ["tiktoken", "tiktoken,", "prosa"]


def test_stretches_of_a_file_hold_each_document_once(shards, tmp_path: Path) -> None:
    pytest.importorskip("tiktoken")
    lines = [b'{"text": "Capitu tinha olhos de ressaca."}\n', b'{"text": "Bentinho"}\n', b'{"text": "dissimulada"}\n']
    path = tmp_path / "some.jsonl"
    path.write_bytes(b"".join(lines))
    whole, size = shards.tiktoken_ids(path, 0, path.stat().st_size), path.stat().st_size
    assert (whole == 50256).sum() == 3
    for middle in (1, len(lines[0]) - 1, len(lines[0]), len(lines[0]) + 1):
        parts = [shards.tiktoken_ids(path, 0, middle), shards.tiktoken_ids(path, middle, size)]
        assert np.array_equal(np.concatenate(parts), whole)


def test_repetitions_bring_new_words(shards) -> None:
    words = shards.shipped()
    documents, seen = shards.documents(), set(words[::2])
    assert len(seen) > 100_000
    for _ in range(-(-len(words) // shards.DOCUMENT_WORDS)):  # the first time round: the text as it is
        next(documents)
    again = [word for _ in range(300) for word in shards.re.split(r"(\W+)", next(documents))[::2]]
    new = sum(word not in seen for word in again) / len(again)
    assert 0.01 < new <= 0.025
