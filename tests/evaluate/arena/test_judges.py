"""Verifiers and scores as judges, and a contest before one."""

import math

import pytest

from prosa.core.errors import UserError
from prosa.evaluate.arena.comparison import Comparison
from prosa.evaluate.arena.contest import Contest, hold_contest
from prosa.evaluate.arena.judges import ScoreJudge, Verdict, VerifierJudge

SUMS = {"p1": "1+1", "p2": "2+3"}


def is_right(prompt, answer):
    return answer == str(sum(map(int, prompt.split("+"))))


def test_a_verifier():
    judge = VerifierJudge(is_right)
    found = [judge.compare("1+1", *answers).winner for answers in (("2", "3"), ("3", "2"), ("2", "2"), ("0", "1"))]
    assert found == ["first", "second", "tie", "tie"]


def test_a_score_with_its_margin():
    judge = ScoreJudge(lambda prompt, answers: [float(a) for a in answers], margin=0.5)
    answers = (("2", "1"), ("1", "2"), ("1", "1.5"), ("1.5", "1"), ("1", "1.51"))
    found = [judge.compare("", *pair).winner for pair in answers]
    assert found == ["first", "second", "tie", "tie", "second"]
    assert ScoreJudge(lambda prompt, answers: [1.0, 1.0]).compare("", "x", "y").winner == "tie"


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_an_error(score):
    with pytest.raises(UserError, match=r"reward gave the scores 1\.0 and (nan|inf)"):
        ScoreJudge(lambda prompt, answers: [1.0, score]).compare("", "x", "y")


@pytest.mark.parametrize("margin", [-1.0, math.nan])
def test_a_margin_below_zero(margin):
    with pytest.raises(UserError, match="must be at least 0"):
        ScoreJudge(lambda prompt, answers: [0, 0], margin=margin)


def test_a_contest_is_every_pair_on_every_prompt():
    answers = {"base": {"p1": "1", "p2": "1"}, "sft": {"p1": "2", "p2": "1"}, "rl": {"p1": "2", "p2": "5"}}
    found = hold_contest(VerifierJudge(is_right, "sums"), SUMS, answers)
    expected = [
        Comparison("p1", "base", "sft", "second", "sums"),
        Comparison("p1", "base", "rl", "second", "sums"),
        Comparison("p1", "sft", "rl", "tie", "sums"),
        Comparison("p2", "base", "sft", "tie", "sums"),
        Comparison("p2", "base", "rl", "second", "sums"),
        Comparison("p2", "sft", "rl", "second", "sums"),
    ]
    assert found == Contest(tuple(expected))
    assert found.flip_rate is None


class Recorder:
    name = "recorder"

    def __init__(self, verdicts):
        self.verdicts, self.asked = verdicts, []

    def compare(self, prompt, a, b):
        self.asked.append((prompt, a, b))
        return self.verdicts[len(self.asked) - 1]


def test_the_same_answer_twice_is_a_tie_and_nobody_is_asked():
    judge = Recorder([Verdict("first", flipped=False)])
    found = hold_contest(judge, SUMS, {"x": {"p1": "2", "p2": "4"}, "y": {"p1": "2", "p2": "5"}})
    assert judge.asked == [("2+3", "4", "5")]
    assert [c.winner for c in found.comparisons] == ["tie", "first"]
    assert (found.both_orders, found.flips) == (1, 0)


def test_flips_and_missing_verdicts_are_counted():
    verdicts = [Verdict("tie", True), Verdict("first", False), Verdict(None, None, ("?", "!")), Verdict("tie", True)]
    ids = [str(i) for i in range(4)]
    answers = {"x": dict.fromkeys(ids, "1"), "y": dict.fromkeys(ids, "2")}
    found = hold_contest(Recorder(verdicts), dict.fromkeys(ids, ""), answers)
    assert [c.prompt_id for c in found.comparisons] == ["0", "1", "3"]
    assert (found.without_verdict, found.unreadable) == (1, ("?", "!"))
    assert (found.both_orders, found.flips, found.flip_rate) == (3, 2, pytest.approx(2 / 3))


@pytest.mark.parametrize(("prompts", "asked"), [(3, 3), (200, 10)])
def test_a_judge_without_verdicts_is_stopped_soon(prompts, asked):
    judge = Recorder([Verdict(None, None, ("I cannot\nchoose",))] * prompts)
    ids = [str(i) for i in range(prompts)]
    with pytest.raises(UserError, match=f"no verdict on {asked} of {asked} pairs. Its last reply: 'I cannot choose'"):
        hold_contest(judge, dict.fromkeys(ids, ""), {"x": dict.fromkeys(ids, "1"), "y": dict.fromkeys(ids, "2")})
    assert len(judge.asked) == asked


@pytest.mark.parametrize(
    ("prompts", "answers", "what"),
    [
        ({}, {"x": {}, "y": {}}, "no prompt"),
        (SUMS, {}, "at least two models, not 0"),
        (SUMS, {"x": {"p1": "", "p2": ""}}, "at least two models, not 1"),
        (SUMS, {"x": {"p1": "", "p2": ""}, "y": {"p1": ""}}, "y has no answer to 1 prompts, the first is 'p2'"),
    ],
)
def test_a_contest_that_cannot_be_held(prompts, answers, what):
    with pytest.raises(UserError, match=what):
        hold_contest(VerifierJudge(is_right), prompts, answers)
