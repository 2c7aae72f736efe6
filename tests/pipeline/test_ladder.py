"""``prosa ladder`` on a short story: its figures against independent ones, resuming, rungs that cannot be made."""

import io
import json
import math
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.core.files import COMPLETE, read_json
from prosa.core.language import set_language
from prosa.data.shards import TokenFolder, TokenStream
from prosa.evaluate.baselines import baseline_nats
from prosa.evaluate.masked import pseudo_losses
from prosa.models.huggingface_bert import load_masked
from prosa.models.language_model import load_language_model
from prosa.pipeline import ladder as module
from prosa.pipeline import ladder_masked
from prosa.pipeline.ladder import Ladder, ladder
from prosa.pipeline.ladder_measure import _level, held_out
from prosa.pipeline.ladder_network import batches_of, set_aside, train_config
from prosa.pipeline.ladder_rung import SIZED, make
from prosa.pipeline.ladder_rungs import RUNGS, chosen
from prosa.pipeline.ladder_size import _last, choose_size
from prosa.pipeline.ladder_text import write
from prosa.show.ladder import print_ladder

COUNTED = ("uniform", "unigram", "kn2", "kn5")
TRAINED = ("rnn", "gpt-modern")


@pytest.fixture(scope="module")
def here() -> Any:
    """Rungs are made in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_run", lambda out, name, seed: 0 if make(out, name, seed) else SIZED)
        yield patch


@pytest.fixture(scope="module")
def story(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one short story."""
    folder = tmp_path_factory.mktemp("story")
    shutil.copy(samples / "the-verdict.txt", folder)
    return folder


@pytest.fixture(scope="module")
def climbed(story: Path, tmp_path_factory: pytest.TempPathFactory, here: Any) -> Ladder:
    out = tmp_path_factory.mktemp("runs") / "ladder"
    return ladder((story,), rungs=(*COUNTED, *TRAINED), steps=4, seeds=2, out=out)


def rows(found: Ladder) -> dict[str, dict[str, Any]]:
    return {row["rung"]: row for row in found.found["rows"]}


def test_counting_is_what_evaluate_reports_on_the_same_bytes(climbed: Ladder) -> None:
    data = TokenFolder(climbed.folder / "data")
    held = held_out(data)
    train = [np.frombuffer(json.loads(line)["text"].encode(), np.uint8).astype(np.int64)
             for line in (climbed.folder / "corpus" / "train.jsonl").read_text().splitlines()]  # fmt: skip
    nats = baseline_nats(train, held.documents, vocab_size=257, end_of_text=256, units=held.units)
    for name in COUNTED:
        assert rows(climbed)[name]["bits_per_byte"] == pytest.approx(nats[name].sum() / held.bytes / math.log(2))
    assert rows(climbed)["uniform"]["bits_per_byte"] == pytest.approx(math.log2(257))
    assert rows(climbed)["kn5"]["bits_per_byte"] == pytest.approx(2.35207, abs=1e-5)
    assert rows(climbed)["kn5"]["bytes_read"] == sum(map(len, train)) == climbed.found["train"]["bytes"]


def test_every_rung_predicts_the_same_bytes(climbed: Ladder) -> None:
    held = held_out(TokenFolder(climbed.folder / "data"))
    texts = [
        json.loads(line)["text"] for line in (climbed.folder / "corpus" / "held_out.jsonl").read_text().splitlines()
    ]
    assert [bytes(ids.tolist()).decode() for ids in held.documents] == texts
    results = sorted((climbed.folder / "rungs").rglob("result.json"))
    assert len(results) == len(COUNTED) + 2 * len(TRAINED)
    assert {len(read_json(path)["nats"]) for path in results} == {len(held.lengths())}
    assert sum(held.lengths()) == climbed.found["held_out"]["measured_bytes"] == held.bytes


