"""``prosa build`` with stages after pretraining: the same as those stages one by one, resumed and told."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

from prosa.cli.main import main

FLAGS = """
    --stages sft reward rl --tasks.names plurals 2D+ --tasks.problems 40 --tasks.tools
    --sft.steps 6 --sft.batch-size 4 --judged.problems 4 --judged.samples 2 --reward.steps 2
    --rl-tasks 2D+ --rl.steps 2 --rl.replies 8 --rl.group 4 --rl.max-tokens 24 --rl.eval-prompts 4 --rl.workers 1
    --rl.max-unfinished 1
    --gains.problems 6 --conversations
"""
STAGES = FLAGS.split()


@pytest.fixture(scope="module")
def talks(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("talks") / "talks.jsonl"
    path.write_text(json.dumps({"instruction": "Oi", "output": "Olá!"}) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def text(tiny, samples) -> list[str]:
    """A tiny build whose context holds a question with its tools."""
    flags = [flag for flag in tiny if not flag.startswith("--model.context")]
    return [str(samples / "machado"), *flags, "--model.context=320"]


@pytest.fixture(scope="module")
def built(text, talks, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("assistant") / "run"
    assert main(["build", *text, "--out", str(run), *STAGES, str(talks)]) == 0
    return run


def test_every_stage_is_there_and_what_each_gained(built) -> None:
    assert {path.parent.name for path in built.glob("*/COMPLETE")} >= {"base", "sft", "reward", "rl"}
    found = json.loads((built / "gains.json").read_text(encoding="utf-8"))
    assert [stage["stage"] for stage in found["stages"]] == ["base", "sft", "rl"]
    assert {row["task"] for row in found["rows"]} == {"plurals", "2D+", "all"}
    assert set(found["win_rates"]) == {"verifier", "reward"}
    page = (built / "report.html").read_text(encoding="utf-8")
    assert "What each stage gained" in page


def test_the_recipe_of_the_run_holds_all_that_was_settled(built, talks) -> None:
    recipe = yaml.safe_load((built / "recipe.yaml").read_text(encoding="utf-8"))
    assert recipe["stages"] == ["sft", "reward", "rl"]
    assert recipe["conversations"] == [talks.as_posix()]
    assert (recipe["sft"]["steps"], recipe["reward"]["steps"], recipe["rl"]["steps"]) == (6, 2, 2)
    assert recipe["sft"]["precision"] != "auto"


def test_a_stage_of_it_is_the_stage_alone(built, talks, tmp_path) -> None:
    alone = ["--tasks.names", "plurals", "2D+", "--tasks.problems", "40", "--tasks.tools"]
    alone += ["--sft.steps", "6", "--sft.batch-size", "4", "--data", str(talks)]
    assert main(["sft", str(built), "--out", str(tmp_path), *alone]) == 0
    ours, theirs = (load_file(run / "sft" / "model.safetensors") for run in (tmp_path, built))
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_resuming_does_only_what_is_missing(built, talks, text, tmp_path, capsys) -> None:
    run = shutil.copytree(built, tmp_path / "run")
    before = load_file(run / "rl" / "model.safetensors")
    for name in ("rl", "sft"):  # their configurations name the run that was copied
        path = run / name / "config.resolved.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace(built.as_posix(), run.as_posix()), encoding="utf-8")
    path = run / "reward" / "config.resolved.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(built.as_posix(), run.as_posix()), encoding="utf-8")
    shutil.rmtree(run / "rl")
    gained = (run / "gains.json").stat().st_mtime_ns
    again = ["build", *text, "--out", str(run), *STAGES, str(talks), "--resume", "auto"]
    assert main(again) == 0
    after = load_file(run / "rl" / "model.safetensors")
    assert all((before[name] == after[name]).all() for name in before)
    measured = (run / "gains.json").stat().st_mtime_ns
    assert measured > gained
    capsys.readouterr()
    assert main(again) == 0
    assert (run / "gains.json").stat().st_mtime_ns == measured
    assert capsys.readouterr().err.count("is complete; nothing to do") == 4


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--stages", "sft"], "the stage sft has nothing to learn from"),
        (["--stages", "reward", "--conversations", "a.jsonl"], "the stage reward has nothing to learn from"),
        (["--stages", "rl", "--preferences", "a.jsonl"], "the stage rl has nothing to learn from"),
        (["--stages", "sft", "--conversations", "no.jsonl"], "no.jsonl is not a file"),
        (["--stages", "rl", "--rl-tasks", "plurais"], "unknown task: 'plurais'"),
        (["--stages", "dpo", "--preferences", "no.jsonl"], "no.jsonl is not a file"),
    ],
)
def test_what_cannot_be_built_is_told_before_anything_is_made(flags, message, text, tmp_path, capsys) -> None:
    assert main(["build", *text, "--out", str(tmp_path / "run"), *flags]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
