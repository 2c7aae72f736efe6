"""``--budget 10m``: a model and a training for the time there is.

Of the rows only the middle one was measured (8 minutes of the demo recipe on two cores of a server: width 128 gave
lower bits per byte than width 256). The others follow the rule that tokens a parameter should stay alike; they are to
be replaced by measured ones. Between two rows the nearer one counts, as a ratio.
"""

import dataclasses
import math
import re
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.pipeline.recipe import Recipe

TABLE: dict[float, dict[str, dict[str, Any]]] = {
    1.0: {"model": {"size": "tiny"}, "train": {"batch_size": 8}},
    10.0: {"model": {"size": "tiny"}, "train": {"batch_size": 16}},
    60.0: {"model": {"size": "small"}, "train": {"batch_size": 16}},
}
"""Minutes of training -> what differs from the defaults."""
UNITS = {"s": 1 / 60, "m": 1.0, "h": 60.0}


def minutes(budget: str) -> float:
    """Minutes of a budget such as 90s, 10m or 1.5h.

    Raises:
        UserError: it is not a time above 0.
    """
    found = re.fullmatch(r"(\d+(?:[.,]\d+)?)\s*([smh])", budget.strip().lower())
    time = float(found[1].replace(",", ".")) * UNITS[found[2]] if found else 0.0
    if time <= 0:
        raise UserError(
            tr(f"--budget {budget!r} is not a time.", f"--budget {budget!r} não é um tempo."),
            tr("For example: --budget 90s, 10m or 1.5h.", "Por exemplo: --budget 90s, 10m ou 1.5h."),
        )
    return time


def within(recipe: Recipe, budget: str) -> Recipe:
    """``recipe`` with the model and the training that fit the budget; ``minutes`` is the budget itself.

    Raises:
        UserError: the budget is not a time.
    """
    time = minutes(budget)
    row = TABLE[min(TABLE, key=lambda known: abs(math.log(known / time)))]
    return dataclasses.replace(
        recipe,
        model=dataclasses.replace(recipe.model, **row["model"]),
        train=dataclasses.replace(recipe.train, steps=0, minutes=time, **row["train"]),
    )
