"""All tasks by name, and groups of them."""

from collections.abc import Iterable

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.evaluate.tasks.arithmetic import ARITHMETIC
from prosa.evaluate.tasks.comprehension import COMPREHENSION
from prosa.evaluate.tasks.conjugation import CONJUGATION
from prosa.evaluate.tasks.dates import DATES
from prosa.evaluate.tasks.inventions import INVENTIONS
from prosa.evaluate.tasks.letters import LETTERS
from prosa.evaluate.tasks.multiple_choice import MULTIPLE_CHOICE
from prosa.evaluate.tasks.number_words import NUMBER_WORDS
from prosa.evaluate.tasks.plurals import PLURALS
from prosa.evaluate.tasks.sorting import SORTING
from prosa.evaluate.tasks.suites import SUITES
from prosa.evaluate.tasks.task import Task

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        *ARITHMETIC,
        *LETTERS,
        *SORTING,
        *DATES,
        *NUMBER_WORDS,
        CONJUGATION,
        PLURALS,
        COMPREHENSION,
        MULTIPLE_CHOICE,
        *SUITES,
        *INVENTIONS,
    )
}

ALL = "all"
GROUPS: dict[str, tuple[str, ...]] = {
    "arithmetic": tuple(task.name for task in ARITHMETIC),
    "letters": tuple(task.name for task in LETTERS),
    "sorting": tuple(task.name for task in SORTING),
    "dates": tuple(task.name for task in DATES),
    "number-words": tuple(task.name for task in NUMBER_WORDS),
    "suites": tuple(task.name for task in (*SUITES, *INVENTIONS)),
    ALL: tuple(TASKS),
}


def find_task(name: str) -> Task:
    """The task with this name.

    Raises:
        UserError: there is none; the error suggests the nearest.
    """
    if name not in TASKS:
        raise unknown(tr("task", "tarefa"), name, TASKS)
    return TASKS[name]


def find_tasks(names: Iterable[str]) -> list[Task]:
    """The tasks of names and groups, given one by one or with commas between, each once.

    Raises:
        UserError: no name at all, or one that is no task and no group; the error suggests the nearest.
    """
    asked = [part.strip() for name in names for part in name.split(",") if part.strip()]
    found: dict[str, Task] = {}
    for name in asked:
        if name not in TASKS and name not in GROUPS:
            raise unknown(tr("task", "tarefa"), name, [*TASKS, *GROUPS])
        for member in GROUPS.get(name, (name,)):
            found[member] = TASKS[member]
    if not found:
        raise UserError(
            tr("no task is named.", "nenhuma tarefa foi dada."),
            tr("There are: ", "Existem: ") + ", ".join(sorted([*TASKS, *GROUPS])),
        )
    return list(found.values())
