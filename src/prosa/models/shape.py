"""What the configurations of models have in common."""

from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr


def check_sizes(config: Any, *names: str) -> None:
    """Refuse a configuration of which one of these fields is below 1.

    Raises:
        UserError: all of them are named.
    """
    problems = [
        tr(f"{name} is {getattr(config, name)}, must be at least 1", f"{name} é {getattr(config, name)}, mínimo 1")
        for name in names
        if getattr(config, name) < 1
    ]
    if problems:
        raise UserError(
            tr("this model cannot be built: ", "este modelo não pode ser construído: ") + "; ".join(problems),
            tr("Change these values.", "Mude esses valores."),
        )