@pytest.mark.parametrize("name", TRAINED)
def test_a_network_s_bits_are_those_of_its_saved_model(climbed: Ladder, name: str) -> None:
    """Byte by byte: the i-th is predicted by the window that begins at the multiple of 64 that leaves it 64 behind."""
    model = load_language_model(climbed.folder / "rungs" / name / "seed-1" / "model")
    total, count = 0.0, 0
    for ids in held_out(TokenFolder(climbed.folder / "data")).documents:
        text = torch.tensor([256, *ids.tolist()])
        starts = range(0, max(1, len(text) - 1 - 64), 64)
        for n, start in enumerate(starts):
            window = text[start : start + 129]
            with torch.no_grad():
                log_p = torch.log_softmax(model(window[None, :-1]).double(), dim=-1)[0]
            mine = -log_p[torch.arange(len(window) - 1), window[1:]]
            total += float(mine[0 if n == 0 else 64 :].sum())
        count += len(ids)
    found = next(seed for seed in rows(climbed)[name]["seeds"] if seed["seed"] == 1)["bits_per_byte"]
    assert found == pytest.approx(total / count / math.log(2), rel=1e-5)


def test_a_row_sums_up_its_seeds(climbed: Ladder) -> None:
    row = rows(climbed)["rnn"]
    each = [seed["bits_per_byte"] for seed in row["seeds"]]
    assert each[0] != each[1]
    assert row["bits_per_byte"] == pytest.approx(sum(each) / 2)
    assert row["spread"] == [min(each), max(each)]
    assert row["interval"][0] < row["bits_per_byte"] < row["interval"][1]
    assert row["bytes_read"] == 4 * 16 * 128
    width, V = row["shape"]["d_model"], 257
    assert row["parameters"] == V * width + V + 2 * (width * width + width)
    assert row["flops"] == 6 * row["parameters"] * row["bytes_read"]  # the tied table is the head too
    assert rows(climbed)["kn5"]["spread"] is None
    assert rows(climbed)["kn5"]["memory"] is None or rows(climbed)["kn5"]["memory"] >= 0


def test_the_comparison_is_paired_and_in_favour_of_counting(climbed: Ladder) -> None:
    """Four steps on a short story: nothing is learnt that counting does not know better."""
    found = climbed.found["comparison"]
    assert found["counts"] == "kn5"
    best = min((rows(climbed)[name] for name in TRAINED), key=lambda row: row["bits_per_byte"])
    assert found["network"] == best["rung"]
    assert found["bits_per_byte"] == pytest.approx(best["bits_per_byte"] - rows(climbed)["kn5"]["bits_per_byte"])
    assert 0 < found["interval"][0] < found["bits_per_byte"] < found["interval"][1]


def test_the_same_steps_give_the_same_numbers(climbed: Ladder, story: Path, tmp_path: Path, here: Any) -> None:
    again = ladder((story,), rungs=("kn2,gpt-modern",), steps=4, seeds=1, out=tmp_path / "again")
    for folder in ("kn2/counted", "gpt-modern/seed-0"):
        one, two = (read_json(found.folder / "rungs" / folder / "result.json") for found in (climbed, again))
        for figures in (one, two):
            del figures["seconds"], figures["memory"]
        assert one == two


def test_resuming_keeps_what_is_finished(story: Path, tmp_path: Path, here: Any) -> None:
    out = tmp_path / "ladder"
    given = {"rungs": ("kn2", "kn3", "rnn"), "steps": 3, "seeds": 1, "out": out}
    run = module._run
    done: list[str] = []

    def stopping(out: Path, name: str, seed: int) -> int:
        done.append(name)
        return 130 if name == "kn3" and len(done) == 2 else run(out, name, seed)

    here.setattr(module, "_run", stopping)
    try:
        with pytest.raises(KeyboardInterrupt, match=r"1 of 3 are done\. Go on with --resume auto"):
            ladder((story,), **given)
        before = (out / "rungs" / "kn2" / "counted" / "result.json").stat().st_mtime_ns
        found = ladder((story,), resume="auto", **given)
        assert done == ["kn2", "kn3", "kn3", "rnn", "rnn"]  # of a network the size first
        assert (out / "rungs" / "kn2" / "counted" / "result.json").stat().st_mtime_ns == before
        assert [row["status"] for row in found.found["rows"]] == ["done"] * 3
        assert ladder((story,), resume="auto", **given).found == found.found  # complete: nothing to do
        assert len(done) == 5
        with pytest.raises(UserError, match="begun otherwise: seeds 1 -> 2"):
            ladder((story,), resume="auto", **{**given, "seeds": 2})
        with pytest.raises(UserError, match="already exists"):
            ladder((story,), **given)
    finally:
        here.setattr(module, "_run", run)


