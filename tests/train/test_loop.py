"""The loop: it learns, it resumes to the same bits, it stops when it must."""

import json
import math
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prosa.core.errors import UserError
from prosa.core.files import sha256
from prosa.data.batches import Batch
from prosa.train.loop import TrainingDiverged
from prosa.train.metrics import MetricsLog, read_metrics
from prosa.train.objectives import NextToken
from prosa.train.schedules import learning_rate_factor


def _end(folder: Path, step: int) -> tuple[str, str]:
    last = folder / "checkpoints" / f"step_{step}"
    return sha256(last / "model.safetensors"), sha256(last / "optimizer.safetensors")


def _lines(folder: Path, kind: str = "train") -> list[dict]:
    clock = ("seconds", "tokens_per_second", "share_of_peak")
    lines = [line for line in read_metrics(folder / "metrics.jsonl") if line["kind"] == kind]
    return [{k: v for k, v in line.items() if k not in clock} for line in lines]


class _Stop(Exception):
    pass


class _StopAt:
    """Batches that break off at a step, as a kill does."""

    def __init__(self, batches, step: int) -> None:
        self.batches, self.step = batches, step

    def at(self, step: int) -> Batch:
        if step == self.step:
            raise _Stop
        return self.batches.at(step)


class _SameBatch:
    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def at(self, step: int) -> Batch:
        return self.batch


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_small_batch_is_learned_by_heart(tmp_path, run, make, make_batches, make_settings, optimizer: str) -> None:
    ids = torch.randint(0, 61, (4, 17), generator=torch.Generator().manual_seed(0))
    same = _SameBatch(Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous()))
    config = make_settings(
        steps=150, batch_size=4, optimizer=optimizer, lr=1e-2, checkpoint_every=1000, schedule="linear", min_lr=0.0
    )
    result = run(tmp_path, config, model=make(), batches=same)
    first = _lines(tmp_path)[0]
    assert first["loss"] == pytest.approx(math.log(61), abs=0.1)
    assert result.train["loss"] < 0.1
    assert result.tokens == 150 * 4 * 16
    assert {p.name for p in (tmp_path / "checkpoints").iterdir()} == {"step_0", "step_150"}


@pytest.mark.parametrize("options", [{}, {"optimizer": "muon", "micro_batch": 2}, {"precision": "bfloat16"}])
def test_resumed_is_uninterrupted_bit_for_bit(tmp_path, run, make_batches, make_settings, options) -> None:
    config = make_settings(eval_every=3, **options)

    def validate(model: torch.nn.Module, step: int) -> dict[str, float]:
        assert not model.training
        assert not torch.is_grad_enabled()
        torch.rand(step)  # may draw as it likes
        return {"loss": float(sum(p.double().sum() for p in model.parameters()))}

    run(tmp_path / "through", config, validate=validate)
    for stop in (2, 7, 11):  # in checkpoints' terms: after 0, 4 and 8
        with pytest.raises(_Stop):
            batches = _StopAt(make_batches(), stop)
            run(tmp_path / "parts", config, batches=batches, resume=True, validate=validate)
    result = run(tmp_path / "parts", config, resume=True, validate=validate)
    assert result.resumed_from == 8
    assert _end(tmp_path / "parts", 12) == _end(tmp_path / "through", 12)
    assert _lines(tmp_path / "parts") == _lines(tmp_path / "through")
    assert [line["step"] for line in _lines(tmp_path / "parts")] == list(range(1, 13))
    assert _lines(tmp_path / "parts", "validation") == _lines(tmp_path / "through", "validation")
    assert [line["step"] for line in _lines(tmp_path / "through", "validation")] == [0, 3, 6, 9, 12]


def test_looking_changes_nothing(tmp_path, run, make_settings) -> None:
    run(tmp_path / "plain", make_settings(checkpoint_every=1000))
    looks = {
        "validate": lambda m, s: {"loss": float(torch.rand(()))},
        "sample": lambda m, s: [{"text": "ç", "prompt": ""}],
    }
    run(tmp_path / "looked", make_settings(eval_every=1, sample_every=2, checkpoint_every=1), **looks)
    assert _end(tmp_path / "plain", 12) == _end(tmp_path / "looked", 12)
    assert _lines(tmp_path / "looked", "sample") == [
        {"kind": "sample", "step": s, "text": "ç", "prompt": ""} for s in range(0, 13, 2)
    ]


