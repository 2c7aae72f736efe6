"""``prosa gains``: stages that know nothing, half and all of a task by heart, on the same problems."""

import json
import shutil
from pathlib import Path

import pytest

from prosa.cli.main import main
from prosa.core.interval import paired_difference, wilson
from prosa.core.language import speaking
from prosa.pipeline.gains import gains
from prosa.pipeline.run import GAINS
from prosa.show.gains import show_gains

STAGES = ["base", "sft", "rl"]
ASKED = {"tasks": ("plurals", "2D+"), "problems": 16, "device": "cpu"}


@pytest.fixture(scope="module")
def run(by_heart, tmp_path_factory) -> Path:
    return shutil.copytree(by_heart, tmp_path_factory.mktemp("gains") / "mine")


@pytest.fixture(scope="module")
def found(run) -> dict:
    made = gains(run, **ASKED).to_json()
    assert json.loads((run / GAINS).read_text(encoding="utf-8")) == json.loads(json.dumps(made))
    return json.loads((run / GAINS).read_text(encoding="utf-8"))


def right(found: dict, task: str) -> dict[str, int]:
    return {row["stage"]: row["right"] for row in found["rows"] if row["task"] == task}


def test_scores_and_differences_of_each_stage(found) -> None:
    assert [stage["stage"] for stage in found["stages"]] == STAGES
    assert [stage["form"] for stage in found["stages"]] == ["plain", "chat", "chat"]
    known = right(found, "plurals")
    assert (known["base"], known["rl"]) == (0, 16)
    assert 8 <= known["sft"] <= 12  # the half that it was taught, and what it guesses
    assert set(right(found, "2D+").values()) == {0}
    assert right(found, "all") == known
    for row in found["rows"]:
        n = 32 if row["task"] == "all" else 16
        assert (row["n"], row["score"], row["seed"]) == (n, row["right"] / n, 0)
        assert row["interval"] == pytest.approx(wilson(row["right"], n))
    lines = {(line["stage"], line["task"]): line for line in found["differences"]}
    assert set(lines) == {(stage, task) for stage in ("sft", "rl") for task in ("all", "plurals", "2D+")}
    assert [line["before"] for line in found["differences"]] == ["base"] * 3 + ["sft"] * 3
    assert lines["rl", "plurals"]["difference"] == (16 - known["sft"]) / 16
    assert lines["sft", "all"]["interval"] == pytest.approx(paired_difference(known["sft"], 0, 32))
    assert found["verdicts"]["sft"] == lines["sft", "all"]["verdict"] == "gained"
    assert lines["rl", "2D+"]["verdict"] == "no measurable gain"


def test_win_rates_ratings_and_diversity(found) -> None:
    (rates,) = found["win_rates"].values()
    known = right(found, "plurals")
    pairs = {(rate["first"], rate["second"]): rate for rate in rates}
    assert set(pairs) == {("rl", "sft"), ("rl", "base"), ("sft", "base")}
    assert (pairs["rl", "base"]["wins"], pairs["rl", "base"]["ties"]) == (16, 16)
    assert pairs["rl", "sft"]["wins"] == 16 - known["sft"]
    for kind in ("bradley_terry", "elo"):
        order = [rating["model"] for rating in found["ratings"]["verifier"][kind]]
        assert order == ["rl", "sft", "base"]
    assert found["ratings"]["verifier"]["prompts"] == 32
    varied = found["diversity"]
    assert (varied["before"], varied["after"], varied["samples"], varied["prompts"]) == ("base", "rl", 4, 32)
    for figure in varied["figures"].values():
        assert figure["change"]["value"] == pytest.approx(figure["after"]["value"] - figure["before"]["value"])
    assert varied["figures"]["distinct-1"]["change"]["interval"][1] < 0  # what is known by heart varies least


def test_the_same_ten_prompts_answered_by_every_stage(found) -> None:
    assert len(found["answers"]) == 10
    assert [line["task"] for line in found["answers"]].count("plurals") == 5
    for line in found["answers"]:
        assert list(line["replies"]) == STAGES
        if line["task"] == "plurals":
            assert line["replies"]["rl"] == {"text": line["answer"], "right": True}
    assert len({line["prompt"] for line in found["answers"]}) == 10


def test_the_same_seed_gives_the_same_and_another_other_problems(run, found) -> None:
    again = gains(run, **ASKED).to_json()
    assert json.loads(json.dumps(again)) == found
    other = gains(run, **ASKED, seed=1).to_json()
    prompts = [{line["prompt"] for line in each["answers"]} for each in (found, other)]
    assert prompts[0] != prompts[1]


def test_the_tables_tell_it_in_both_languages(run, capsys) -> None:
    argv = ["gains", str(run), "--tasks", "plurals", "--problems", "16"]
    assert main([*argv, "--answers"]) == 0
    out = capsys.readouterr().out
    assert "plurals, n = 16" in out
    assert "100.0% (80.6% – 100.0%)" in out
    assert "all tasks, n" not in out  # of one task it is the same
    assert "sft is better than base: +" in out
    assert "  ✓ rl " in out
    assert "Judged by verifier on 16 prompts" in out
    assert main([*argv, "--lang", "pt-BR"]) == 0
    out = capsys.readouterr().out
    assert "sft é melhor que base: +" in out
    assert "100,0% (80,6% – 100,0%)" in out
    assert "Diversidade de 4 amostras em cada um de 16 prompts" in out


def test_a_stage_that_is_no_better_is_said_to_be_so(by_heart, tmp_path, capsys) -> None:
    for stage, source in (("base", "base"), ("sft", "rl"), ("dpo", "rl"), ("rl", "base")):
        shutil.copytree(by_heart / source, tmp_path / stage)
    (tmp_path / "dpo" / "config.resolved.yaml").write_text("model: elsewhere/sft\n")
    (tmp_path / "rl" / "config.resolved.yaml").write_text(f"model: {tmp_path / 'sft'}\n")
    made = gains(tmp_path, **ASKED | {"tasks": ("plurals",)})
    assert [(gain.stage, gain.before, gain.verdict) for gain in made.differences] == [
        ("sft", "base", "gained"),
        ("dpo", "sft", "no measurable gain"),
        ("rl", "sft", "worse"),
    ]
    with speaking("en"):
        show_gains(made)
    out = capsys.readouterr().out
    assert "dpo has no measurable gain over sft: 0.0 percentage points" in out
    assert "rl is worse than sft: -100.0 percentage points" in out


def test_tools_are_for_the_stages_after_base(run) -> None:
    made = gains(run, **ASKED | {"tasks": ("plurals",)}, tools=True)
    assert [stage.scores[0].too_long for stage in made.stages] == [0, 16, 16]


def test_one_stage_alone_has_scores_and_nothing_to_compare(by_heart, tmp_path) -> None:
    shutil.copytree(by_heart / "base", tmp_path / "base")
    made = gains(tmp_path, **ASKED).to_json()
    assert (made["differences"], made["win_rates"], made["diversity"]) == ([], {}, None)
    assert len(made["answers"]) == 10


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["nowhere"], "nowhere has no finished stage"),
        (["RUN", "--tasks", "plural"], "Did you mean 'plurals'"),
        (["RUN", "--problems", "0"], "at least 1"),
        (["RUN", "--problems-file", "none.jsonl"], "none.jsonl is not a file"),
    ],
)
def test_mistakes_are_told_before_anything_is_computed(by_heart, argv, told, capsys) -> None:
    assert main(["gains", *[word.replace("RUN", str(by_heart)) for word in argv]]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "answering" not in error
    assert not (by_heart / GAINS).exists()
