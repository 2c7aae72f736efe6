"""Conversations made of problems with known answers: what a model is shown before it is let to try by itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from random import Random

from prosa.core.errors import UserError
from prosa.core.language import Lang, tr
from prosa.data.conversations import Conversation
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.registry import find_task
from prosa.evaluate.tasks.task import Task
from prosa.generate.reply import announced
from prosa.generate.tools import Tool, Toolbox, ToolCall, builtin_tools
from prosa.tokenizers.chat import Message

WORDINGS = ("own", "bare")


@dataclass(frozen=True)
class TaskData:
    """Problems to learn from, beside or in place of conversations from files."""

    names: tuple[str, ...] = ()
    """Tasks whose training problems are shown with their answers (see prosa evaluate --tasks)."""
    problems: int = 2000
    """Problems of each task and language."""
    weights: tuple[float, ...] = ()
    """How many times as many problems each of the tasks has, in their order. None: once."""
    languages: tuple[Lang, ...] = ("pt-BR",)
    """Languages of the problems; a task that has not one of them is left out there."""
    tools: bool = False
    """Announce built-in tools with some of the problems, and show the call and its result where one can solve it."""
    tool_share: float = 0.5
    """With tools: the share of the problems with which some are announced."""
    calls: float = 1.0
    """With tools: of the problems that an announced one can solve, the share shown with the call; the rest without."""
    seed: int = 0
    """Which problems."""

    def __post_init__(self) -> None:
        for name in self.names:
            find_task(name)
        if self.problems < 1 or not 0 <= self.calls <= 1:
            raise UserError(
                tr(
                    f"tasks: problems is {self.problems} (at least 1), calls {self.calls} (from 0 to 1).",
                    f"tasks: problems é {self.problems} (mínimo 1), calls {self.calls} (de 0 a 1).",
                )
            )
        if self.weights and (len(self.weights) != len(self.names) or not all(0 < w < inf for w in self.weights)):
            raise UserError(
                tr(
                    f"tasks.weights is {self.weights}, must be a number above 0 for each of {len(self.names)} tasks.",
                    f"tasks.weights é {self.weights}, deve ser um número acima de 0 para cada uma das "
                    f"{len(self.names)} tarefas.",
                )
            )
        if not 0 <= self.tool_share <= 1:
            raise UserError(
                tr(
                    f"tasks.tool_share is {self.tool_share}, must be between 0 and 1.",
                    f"tasks.tool_share é {self.tool_share}, deve estar entre 0 e 1.",
                )
            )


def demonstrations(data: TaskData) -> list[Conversation]:
    """A conversation a problem, task by task.

    Raises:
        UserError: a task that is for testing only.
    """
    weights = data.weights or (1.0,) * len(data.names)
    return [
        Conversation(tuple(_shown(problem, n, data)), f"{problem.task}:{n + 1}")
        for task, weight in zip(map(find_task, data.names), weights, strict=True)
        for language in data.languages
        if language in task.languages
        for n, problem in enumerate(_problems(task, language, max(1, round(weight * data.problems)), data.seed))
    ]


def _problems(task: Task, language: Lang, n: int, seed: int) -> list[Problem]:
    """``n`` training problems, the sets of wordings in turns."""
    wordings = [wording for wording in WORDINGS if wording in task.wordings]
    of_each = [
        task.problems(
            "train", seed=seed * len(WORDINGS) + i, n=-(-n // len(wordings)), language=language, wording=wording
        )
        for i, wording in enumerate(wordings)
    ]
    return [problem for turn in zip(*of_each, strict=True) for problem in turn][:n]


def announce_some(conversations: Sequence[Conversation], data: TaskData) -> list[Conversation]:
    """Conversations, half of those that call no tool with tools announced, where ``data`` shows tools.

    A model that saw tools announced only where they helped would call them whatever it is asked.
    """
    if not data.tools:
        return list(conversations)
    found = []
    for n, conversation in enumerate(conversations):
        random = Random(f"{data.seed}/conversation/{n}")
        if not any(m.calls for m in conversation.messages) and random.random() < 0.5:
            tools = builtin_tools("en" if data.languages[:1] == ("en",) else "pt")
            messages = announced(conversation.messages, _some(tools, random))
            conversation = replace(conversation, messages=tuple(messages))
        found.append(conversation)
    return found


def _shown(problem: Problem, n: int, data: TaskData) -> list[Message]:
    """The problem and its answer; where tools are shown, a share of the problems has some of them announced, and the
    call and its result between them if one helps.

    That none helps must be learnt too. Which others are announced differs, as it does from owner to owner.
    """
    asked, answer = Message("user", problem.prompt), Message("assistant", problem.answer)
    random = Random(f"{data.seed}/{problem.task}/{n}")
    if not data.tools or random.random() < 1 - data.tool_share:
        return [asked, answer]
    toolbox = _some(builtin_tools("en" if problem.language == "en" else "pt"), random, problem.call)
    if problem.call is None or random.random() >= data.calls:
        return [*announced([asked], toolbox), answer]
    result = toolbox.run(problem.call).content
    return [*announced([asked], toolbox), Message("assistant", "", (problem.call,)), Message("tool", result), answer]


def _some(tools: Iterable[Tool], random: Random, call: ToolCall | None = None) -> Toolbox:
    """The tool that is called, and half of the others."""
    return Toolbox(tool for tool in tools if (call and tool.name == call.name) or random.random() < 0.5)
