"""Several processes give what one gives; one that ends takes the others with it; the checkpoint is the same."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from several import Rows, train

from prosa.cli.main import main

ROUNDING = 1e-6  # of sums in another order, after 12 steps; a mean of means is wrong by 1e-2
GONE = "another process of this training ended"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training of one process that the others are compared with."""
    folder = tmp_path_factory.mktemp("one")
    assert train(1, folder) == [0]
    return folder


def _lines(folder: Path) -> list[dict[str, Any]]:
    clock = ("seconds", "tokens_per_second", "share_of_peak")
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    found = [{k: v for k, v in json.loads(line).items() if k not in clock} for line in lines]
    return [line for line in found if line["kind"] != "sample"]


def _words(folder: Path) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("words-*.txt"))]


def _state(folder: Path, step: int) -> dict[str, np.ndarray]:
    last = folder / "checkpoints" / f"step_{step}"
    return load_file(last / "model.safetensors") | load_file(last / "optimizer.safetensors")


def _assert_same(folder: Path, other: Path, tolerance: float = ROUNDING, step: int = 12) -> None:
    """The same lines in the metrics and the same weights and moments, to rounding."""
    lines, others = _lines(folder), _lines(other)
    assert len(lines) == len(others)
    for line, expected in zip(lines, others, strict=True):
        assert line.pop("kind") == expected.pop("kind")
        assert line == pytest.approx(expected, rel=tolerance, abs=tolerance)
    state, expected_state = _state(folder, step), _state(other, step)
    assert state.keys() == expected_state.keys()
    for name, value in state.items():
        np.testing.assert_allclose(value, expected_state[name], rtol=0, atol=10 * tolerance, err_msg=name)


