"""An exam: problems, the rule that judges replies to them, and other problems that may be shown as examples.

Examples of a task come from its training side, in the wordings of training. A suite that is for testing only, and a
user's own file, have no such side: there the examples are the exam's other problems, never the one that is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from prosa.core.errors import UserError
from prosa.core.language import Lang, number, tr
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.task import Task

POOL = 200  # training problems that examples are drawn from


@dataclass(frozen=True)
class Exam:
    """What is asked.

    Attributes:
        name: the task's, or the file's.
        problems: what is asked, each prompt once.
        check: whether a reply answers a problem.
        pool: what examples are drawn from.
    """

    name: str
    problems: tuple[Problem, ...]
    check: Callable[[Problem, str], bool]
    pool: tuple[Problem, ...]

    def examples(self, at: int, k: int, seed: int) -> list[Problem]:
        """Up to ``k`` examples for problem number ``at``, a pure function of the arguments."""
        asked = self.problems[at]
        others = [problem for problem in self.pool if problem.key != asked.key and problem.prompt != asked.prompt]
        return Random(f"{self.name}/examples/{seed}/{at}").sample(others, min(k, len(others)))


def exam(task: Task, *, n: int, seed: int, language: Lang = "pt-BR", wording: str = "own") -> Exam:
    """The first ``n`` test problems of a task, or all where there are fewer.

    Raises:
        UserError: ``n`` is below 1, or no such wording or language.
    """
    check_count(n)
    problems = tuple(task.up_to(n, seed=seed, language=language, wording=wording))
    if task.test_only:
        pool = tuple(task.up_to(POOL, seed=seed, language=language, wording=wording))
    else:
        trained = task.problems("train", seed=seed, n=POOL, language=language)
        pool = tuple({problem.prompt: problem for problem in trained}.values())
    return Exam(task.name, problems, task.check, pool)


def check_count(n: int) -> None:
    """Refuse to ask nothing.

    Raises:
        UserError: ``n`` is below 1.
    """
    if n < 1:
        raise UserError(
            tr(f"{number(n)} problems: there must be at least 1.", f"{number(n)} problemas: é preciso ao menos 1."),
        )