def test_the_dry_run_changes_nothing(make, make_batches, make_settings) -> None:
    from prosa.train.dry_run import dry_run
    from prosa.train.optimizers import Optimizer

    model, config = make(dropout=0.1).train(), make_settings(precision="auto")
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = Optimizer(model, config)
    generator = torch.get_rng_state()
    ready = dry_run(model, NextToken(50), make_batches().at(0), optimizer, config, 0, 40, None)
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(before[name], p) and p.grad is None for name, p in model.named_parameters())
    assert optimizer.state() == {}
    assert ready.tokens_per_second > 0
    assert ready.resolved.micro_batch == 8


def test_metrics_have_the_contract_s_fields(tmp_path, run, make_settings) -> None:
    config = make_settings(log_every=5, warmup=0.5)
    result = run(tmp_path, config)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == [5, 10, 12]
    fields = "kind step loss lr grad_norm tokens tokens_per_second seconds share_of_peak"
    assert all(list(line) == fields.split() for line in lines)
    assert [line["lr"] for line in lines] == [config.lr * learning_rate_factor(s, config) for s in (5, 10, 12)]
    assert [line["tokens"] for line in lines] == [5 * 128, 10 * 128, 12 * 128]
    assert all(0 < line["share_of_peak"] < 1 for line in lines)
    assert (result.steps, result.resumed_from, result.train) == (12, None, lines[-1])


def test_a_finished_run_resumes_to_itself(tmp_path, run, make_settings) -> None:
    first = run(tmp_path, validate=lambda m, s: {"loss": 1.5})
    content = (tmp_path / "metrics.jsonl").read_bytes()
    again = run(tmp_path, resume=True, validate=lambda m, s: {"loss": 9.9})
    assert (again.steps, again.resumed_from, again.validation) == (
        12,
        12,
        {"kind": "validation", "step": 12, "loss": 1.5},
    )
    assert again.train == first.train
    assert (tmp_path / "metrics.jsonl").read_bytes() == content


def test_checkpoints_are_not_overwritten_by_a_new_run(tmp_path, run) -> None:
    run(tmp_path)
    with pytest.raises(UserError, match="already has checkpoints"):
        run(tmp_path)


def test_other_data_is_refused(tmp_path, run) -> None:
    run(tmp_path)
    with pytest.raises(UserError, match="the text of the corpus changed"):
        run(tmp_path, resume=True, data_fingerprint="tokenizer=t;corpus=OTHER;mixture=m")


def test_changed_settings_are_named(tmp_path, run, make_settings, capsys) -> None:
    run(tmp_path)
    with pytest.raises(UserError, match="trained with adamw, not muon"):
        run(tmp_path, make_settings(optimizer="muon"), resume=True)
    run(tmp_path, make_settings(steps=14, lr=1e-4, log_every=2), resume=True)
    assert "settings changed since step_12: lr (0.003 -> 0.0001), steps (12 -> 14)." in capsys.readouterr().err
    run(tmp_path, make_settings(steps=14, lr=1e-4), resume=True)
    assert "settings changed" not in capsys.readouterr().err


def test_what_auto_became_is_kept(tmp_path, run, make_batches, make_settings, monkeypatch) -> None:
    config = make_settings(precision="auto")
    monkeypatch.setattr("prosa.train.dry_run._way", lambda *_: ("bfloat16", 1))
    with pytest.raises(_Stop):
        run(tmp_path, config, batches=_StopAt(make_batches(), 6))
    monkeypatch.setattr("prosa.train.dry_run._way", lambda *_: ("float32", 1))
    assert run(tmp_path, config, resume=True).resolved.precision == "bfloat16"


