"""What the configurations of models have in common: what is wrong with them, and how it is told."""

from collections.abc import Sequence
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr


def too_small(config: Any, **least: int) -> list[str]:
    """Which of these fields are below their least value."""
    return [
        tr(f"{name} is {getattr(config, name)}, must be at least {n}", f"{name} é {getattr(config, name)}, mínimo {n}")
        for name, n in least.items()
        if getattr(config, name) < n
    ]


def bad_dropout(dropout: float) -> list[str]:
    """What is wrong with it, if anything."""
    if 0 <= dropout < 1:
        return []
    return [tr(f"dropout is {dropout}, must be in [0, 1)", f"dropout é {dropout}, deve estar em [0, 1)")]


def refuse(problems: Sequence[str]) -> None:
    """Tell all of them at once, if there are any.

    Raises:
        UserError: there are.
    """
    if problems:
        raise UserError(
            tr("this model cannot be built: ", "este modelo não pode ser construído: ") + "; ".join(problems),
            tr("Change these values.", "Mude esses valores."),
        )
