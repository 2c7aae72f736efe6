"""Verifiers and scores as judges, and a contest before one."""

import math

import pytest

from prosa.core.errors import UserError
from prosa.evaluate.arena.comparison import Comparison
from prosa.evaluate.arena.contest import Contest, hold_contest
from prosa.evaluate.arena.judges import ScoreJudge, Verdict, VerifierJudge, reward_judge
from prosa.evaluate.arena.prompt import Prompt
from prosa.tokenizers.chat import Message


def asked(id, text="", check=None):
    return Prompt(id, (Message("user", text),), check)


SUMS = [asked("p1", "1+1", "2".__eq__), asked("p2", "2+3", "5".__eq__)]


def test_a_prompt_of_several_turns_as_one_text():
    turns = (
        Message("system", "Seja breve."),
        Message("user", "Oi"),
        Message("assistant", "Olá!"),
        Message("user", "?"),
    )
    assert Prompt("p", turns).text == "[system]\nSeja breve.\n\n[user]\nOi\n\n[assistant]\nOlá!\n\n[user]\n?"
    assert asked("p", "1+1").text == "1+1"


def test_a_verifier():
    judge = VerifierJudge()
    found = [judge.compare(SUMS[0], *answers).winner for answers in (("2", "3"), ("3", "2"), ("2", "2"), ("0", "1"))]
    assert found == ["first", "second", "tie", "tie"]


def test_nobody_knows_the_answer():
    with pytest.raises(ValueError, match="p1 has no answer to verify by"):
        VerifierJudge().compare(asked("p1"), "2", "3")


def test_a_score():
    judge = ScoreJudge(lambda prompt, answer: float(answer))
    found = [judge.compare(asked("p"), *pair).winner for pair in (("2", "1"), ("1", "2"), ("1", "1.0"))]
    assert found == ["first", "second", "tie"]


def test_a_reward_model_scores_each_answer_once_and_leaves_out_what_it_cannot_hold():
    seen = []

    def reward(conversations):
        seen.extend(conversations)
        return [None if len(turns[-1].content) > 5 else float(len(turns[-1].content)) for turns in conversations]

    system = Message("system", "s")
    prompts = [Prompt("a", (system, Message("user", "A?"))), asked("b", "B?"), asked("c", "A?")]
    answers = {"x": {"a": "um", "b": "longo demais", "c": "1"}, "y": {"a": "dois", "b": "2", "c": "1"}}
    judge, held = reward_judge(reward, prompts, answers, "runs/reward")
    assert [prompt.id for prompt in held] == ["a", "c"]
    assert len(seen) == 5  # the same answer to one prompt is scored once
    assert seen[0] == [system, Message("user", "A?"), Message("assistant", "um")]
    found = hold_contest(judge, held, answers).comparisons
    assert found == (
        Comparison("a", "x", "y", "second", "runs/reward"),
        Comparison("c", "x", "y", "tie", "runs/reward"),
    )


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_an_error(score):
    with pytest.raises(UserError, match=r"reward gave the scores 1\.0 and (nan|inf)"):
        ScoreJudge(lambda prompt, answer: {"x": 1.0, "y": score}[answer]).compare(asked("p"), "x", "y")


def test_a_contest_is_every_pair_on_every_prompt():
    answers = {"base": {"p1": "1", "p2": "1"}, "sft": {"p1": "2", "p2": "1"}, "rl": {"p1": "2", "p2": "5"}}
    found = hold_contest(VerifierJudge("sums"), SUMS, answers)
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
    assert judge.asked == [(SUMS[1], "4", "5")]
    assert [c.winner for c in found.comparisons] == ["tie", "first"]
    assert (found.both_orders, found.flips) == (1, 0)


def test_flips_and_missing_verdicts_are_counted():
    verdicts = [Verdict("tie", True), Verdict("first", False), Verdict(None, None, ("?", "!")), Verdict("tie", True)]
    ids = [str(i) for i in range(4)]
    answers = {"x": dict.fromkeys(ids, "1"), "y": dict.fromkeys(ids, "2")}
    found = hold_contest(Recorder(verdicts), [asked(id) for id in ids], answers)
    assert [c.prompt_id for c in found.comparisons] == ["0", "1", "3"]
    assert (found.without_verdict, found.unreadable) == (1, ("?", "!"))
    assert (found.both_orders, found.flips, found.flip_rate) == (3, 2, pytest.approx(2 / 3))


@pytest.mark.parametrize(("prompts", "times"), [(3, 3), (200, 10)])
def test_a_judge_without_verdicts_is_stopped_soon(prompts, times):
    judge = Recorder([Verdict(None, None, ("I cannot\nchoose",))] * prompts)
    ids = [str(i) for i in range(prompts)]
    with pytest.raises(UserError, match=f"no verdict on {times} of {times} pairs. Its last reply: 'I cannot choose'"):
        hold_contest(judge, [asked(id) for id in ids], {"x": dict.fromkeys(ids, "1"), "y": dict.fromkeys(ids, "2")})
    assert len(judge.asked) == times


@pytest.mark.parametrize(
    ("prompts", "answers", "what"),
    [
        ([], {"x": {}, "y": {}}, "no prompt"),
        (SUMS, {}, "at least two models, not 0"),
        (SUMS, {"x": {"p1": "", "p2": ""}}, "at least two models, not 1"),
        (SUMS, {"x": {"p1": "", "p2": ""}, "y": {"p1": ""}}, "y has no answer to 1 prompts, the first is 'p2'"),
    ],
)
def test_a_contest_that_cannot_be_held(prompts, answers, what):
    with pytest.raises(UserError, match=what):
        hold_contest(VerifierJudge(), prompts, answers)
