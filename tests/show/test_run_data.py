import json
from pathlib import Path

import pytest
from fake_run import STEPS, VOCABULARY, metrics

from prosa.core.errors import UserError
from prosa.show.load import Problem, figure, load_run


def test_it_reads_every_part(run_folder: Path) -> None:
    run = load_run(run_folder)
    assert run.name == "meu-machado"
    assert run.parameters == VOCABULARY * 384 + 7
    assert [len(part) for part in (run.train, run.validation, run.samples)] == [401, 9, 6]
    assert run.train[-1]["step"] == STEPS
    assert len(run.held_out) == 4
    assert run.tokenizer == run_folder / "tokenizer"
    assert run.recipe_file == run_folder / "recipe.yaml"
    assert run.complete
    assert run.problems == []


def test_a_torn_line_is_noted_and_the_others_stay(run_folder: Path) -> None:
    path = run_folder / "base/metrics.jsonl"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:10]) + b"\xff\xfe{]\n" + b"".join(lines[10:-1]) + lines[-1][:-9])
    run = load_run(run_folder)
    n = len(metrics())
    assert len(run.train) + len(run.validation) + len(run.samples) == n - 1
    assert run.problems == [Problem("base/metrics.jsonl", 11), Problem("base/metrics.jsonl", n + 1)]


def test_lines_without_a_step_or_of_other_kinds_are_passed_over(run_folder: Path) -> None:
    lines = [
        {"kind": "train"},
        {"kind": "reward", "step": 3},
        {"kind": "train", "step": "x"},
        {"kind": "train", "step": 7},
    ]
    (run_folder / "base/metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert load_run(run_folder).train == [{"kind": "train", "step": 7}]


def test_a_bare_model_folder_is_a_run_too(run_folder: Path) -> None:
    run = load_run(run_folder / "base")
    assert len(run.train) == 401
    assert run.parameters == VOCABULARY * 384 + 7
    assert run.tokenizer == run_folder / "base"
    assert run.corpus is None


def test_an_unfinished_model_is_not_complete(run_folder: Path) -> None:
    (run_folder / "base/COMPLETE").unlink()
    assert not load_run(run_folder).complete


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run folder"):
        load_run(tmp_path / "nowhere")


@pytest.mark.parametrize("value", [None, True, "3", float("nan"), float("inf"), [1], {}])
def test_figure_wants_a_finite_number(value: object) -> None:
    assert figure({"a": {"b": value}}, "a", "b") is None
    assert figure({"a": {"b": 2.5}}, "a", "b") == 2.5
    assert figure(value, "a") is None
