"""The validation loss of a training run: held-out windows, nats a token and bits a byte."""

import math
from collections.abc import Callable
from typing import Any

from prosa.data.shards import TokenFolder
from prosa.train.config import TrainConfig

MAX_WINDOWS = 64  # enough for a curve; the final figure is of all held-out documents (``prosa evaluate``)


def validator(folder: TokenFolder, context: int, config: TrainConfig) -> Callable[[Any, int], dict[str, float]]:
    """A function of model and step for ``train.fit``: mean loss over at most 64 held-out windows.

    Bits per byte takes the bytes a token of the whole held-out split: exact for the whole, an estimate for a part.
    """
    import torch

    from prosa.data.batches import validation_batches
    from prosa.train.objectives import NextToken
    from prosa.train.step import rows

    objective = NextToken(config.loss_chunk)
    totals = folder.totals("held_out")
    bytes_per_token = totals["bytes"] / totals["tokens"]

    @torch.no_grad()
    def validate(model: Any, step: int) -> dict[str, float]:
        device = next(model.parameters()).device
        total, count = 0.0, 0
        for batch in validation_batches(
            folder,
            context=context,
            batch_size=config.micro_batch or config.batch_size,
            max_windows=MAX_WINDOWS,
            document_mask=config.document_mask,
        ):
            loss, n, _ = objective(model, rows(batch, 0, len(batch.inputs), device))
            total, count = total + float(loss), count + n
        nats = total / count
        return {"loss": nats, "bits_per_byte": nats / math.log(2) / bytes_per_token, "tokens": count}

    return validate
