"""--budget: a time chooses model and training over the recipe, and flags go over it."""

import pytest

from prosa.cli.command import _recipe_parts
from prosa.core.errors import UserError
from prosa.pipeline.budgets import TABLE, minutes, within
from prosa.pipeline.pretrain import pretrain
from prosa.pipeline.recipe import load_recipe


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 1.5), ("10m", 10), ("1.5h", 90), ("1,5h", 90), (" 2 M ", 2), ("60s", 1)]
)
def test_a_time_in_minutes(text: str, expected: float) -> None:
    assert minutes(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "0h", "1d", "10 minutes", "nan m"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--budget"):
        minutes(text)


@pytest.mark.parametrize("known", TABLE)
def test_each_row_is_used_at_its_time_and_near_it(known: float) -> None:
    for time in (known, known * 1.4, known / 1.4):
        found = within(load_recipe("assistant"), f"{time}m")
        assert found.train.minutes == pytest.approx(time)
        assert found.train.steps == 0
        assert {k: getattr(found.model, k) for k in TABLE[known]["model"]} == TABLE[known]["model"]
        assert {k: getattr(found.train, k) for k in TABLE[known]["train"]} == TABLE[known]["train"]
        assert found.sample == load_recipe("assistant").sample  # the rest is the recipe's


def test_the_command_line_takes_its_defaults_from_the_budget() -> None:
    parts = _recipe_parts(pretrain, ["--recipe", "assistant", "--budget", "1h", "--train.seed", "3"])
    assert parts["train"].minutes == 60
    assert parts["model"].size == TABLE[60.0]["model"]["size"]
    assert _recipe_parts(pretrain, [])["train"].minutes == 8
