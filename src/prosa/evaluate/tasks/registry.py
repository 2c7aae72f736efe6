"""All tasks by name."""

from prosa.core.errors import unknown
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


def find_task(name: str) -> Task:
    """The task with this name.

    Raises:
        UserError: there is none; the error suggests the nearest.
    """
    if name not in TASKS:
        raise unknown(tr("task", "tarefa"), name, TASKS)
    return TASKS[name]