def test_a_rung_that_cannot_be_made_keeps_its_row(story: Path, tmp_path: Path, here: Any, capsys: Any) -> None:
    found = ladder((story,), budget="0.05s", rungs=("kn2", "feed-forward"), seeds=1, out=tmp_path / "small")
    row = rows(found)["feed-forward"]
    assert row["status"] == "not_made"
    assert "the budget is too small: in 0.1 s the smallest size does" in row["why"]
    assert "Give a larger --budget" in row["hint"]
    assert rows(found)["kn2"]["status"] == "done"
    assert found.found["comparison"] is None
    from prosa.show.ladder import show_ladder

    capsys.readouterr()
    show_ladder(found)
    shown = capsys.readouterr().out
    assert "feed-forward" in shown
    assert "not made" in shown
    assert "the budget is too small" in shown


def test_a_process_that_is_killed_leaves_a_row(story: Path, tmp_path: Path, here: Any) -> None:
    run = module._run
    here.setattr(module, "_run", lambda *_: -9)
    try:
        found = ladder((story,), rungs=("kn2",), out=tmp_path / "killed")
    finally:
        here.setattr(module, "_run", run)
    assert "ended with code -9" in rows(found)["kn2"]["why"]


def test_the_command_runs_rungs_in_their_own_processes(story: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "ladder"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_run", ORIGINAL)
        assert (
            main(["ladder", str(story), "--rungs", "unigram,kn2", "--out", str(out), "--json", "--lang", "pt-BR"]) == 0
        )
    told = capsys.readouterr()
    found = json.loads(told.out)
    set_language("en")
    assert [row["rung"] for row in found["rows"]] == ["unigram", "kn2"]
    assert "nada é treinado" in told.err
    assert (out / COMPLETE).is_file()
    page = (out / "ladder.html").read_text()
    assert "2-gram (KN)" in page
    assert "2-grama (KN)" in page  # both languages
    assert (out / "ladder.png").read_bytes()[:4] == b"\x89PNG"


ORIGINAL = module._run


@pytest.mark.slow
def test_ctrl_c_saves_and_the_ladder_goes_on(story: Path, tmp_path: Path) -> None:
    """The real command in the middle of a training, with the signal a terminal sends."""
    out = tmp_path / "ladder"
    command = [sys.executable, "-m", "prosa", "ladder", str(story), "--rungs", "kn2,rnn", "--seeds", "1",
               "--steps", "3000", "--out", str(out)]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    checkpoints = out / "rungs" / "rnn" / "seed-0" / "checkpoints"
    until = time.monotonic() + 120
    while not checkpoints.is_dir() and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Go on with --resume auto" in told
    assert any(checkpoints.iterdir())
    assert not (out / "rungs" / "rnn" / "seed-0" / "result.json").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--budget", "10x"], "--budget '10x' is not a time"),
        (["--budget", "0m"], "--budget '0m' is not a time"),
        (["--rungs", "gpt-modrn"], "Did you mean 'gpt-modern'"),
        (["--rungs", "lstm,kn9"], "unknown rung: 'kn9'"),
        (["--seeds", "0"], "--seeds is 0; it must be at least 1"),
        (["--steps", "-1"], "--steps is -1; it must be at least 0"),
        (["--resume", "must"], "there is nothing to resume"),
    ],
)
def test_bad_flags(story: Path, tmp_path: Path, flags: list[str], message: str, capsys: Any) -> None:
    out = tmp_path / "new"
    assert main(["ladder", str(story), "--out", str(out), *flags]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_bad_text(tmp_path: Path, capsys: Any) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["ladder", str(empty), "--out", str(tmp_path / "a")]) == 2
    assert str(empty) in capsys.readouterr().err
    assert main(["ladder", "--out", str(tmp_path / "a")]) == 2
    assert "no text given" in capsys.readouterr().err
    (empty / "short.txt").write_text("Era uma vez um menino que lia muito, e mais nada se soube dele por aqui.")
    assert main(["ladder", str(empty), "--out", str(tmp_path / "b")]) == 2
    assert "there is too little text: 72 B to learn from" in capsys.readouterr().err
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("x")
    assert main(["ladder", str(empty), "--out", str(tmp_path / "taken")]) == 2
    assert "already exists" in capsys.readouterr().err


def test_rungs_come_in_the_ladder_s_order() -> None:
    assert chosen(("lstm,kn2", "uniform")) == ("uniform", "kn2", "lstm")
    assert chosen(()) == tuple(RUNGS)


