"""Preferences without a person: a model's own answers to problems, those that a checker finds right above the others.

The answers are drawn, not greedy, so that a reward model learns from the mistakes that the model really makes. The
known answer is always among the right ones, and a problem without a wrong answer teaches nothing and is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prosa.core.errors import UserError
from prosa.core.language import Lang, tr
from prosa.data.preferences import Ranking
from prosa.evaluate.tasks.registry import find_task
from prosa.tokenizers.chat import ChatEncoder, Message

if TYPE_CHECKING:
    from prosa.evaluate.tasks.problem import Problem
    from prosa.generate.engine import Engine

MAX_TOKENS = 64


@dataclass(frozen=True)
class JudgedData:
    """Problems that the model answers several times, beside or in place of preferences from files."""

    names: tuple[str, ...] = ()
    """Tasks whose training problems are asked; a checker judges the answers (see prosa evaluate --tasks)."""
    problems: int = 500
    """Problems of each task and language."""
    samples: int = 4
    """Answers that are drawn to each."""
    languages: tuple[Lang, ...] = ("pt-BR",)
    """Languages of the problems; a task that has not one of them is left out there."""
    seed: int = 1
    """Which problems; another than that of the conversations they were learnt from."""

    def __post_init__(self) -> None:
        for name in self.names:
            find_task(name)
        wrong = [name for name in ("problems", "samples") if getattr(self, name) < 1]
        if wrong:
            raise UserError(
                tr(
                    f"tasks: {' and '.join(wrong)} must be at least 1.",
                    f"tasks: {' e '.join(wrong)} deve ser pelo menos 1.",
                )
            )


def judged_rankings(engine: "Engine", encoder: ChatEncoder, data: JudgedData) -> list[Ranking]:
    """A ranking a problem: its right answers, then its wrong ones.

    Raises:
        UserError: a task that is for testing only; as ``Engine.generate``.
    """
    from prosa.generate.reply import replies
    from prosa.generate.sampling import Sampling

    problems = [
        problem
        for name in data.names
        for language in data.languages
        if language in find_task(name).languages
        for problem in find_task(name).problems("train", seed=data.seed, n=data.problems, language=language)
    ]
    made = replies(
        engine,
        encoder,
        [[Message("user", problem.prompt)] for problem in problems],
        Sampling(seed=data.seed),
        max_tokens=MAX_TOKENS,
        samples=data.samples,
    )
    texts = [reply.text.strip() for reply in made]
    found = []
    for n, problem in enumerate(problems):
        ranking = _ranked(problem, texts[n * data.samples : (n + 1) * data.samples], n)
        if ranking is not None:
            found.append(ranking)
    return found


def _ranked(problem: "Problem", answers: Sequence[str], n: int) -> Ranking | None:
    check = find_task(problem.task).check
    drawn = dict.fromkeys(answer for answer in answers if answer)
    right = dict.fromkeys([problem.answer, *(answer for answer in drawn if check(problem, answer))])
    wrong = [answer for answer in drawn if answer not in right]
    if not wrong:
        return None
    return Ranking((Message("user", problem.prompt),), (tuple(right), tuple(wrong)), f"{problem.task}:{n + 1}")