def test_another_model_is_refused(tmp_path, run, make) -> None:
    run(tmp_path)
    with pytest.raises(UserError, match=r"another model: n_layer \(2 -> 3\)"):
        run(tmp_path, model=make(n_layer=3, dropout=0.1), resume=True)
    with pytest.raises(UserError, match=r"another model: rope_theta \(10000.0 -> 500.0\)"):
        run(tmp_path, model=make(rope_theta=500.0, dropout=0.1), resume=True)  # the weights' shapes are the same


def test_batches_of_another_size_are_refused(tmp_path, run, make_batches) -> None:
    with pytest.raises(UserError, match=r"batches have 4 sequences, but train\.batch_size is 8"):
        run(tmp_path, batches=make_batches(4))


class _Breaks:
    """NextToken whose loss or gradient goes bad at the n-th call of training."""

    def __init__(self, how: str, step_of_break: float) -> None:
        self.how, self.inner, self.bad_inputs = how, NextToken(), step_of_break

    def __call__(self, model, batch):
        total, count, extra = self.inner(model, batch)
        if torch.equal(batch.inputs[0], self.bad_inputs):
            if self.how == "loss":
                total = total * float("nan")
            else:
                total.register_hook(lambda g: g * float("inf"))
        return total, count, extra


@pytest.mark.parametrize("how", ["loss", "gradient"])
def test_divergence_stops_before_the_optimizer_step(tmp_path, run, make, make_batches, how: str) -> None:
    model = make(dropout=0.1)
    objective = _Breaks(how, make_batches().at(6).inputs[0])
    with pytest.raises(TrainingDiverged, match=r"diverged at step 7") as caught:
        run(tmp_path, model=model, objective=objective)
    assert str(tmp_path / "checkpoints" / "step_4") in str(caught.value)
    assert "Lower lr" in caught.value.hint
    assert all(p.isfinite().all() for p in model.parameters())
    assert [line["step"] for line in _lines(tmp_path)] == list(range(1, 7))
    run(tmp_path, resume=True)  # the checkpoint is good
    assert _lines(tmp_path)[-1]["step"] == 12


def test_activation_checkpointing_gives_the_same_and_keeps_less(
    make, make_batches, make_settings, run, tmp_path
) -> None:
    from prosa.train.memory import activations
    from prosa.train.wrapping import recomputing

    model, batch = make(n_layer=6), make_batches().at(0)
    plain = activations(model, NextToken(), batch, "float32")
    with recomputing(model, True):
        less = activations(model, NextToken(), batch, "float32")
    assert less < plain / 3
    assert all("forward" not in vars(block) for block in model.blocks)
    for on in (False, True):
        run(tmp_path / str(on), make_settings(activation_checkpointing=on))
    assert _end(tmp_path / "True", 12) == _end(tmp_path / "False", 12)


def test_too_little_memory_is_refused_with_advice(tmp_path, run, make_settings, monkeypatch) -> None:
    monkeypatch.setattr("prosa.train.dry_run.free_memory", lambda _: 1000)
    with pytest.raises(UserError, match=r"gradients and optimizer state take .* only 1\.0 kB are free"):
        run(tmp_path / "a")
    monkeypatch.setattr("prosa.train.dry_run.free_memory", lambda _: 3_000_000)
    config = make_settings(batch_size=64, micro_batch=64)
    with pytest.raises(UserError, match=r"will not fit: .* micro-batches of 64") as caught:
        run(tmp_path / "b", config)
    advice = re.search(r"Set micro_batch to (\d+)", caught.value.hint)
    assert advice is not None
    fits = int(advice[1])
    assert not (tmp_path / "b" / "checkpoints").exists()
    with pytest.raises(UserError, match=f"micro-batches of {2 * fits}"):
        run(tmp_path / "b", replace(config, micro_batch=2 * fits))
    assert run(tmp_path / "c", replace(config, micro_batch=0, steps=2)).resolved.micro_batch == fits


