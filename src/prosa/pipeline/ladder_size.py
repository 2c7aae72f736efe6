"""How large a network is for the time there is: one rule for all.

    the largest size of which  bytes it can read >= 4 x parameters,    bytes = min(speed x time, 16 x the text's bytes)

Its speed is measured on this machine, as training will compute, before the clock runs. Hoffmann et al. 2022 (arXiv
2203.15556) find some 20 tokens a parameter to be best for equal operations; a small network does fewer a second,
so that for equal time it is fewer tokens: modern decoders of 2 layers of 64 and of 3 of 96, each for as many steps (of
4,096 bytes) as one time allows, 545 and 310, came to 2.227 and 2.206 bits per byte of Machado de Assis, the larger with
3.6 bytes a parameter. After some 16 passes a text teaches little more (Muennighoff et al. 2023, arXiv 2305.16264), so a
larger network would only know it by heart.
"""

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prosa.core.errors import UserError
from prosa.core.language import duration, number, tr
from prosa.pipeline.ladder_rungs import BATCH, Rung, build

if TYPE_CHECKING:
    from prosa.data.batches import Batches
    from prosa.data.masking import MaskedBatches
    from prosa.train.config import TrainConfig

BYTES_A_PARAMETER, PASSES = 4, 16
LEAST_STEPS = 20  # fewer teach nothing worth a row


@dataclass(frozen=True)
class Size:
    """A shape, its parameters, and the steps that the time was expected to allow."""

    shape: Mapping[str, Any]
    parameters: int
    steps: int


def choose_size(
    rung: Rung, batches: "Batches | MaskedBatches", text_bytes: int, vocab_size: int, config: "TrainConfig"
) -> Size:
    """The size of ``rung`` for a training by ``config``, whose steps or minutes are its share.

    Raises:
        UserError: the time is too short for the smallest.
    """
    seen: dict[int, Size] = {}

    def size(i: int) -> Size:
        if i not in seen:
            seen[i] = _measured(rung, rung.shapes[i], batches, vocab_size, config)
        return seen[i]

    def fits(i: int) -> bool:
        read = min(size(i).steps * batches.tokens_per_step, PASSES * text_bytes)
        return read >= BYTES_A_PARAMETER * size(i).parameters

    if not config.steps and size(0).steps < LEAST_STEPS:
        seconds = config.minutes * 60
        raise UserError(
            tr(
                f"the budget is too small: in {duration(seconds)} the smallest size does {number(size(0).steps)} steps "
                f"of {BATCH} windows; at least {LEAST_STEPS} are needed.",
                f"o orçamento é pequeno demais: em {duration(seconds)} o menor tamanho faz {number(size(0).steps)} "
                f"passos de {BATCH} janelas; são precisos pelo menos {LEAST_STEPS}.",
            ),
            tr(
                "Give a larger --budget, fewer --rungs or fewer --seeds.",
                "Dê um --budget maior, menos --rungs ou menos --seeds.",
            ),
        )
    return size(_last(fits, len(rung.shapes)))


def _last(fits: Callable[[int], bool], count: int) -> int:
    """The last of 0..count-1 that fits (those that do come first); 0 where none does."""
    low, high = 0, count - 1
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _measured(
    rung: Rung, shape: Mapping[str, Any], batches: "Batches | MaskedBatches", vocab_size: int, config: "TrainConfig"
) -> Size:
    import torch

    from prosa.core.device import choose_device
    from prosa.train.dry_run import dry_run
    from prosa.train.objectives import NextToken
    from prosa.train.optimizers import Optimizer

    with torch.random.fork_rng(devices=[]):
        model = build(rung, shape, vocab_size, batches.context).to(choose_device(config.device)).train()
    parameters = sum(p.numel() for p in model.parameters())
    steps = config.steps
    if not steps:
        with contextlib.redirect_stderr(io.StringIO()):
            ready = dry_run(model, NextToken(), batches.at(0), Optimizer(model, config), config, 0, 0, None)
        steps = ready.resolved.steps
    return Size(shape, parameters, steps)
