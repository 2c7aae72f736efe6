"""Preferences that a checker makes of a model's answers."""

import pytest

from prosa.align.judged import JudgedData, _ranked
from prosa.core.errors import UserError
from prosa.evaluate.tasks.registry import find_task


def test_right_answers_stand_above_wrong_ones_and_the_known_one_is_among_them():
    (problem,) = find_task("3D+").problems("train", seed=0, n=1)
    right = int(problem.answer)
    ranking = _ranked(problem, [str(right + 1), f"Dá {right}.", "", str(right + 1), str(right - 1)], 4)
    assert ranking is not None
    assert ranking.groups == ((problem.answer, f"Dá {right}."), (str(right + 1), str(right - 1)))
    assert (ranking.asked, ranking.source) == (problem.prompt, "3D+:5")
    assert ranking.pairs() == [(0, 2), (0, 3), (1, 2), (1, 3)]


def test_a_problem_without_a_wrong_answer_teaches_nothing():
    (problem,) = find_task("plurals").problems("train", seed=0, n=1)
    assert _ranked(problem, [problem.answer, ""], 0) is None
    assert _ranked(problem, [""], 0) is None


def test_what_cannot_be_asked():
    with pytest.raises(UserError, match="problems and samples must be at least 1"):
        JudgedData(problems=0, samples=0)
    with pytest.raises(UserError, match="Did you mean 'plurals'"):
        JudgedData(("plural",))