def test_a_torn_last_line_of_metrics_is_dropped(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"kind":"train","step":1}\n{"kind":"train","step":2}\n{"kind":"tra', encoding="utf-8")
    assert [line["step"] for line in read_metrics(path)] == [1, 2]
    with MetricsLog(path, 1) as log:
        log.write("train", 2, loss=float("nan"))
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == [
        {"kind": "train", "step": 1},
        {"kind": "train", "step": 2, "loss": None},
    ]
    path.write_text('{"kind":"train","step":1}\nnot json\n{"kind":"train","step":2}\n', encoding="utf-8")
    with pytest.raises(UserError, match="line 2"):
        read_metrics(path)


class _Signals:
    """Batches that send this process a signal, some times, while step 6 is made."""

    def __init__(self, batches, number: int, times: int) -> None:
        self.batches, self.number, self.times = batches, number, times

    def at(self, step: int) -> Batch:
        for _ in range(self.times if step == 5 else 0):
            os.kill(os.getpid(), self.number)
        return self.batches.at(step)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_saves_at_the_step_s_end(tmp_path, run, make_batches, make_settings, number: int, capsys) -> None:
    config, handlers = (
        make_settings(checkpoint_every=1000),
        [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)],
    )
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", config, batches=_Signals(make_batches(), number, 1))
    assert "stopped; saved" in capsys.readouterr().err
    assert {p.name for p in (tmp_path / "parts/checkpoints").iterdir()} == {"step_0", "step_6"}
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    run(tmp_path / "parts", config, resume=True)
    run(tmp_path / "through", config)
    assert _end(tmp_path / "parts", 12) == _end(tmp_path / "through", 12)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_a_second_interrupt_does_not_wait_for_the_save(tmp_path, run, make_batches, make_settings) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, make_settings(checkpoint_every=1000), batches=_Signals(make_batches(), signal.SIGINT, 2))
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step_0"]


_CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import settings, tiny_batches, train
class Slow:
    def at(self, step):
        if step == 5:
            print("ready", flush=True)
            time.sleep(0.5)
        return tiny_batches().at(step)
try:
    train(Path(sys.argv[1]), settings(checkpoint_every=1000), batches=Slow())
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_from_outside(tmp_path) -> None:
    command = [sys.executable, "-c", _CHILD, str(tmp_path), str(Path(__file__).parent)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PROSA_LANG": "en"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        errors = child.communicate(timeout=60)[1]
        assert child.returncode == 130, errors
    assert f"stopped; saved {tmp_path / 'checkpoints' / 'step_6'}" in errors


def test_without_a_compiler_training_goes_on(tmp_path, run, make_settings, monkeypatch, capsys) -> None:
    monkeypatch.setattr("prosa.train.dry_run.missing_for_compile", lambda _: "g++ / clang++")
    result = run(tmp_path / "asked", make_settings(compile=True))
    assert result.resolved.compile is False
    assert "torch.compile is off: it needs a C++ compiler that works (g++ / clang++)" in capsys.readouterr().err
    run(tmp_path / "plain", make_settings())
    assert _end(tmp_path / "asked", 12) == _end(tmp_path / "plain", 12)


def test_a_compiler_that_fails_is_no_worse_than_none(tmp_path, run, make_settings, monkeypatch, capsys) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("g++: internal error\nand more")

    monkeypatch.setattr("prosa.train.dry_run.missing_for_compile", lambda _: None)
    monkeypatch.setattr("prosa.train.wrapping.torch.compile", broken)
    assert run(tmp_path, make_settings(compile=True)).resolved.compile is False
    assert "that works (g++: internal error)" in capsys.readouterr().err


@pytest.mark.slow
def test_compiled_training_learns_the_same_and_resumes(tmp_path, run, make_batches, make_settings) -> None:
    config = make_settings(compile=True)
    if not run(tmp_path / "through", config, model=None).resolved.compile:
        pytest.skip("no C++ compiler")
    with pytest.raises(_Stop):
        run(tmp_path / "parts", config, batches=_StopAt(make_batches(), 7))
    run(tmp_path / "parts", config, resume=True)
    assert _end(tmp_path / "parts", 12) == _end(tmp_path / "through", 12)