@pytest.mark.parametrize("world", [2, 4])
def test_losses_weights_and_order_are_those_of_one_process(tmp_path, one, world: int) -> None:
    """With dropout: its masks follow the micro-batch, wherever that is computed."""
    assert train(world, tmp_path) == [0] * world
    _assert_same(tmp_path, one)
    batches = Rows(8, False, None, 0, None)
    seen = [np.load(tmp_path / f"rows-{rank}.npy")[-12 * 8 // world :] for rank in range(world)]  # after the dry run
    for step in range(12):
        part = slice(step * 8 // world, (step + 1) * 8 // world)
        together = np.concatenate([rows[part] for rows in seen])
        np.testing.assert_array_equal(together, batches.at(step).inputs.numpy())
    assert _words(tmp_path)[0].count("dry run") == 1
    assert _words(tmp_path)[1:] == [""] * (world - 1)  # rank 0 alone speaks


@pytest.mark.parametrize("options", [{}, {"activation_checkpointing": True, "optimizer": "muon"}])
def test_unequal_numbers_of_targets(tmp_path, options: dict[str, Any]) -> None:
    """Rank 0 has 10 targets of 36, rank 1 has 26: every target weighs the same."""
    assert train(1, tmp_path / "one", masked=True, **options) == [0]
    assert train(2, tmp_path / "two", masked=True, **options) == [0, 0]
    # Muon's steps are of one size whatever the gradient's, and torch computes them in bfloat16: rounding shows
    _assert_same(tmp_path / "two", tmp_path / "one", 2e-3 if "optimizer" in options else ROUNDING)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_saved_by_two_resumed_by_any(tmp_path, one, world: int) -> None:
    codes = train(2, tmp_path, do="break", step=9, rank=None)
    assert codes == [3, 3]
    assert train(world, tmp_path, resume=True) == [0] * world
    _assert_same(tmp_path, one)
    said = _words(tmp_path)[0]
    assert "going on from" in said
    assert (f"processes now: {world}, before: 2" in said) == (world != 2)
    assert json.loads((tmp_path / "checkpoints" / "step_12" / "state.json").read_text())["ranks"] == world


def test_a_micro_batch_larger_than_a_rank_s_part(tmp_path) -> None:
    """Saved by one process with micro-batches of 8; two take all their rows, 4 each."""
    assert train(1, tmp_path, micro_batch=8, do="break", step=9) == [3]
    assert train(2, tmp_path, micro_batch=8, resume=True) == [0, 0]
    state = json.loads((tmp_path / "checkpoints" / "step_12" / "state.json").read_text())
    assert state["resolved"]["micro_batch"] == 4
    assert state["tokens"] == 12 * 8 * 16


@pytest.mark.parametrize(("victim", "launcher"), [(0, True), (1, True), (0, False)])
def test_one_killed_ends_all_with_a_message_and_resumes(tmp_path, one, victim: int, launcher: bool) -> None:
    codes = train(2, tmp_path, do="SIGKILL", step=6, rank=victim, launcher=launcher)
    assert codes[victim] == -signal.SIGKILL
    assert codes[1 - victim] == 2
    assert GONE in _words(tmp_path)[1 - victim]
    assert "--resume auto" in _words(tmp_path)[1 - victim]
    assert train(2, tmp_path, resume=True) == [0, 0]
    _assert_same(tmp_path, one)


def test_the_same_number_resumes_to_the_same_bits(tmp_path) -> None:
    assert train(2, tmp_path / "through") == [0, 0]
    assert train(2, tmp_path / "parts", do="SIGKILL", step=6, rank=1) == [2, -signal.SIGKILL]
    assert train(2, tmp_path / "parts", resume=True) == [0, 0]
    _assert_same(tmp_path / "parts", tmp_path / "through", 0.0)


def test_a_stop_asked_of_one_stops_all_at_the_same_step(tmp_path, one) -> None:
    assert train(2, tmp_path, do="SIGTERM", step=5, rank=1) == [130, 130]
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step_4", "step_6"]
    assert train(2, tmp_path, resume=True) == [0, 0]
    _assert_same(tmp_path, one)


def test_divergence_on_one_rank_is_told_once(tmp_path) -> None:
    assert train(2, tmp_path, do="diverge", step=-1) == [2, 2]
    words = "".join(_words(tmp_path))
    assert words.count("training diverged at step 7") == 1
    assert GONE not in words
    assert [line["step"] for line in _lines(tmp_path) if line["kind"] == "train"] == list(range(1, 7))


def test_an_error_of_rank_0_alone_is_told_once(tmp_path) -> None:
    assert train(2, tmp_path) == [0, 0]
    assert train(2, tmp_path) == [2, 2]  # only rank 0 looks whether there are checkpoints
    words = "".join(_words(tmp_path))
    assert words.count("already has checkpoints") == 1
    assert GONE not in words


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path) -> None:
    assert train(3, tmp_path) == [2, 2, 2]
    words = "".join(_words(tmp_path))
    assert words.count("a batch of 8 rows cannot be shared equally among 3 processes") == 1


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_number_of_steps_is_one_decision(tmp_path, schedule: str) -> None:
    """Measured speeds and clocks differ among processes, so that each by itself would end at another step.

    A cosine keeps what the dry run found, a linear schedule reviews it.
    """
    options = {"steps": 0, "minutes": 0.03, "epochs": 0.0, "micro_batch": 0, "schedule": schedule}
    assert train(2, tmp_path, uneven=True, **options, checkpoint_every=1000, eval_every=1000) == [0, 0]
    last = max((int(p.name[5:]), p) for p in (tmp_path / "checkpoints").iterdir())[1]
    state = json.loads((last / "state.json").read_text())
    assert state["resolved"]["steps"] == state["step"] > 0
    assert state["resolved"]["reviewed"] == (schedule == "linear")
    assert state["resolved"]["micro_batch"] == 4  # of each process


@pytest.mark.slow
def test_compiled(tmp_path) -> None:
    """Compiled code draws other dropout masks, but from the same seeds."""
    for world in (1, 2):
        assert train(world, tmp_path / str(world), compile=True) == [0] * world
        assert "torch.compile" in _words(tmp_path / str(world))[0]
    _assert_same(tmp_path / "2", tmp_path / "1")


@pytest.mark.slow
def test_torchrun_killed_and_resumed(tmp_path, tiny_run, tiny) -> None:
    """As a user does it: torchrun ends the job, with our message, and --resume auto brings the training to its end."""
    flags = [flag for flag in tiny if flag.startswith(("--model", "--sample")) and "size" not in flag]
    flags += ["--train.steps=60", "--train.batch-size=4", "--train.checkpoint-every=5", "--train.precision=float32"]
    flags += ["--train.optimizer=adamw", "--train.micro-batch=2", "--train.device=cpu"]
    two = ["pretrain", "--data", str(tiny_run), "--out", str(tmp_path / "two"), *flags]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "prosa"]

    with subprocess.Popen([*torchrun, *two], stderr=subprocess.PIPE, text=True) as job:
        try:
            while not (tmp_path / "two" / "base" / "checkpoints" / "step_10").is_dir():
                assert job.poll() is None
                time.sleep(0.01)
            children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
            os.kill(int(children[-1]), signal.SIGKILL)
            said = job.communicate(timeout=60)[1]
        finally:
            job.kill()
    assert job.returncode != 0
    assert said.count(GONE) == 1
    assert "the same command with --resume auto" in said
    assert not (tmp_path / "two" / "base" / "COMPLETE").exists()

    again = subprocess.run([*torchrun, *two, "--resume", "auto"], capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("going on from") == 1
    assert again.stdout.count("Model in") == 1
    assert (tmp_path / "two" / "base" / "COMPLETE").exists()
    assert main(["pretrain", "--data", str(tiny_run), "--out", str(tmp_path / "one"), *flags]) == 0
    _assert_same(tmp_path / "two" / "base", tmp_path / "one" / "base", 1e-5, step=60)


def test_other_commands_are_refused(monkeypatch, capsys) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["build", "texts", "--out", "run"]) == 2
    said = capsys.readouterr().err
    assert "prosa build runs in one process, and torchrun started 2" in said
    assert "torchrun --nproc-per-node N -m prosa pretrain" in said
