"""A model's answers to an exam, marked: the share that is right, with its interval, and differences between shares.

Answers are greedy. A prompt that the context cannot hold counts as wrong, and is counted apart; where examples do not
fit beside the problem, fewer are shown. Two sets of answers to the same problems are compared problem by problem
(core/interval.py: ``paired_difference``): what both get right says nothing of the difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from prosa.core.interval import paired_difference, wilson
from prosa.core.progress import Bar
from prosa.evaluate.tasks.answerer import Answer, Answerer
from prosa.evaluate.tasks.exam import Exam
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.prompting import Prompting, conversation
from prosa.tokenizers.chat import Message

SHOTS = 5  # examples of few-shot prompting
MAX_TOKENS, MAX_REASONING = 96, 256  # of an answer, and of one that is reasoned
ROOM = 16  # tokens left for the answer beside examples, more than the longest of theirs
SHOWN = 3  # examples of right answers in JSON, and of wrong ones

Verdict = Literal["gained", "no measurable gain", "worse"]


@dataclass(frozen=True, slots=True)
class Marked:
    """An answer, and whether it is right."""

    problem: Problem
    reply: str
    right: bool


@dataclass(frozen=True)
class Score:
    """What a model scored in an exam.

    Attributes:
        task: the exam's name.
        seed: that problems and examples were drawn by.
        marked: every answer, in the order of the problems.
        shots: examples shown, on average.
        cut: answers that did not end by themselves.
        too_long: problems that the context could not hold.
    """

    task: str
    prompting: Prompting
    seed: int
    marked: tuple[Marked, ...]
    shots: float = 0.0
    cut: int = 0
    too_long: int = 0

    @property
    def n(self) -> int:
        """How many problems were asked."""
        return len(self.marked)

    @property
    def right(self) -> int:
        """How many were answered right."""
        return sum(answer.right for answer in self.marked)

    @property
    def score(self) -> float:
        """The share that is right."""
        return self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the score."""
        return wilson(self.right, self.n)

    def examples(self, right: bool) -> list[Marked]:
        """The first few right answers, or wrong ones."""
        return [answer for answer in self.marked if answer.right == right][:SHOWN]

    def to_json(self) -> dict[str, Any]:
        """The figures, and examples of right and wrong answers."""
        return {
            "task": self.task,
            "prompting": self.prompting,
            "score": self.score,
            "right": self.right,
            "n": self.n,
            "interval": list(self.interval),
            "seed": self.seed,
            "shots": self.shots,
            "cut": self.cut,
            "too_long": self.too_long,
            "examples": [
                {
                    "prompt": answer.problem.prompt,
                    "answer": answer.problem.answer,
                    "reply": answer.reply,
                    "right": answer.right,
                }
                for right in (True, False)
                for answer in self.examples(right)
            ],
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more of the same problems is right in the second of two sets of answers.

    Attributes:
        gained, lost: problems that only the second, or only the first, has right.
    """

    gained: int
    lost: int
    n: int

    @property
    def value(self) -> float:
        """The second share less the first."""
        return (self.gained - self.lost) / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The paired 95 % interval."""
        return paired_difference(self.gained, self.lost, self.n)

    @property
    def verdict(self) -> Verdict:
        """``gained`` where the whole interval is above zero, ``worse`` where it is below."""
        low, high = self.interval
        return "gained" if low > 0 else "worse" if high < 0 else "no measurable gain"

    def to_json(self) -> dict[str, Any]:
        """The plain values."""
        return {
            "difference": self.value,
            "interval": list(self.interval),
            "gained": self.gained,
            "lost": self.lost,
            "n": self.n,
            "verdict": self.verdict,
        }


def measure(
    answerer: Answerer,
    exam: Exam,
    prompting: Prompting = "zero",
    *,
    seed: int = 0,
    max_tokens: int | None = None,
    bar: Bar | None = None,
) -> Score:
    """Ask an exam, and mark the answers.

    Args:
        seed: of the examples; the exam has its own problems already.
        max_tokens: the most of an answer; None: 64, and 256 where it is reasoned.
        bar: advances by each problem.

    Raises:
        UserError: as ``Engine.generate``.
    """
    most = (MAX_REASONING if prompting == "cot" else MAX_TOKENS) if max_tokens is None else max_tokens
    asked = [asked_turns(answerer, exam, at, prompting, seed) for at in range(len(exam.problems))]
    fitting = [turns for turns, _ in asked if turns is not None]
    made = iter(answerer.answer(fitting, max_tokens=most, paragraph=prompting == "cot", bar=bar))
    answers = [Answer("", cut=False) if turns is None else next(made) for turns, _ in asked]
    if bar is not None:
        bar.advance(len(asked) - len(fitting))
    marked = tuple(
        Marked(problem, answer.text, exam.check(problem, answer.text))
        for problem, answer in zip(exam.problems, answers, strict=True)
    )
    shots = sum(shots for _, shots in asked) / len(asked) if asked else 0.0
    return Score(
        exam.name, prompting, seed, marked, shots, sum(answer.cut for answer in answers), len(asked) - len(fitting)
    )


def compare(before: Sequence[Score], after: Sequence[Score]) -> Difference:
    """The difference over all problems of scores that were measured in the same exams, in the same order."""
    pairs = [
        (a, b)
        for first, second in zip(before, after, strict=True)
        for a, b in zip(first.marked, second.marked, strict=True)
    ]
    if any(a.problem != b.problem for a, b in pairs):
        raise ValueError("the problems are not the same")
    return Difference(sum(b.right > a.right for a, b in pairs), sum(b.right < a.right for a, b in pairs), len(pairs))


def asked_turns(
    answerer: Answerer, exam: Exam, at: int, prompting: Prompting, seed: int
) -> tuple[list[Message] | None, int]:
    """The turns that ask problem ``at``, None where they do not fit the context, and how many examples they hold."""
    problem, examples = exam.problems[at], exam.examples(at, SHOTS, seed) if prompting == "few" else []
    while examples:
        turns = conversation(problem, prompting, examples)
        longest = max(answerer.length([Message("assistant", example.answer)]) for example in examples)
        if answerer.length(turns) + longest + ROOM <= answerer.context:
            return turns, len(examples)
        examples.pop()
    turns = conversation(problem, prompting)
    return (turns if answerer.length(turns) <= answerer.context else None), 0
