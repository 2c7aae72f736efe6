"""Conversations made of problems with known answers: what a model is shown before it is let to try by itself."""

from dataclasses import dataclass
from random import Random

from prosa.core.errors import UserError
from prosa.core.language import Lang, tr
from prosa.data.conversations import Conversation
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.registry import find_task
from prosa.evaluate.tasks.task import Task
from prosa.generate.reply import announced
from prosa.generate.tools import Toolbox, builtin_tools
from prosa.tokenizers.chat import Message

WORDINGS = ("own", "bare")


@dataclass(frozen=True)
class TaskData:
    """Problems to learn from, beside or in place of conversations from files."""

    names: tuple[str, ...] = ()
    """Tasks whose training problems are shown with their answers (see prosa evaluate --tasks)."""
    problems: int = 2000
    """Problems of each task and language."""
    languages: tuple[Lang, ...] = ("pt-BR",)
    """Languages of the problems; a task that has not one of them is left out there."""
    tools: bool = False
    """Show half of the problems that a built-in tool can solve with its call and result."""
    seed: int = 0
    """Which problems."""

    def __post_init__(self) -> None:
        for name in self.names:
            find_task(name)
        if self.problems < 1:
            raise UserError(
                tr(
                    f"tasks.problems is {self.problems}, must be at least 1.",
                    f"tasks.problems é {self.problems}, deve ser pelo menos 1.",
                )
            )


def demonstrations(data: TaskData) -> list[Conversation]:
    """A conversation a problem, task by task.

    Raises:
        UserError: a task that is for testing only.
    """
    tasks = [(find_task(name), language) for name in data.names for language in data.languages]
    return [
        Conversation(tuple(_shown(problem, n, data)), f"{problem.task}:{n + 1}")
        for task, language in tasks
        if language in task.languages
        for n, problem in enumerate(_problems(task, language, data))
    ]


def _problems(task: Task, language: Lang, data: TaskData) -> list[Problem]:
    """Training problems, the sets of wordings in turns."""
    wordings = [wording for wording in WORDINGS if wording in task.wordings]
    n = -(-data.problems // len(wordings))
    of_each = [
        task.problems("train", seed=data.seed * len(WORDINGS) + i, n=n, language=language, wording=wording)
        for i, wording in enumerate(wordings)
    ]
    return [problem for turn in zip(*of_each, strict=True) for problem in turn][: data.problems]


def _shown(problem: Problem, n: int, data: TaskData) -> list[Message]:
    """The problem and its answer; or, where tools are to be shown and one helps, its call and result between them.

    Of the other tools some are announced, not always the same: which there are differs from owner to owner.
    """
    asked, answer = Message("user", problem.prompt), Message("assistant", problem.answer)
    random = Random(f"{data.seed}/{problem.task}/{n}")
    if not data.tools or problem.call is None or random.random() < 0.5:
        return [asked, answer]
    tools = builtin_tools("en" if problem.language == "en" else "pt")
    toolbox = Toolbox(tool for tool in tools if tool.name == problem.call.name or random.random() < 0.5)
    result = toolbox.run(problem.call).content
    return [
        *announced([asked], toolbox),
        Message("assistant", "", (problem.call,)),
        Message("tool", result),
        answer,
    ]
