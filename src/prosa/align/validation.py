"""What held-out data says during a training: the means of an objective's figures."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch

from prosa.data.batches import Batch
from prosa.train.objectives import Objective
from prosa.train.step import rows


class FiniteBatches(Protocol):
    """Batches that can be read once (``data.preference_batches.PreferenceBatches``)."""

    def once(self) -> Iterator[Batch]:
        """Every row once, in order."""
        ...


def means(objective: Objective, batches: FiniteBatches, counted: str) -> Callable[[Any, int], dict[str, float]]:
    """A function of model and step for ``train.fit``: loss and the objective's other figures, means over its targets.

    Args:
        counted: name of the figure that says how many targets there are.
    """

    @torch.no_grad()
    def validate(model: Any, step: int) -> dict[str, float]:
        device = next(model.parameters()).device
        total, count, sums = 0.0, 0, dict[str, float]()
        for batch in batches.once():
            loss, n, more = objective(model, rows(batch, 0, len(batch.inputs), device))
            total, count = total + float(loss), count + n
            sums = {name: sums.get(name, 0.0) + value for name, value in more.items()}
        return {"loss": total / count, **{name: value / count for name, value in sums.items()}, counted: count}

    return validate
