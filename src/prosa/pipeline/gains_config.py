"""What is measured after the last stage of a build."""

from dataclasses import dataclass

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.evaluate.tasks.registry import find_tasks


@dataclass(frozen=True)
class GainsConfig:
    """The held-out problems that every stage is asked."""

    tasks: tuple[str, ...] = ()
    """Tasks and groups of tasks; those that the model learnt from where none is named."""
    problems: int = 200
    """The most problems of each task."""
    seed: int = 0
    """Of the problems, the samples and the intervals."""

    def __post_init__(self) -> None:
        if self.tasks:
            find_tasks(self.tasks)
        if self.problems < 1:
            raise UserError(
                tr(
                    f"gains.problems is {self.problems}, must be at least 1.",
                    f"gains.problems é {self.problems}, deve ser pelo menos 1.",
                )
            )