def test_text_that_is_set_aside_is_not_trained_on() -> None:
    stream = TokenStream.of_array(np.arange(250_000, dtype=np.uint32), 256)
    ours, aside = set_aside(stream)
    kept, apart = ours.tokens(0, len(ours)), aside.tokens(0, len(aside))
    assert sorted([*kept, *apart]) == list(range(250_000))
    assert len(apart) == pytest.approx(12_500, abs=2)
    assert apart[0] > 110_000  # of two pieces, the ends
    assert apart[-1] == 249_999
    assert len(set_aside(TokenStream.of_array(np.arange(18_500, dtype=np.uint32)))[1]) == 1850


def test_long_held_out_text_is_cut_evenly() -> None:
    assert _level([10, 100, 1000], 10_000) == 1000
    assert _level([10, 100, 1000], 310) == 200
    assert _level([10, 100, 1000], 90) == 40
    assert _level([5], 2) == 2


def test_the_largest_size_that_fits() -> None:
    for count in range(1, 9):
        for fitting in range(count + 1):
            assert _last(lambda i, fitting=fitting: i < fitting, count) == max(0, fitting - 1)


def test_bytes_are_drawn_by_the_same_numbers_for_every_model() -> None:
    def half(ids: list[int]) -> Any:
        p = np.zeros(257)
        p[[ord("a"), ord("b"), 256]] = 0.25, 0.25, 0.5  # the end of a text is never drawn
        return p

    draws = np.random.default_rng(7).random(12)
    assert write(half, "x", end_of_text=256, seed=7, length=12) == "".join("ab"[int(d >= 0.5)] for d in draws)
    p = np.zeros(257)
    p["é".encode()[0]] = 1.0
    assert write(lambda ids: p, "", end_of_text=256, seed=0, length=2) == "��"


@pytest.mark.parametrize(("steps", "text", "width"), [(5, 18_500, 64), (500, 18_500, 128), (500, 10_000_000, 256)])
def test_sizes_read_four_bytes_a_parameter_of_at_most_sixteen_passes(steps: int, text: int, width: int) -> None:
    """By hand: an RNN has 257 C + 257 + 2 (C² + C) parameters: 66,177 at 128, 123,713 at 192; 197,633 at 256, 394,497
    at 384. 500 steps are 1,024,000 bytes, sixteen passes of 18,500 are 296,000."""
    rung = RUNGS["rnn"]
    batches = batches_of(RUNGS["rnn"], TokenStream.of_array(np.zeros(5000, dtype=np.uint32)), seed=0)
    config = train_config(rung, seed=0, seconds=60.0, steps=steps, device="cpu", per_pass=1)
    found = choose_size(rung, batches, text, 257, config)
    assert found.shape["d_model"] == width
    assert found.parameters == 257 * width + 257 + 2 * (width * width + width)


def test_what_reads_both_ways_stands_apart(story: Path, tmp_path: Path, here: Any) -> None:
    here.setattr(ladder_masked, "MOST_BYTES", 600)
    found = ladder((story,), rungs=("kn2", "rnn", "bert"), steps=3, seeds=1, out=tmp_path / "both")
    row = rows(found)["bert"]
    assert (row["kind"], row["status"], row["measured_bytes"]) == ("masked", "done", 600)
    assert found.found["comparison"]["network"] == "rnn"
    model = load_masked(found.folder / "rungs" / "bert" / "seed-0" / "model").eval()
    text = held_out(TokenFolder(found.folder / "data"), 600).documents[0]
    (nats,) = pseudo_losses(model, [text[:128]], mask=ladder_masked.MASK)
    for place in (0, 77, 127):  # told from what is before and after it, itself hidden
        hidden = torch.tensor(text[None, :128].copy())
        hidden[0, place] = ladder_masked.MASK
        with torch.no_grad():
            log_p = model(hidden)[0, place].log_softmax(-1)
        assert nats[place] == pytest.approx(-float(log_p[text[place]]), abs=1e-4)
    p = ladder_masked.distribution_of(model)([256, 79])
    assert p.shape == (257,)
    shown = io.StringIO()
    print_ladder(found.to_json(), Console(file=shown, width=200))
    assert "a pseudo-likelihood of 600 B" in shown.getvalue()
