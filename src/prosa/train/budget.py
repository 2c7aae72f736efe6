"""How many steps, when the user gave time and passes over the text instead of a number; and when to stop and look.

    steps = min(minutes / seconds a step, epochs x steps an epoch)

The seconds of a step are those of the dry run's forward and backward pass plus a measured optimizer step; a share of
the time is kept for validation, samples and checkpoints. The number is settled once, before step 1, and saved with
every checkpoint: a resumed run, on whatever machine, ends at the same step.
"""

import copy
import dataclasses
import math
import time

import torch
from torch import nn

from prosa.train.config import TrainConfig
from prosa.train.optimizers import Optimizer
from prosa.train.speed import synchronize

LOOKING = 0.12  # share of the minutes kept for validation, samples and checkpoints
VALIDATIONS, SAMPLES, CHECKPOINTS = 20, 5, 10  # over a run, when their "every" is 0


def affordable_steps(config: TrainConfig, seconds_per_step: float, steps_per_epoch: int) -> int:
    """Steps that ``config.minutes`` and ``config.epochs`` allow, at least 1; 0 of either is no limit."""
    limits = []
    if config.minutes:
        limits.append(config.minutes * 60 * (1 - LOOKING) / seconds_per_step)
    if config.epochs:
        limits.append(math.ceil(config.epochs * steps_per_epoch))
    return max(1, int(min(limits)))


def optimizer_seconds(model: nn.Module, config: TrainConfig) -> float:
    """Seconds of an optimizer step, on a copy of the model; the second one counts, the first makes the state."""
    twin = copy.deepcopy(model)
    optimizer = Optimizer(twin, config)
    device = next(twin.parameters()).device
    for _ in range(2):
        for parameter in twin.parameters():
            parameter.grad = torch.zeros_like(parameter)
        start = time.perf_counter()
        optimizer.step()
        synchronize(device)
        seconds = time.perf_counter() - start
    return seconds


def with_steps(config: TrainConfig, steps: int) -> TrainConfig:
    """The configuration with its steps settled, and every "every" that was 0."""

    def every(given: int, times: int) -> int:
        return given or max(1, math.ceil(steps / times))

    return dataclasses.replace(
        config,
        steps=steps,
        eval_every=every(config.eval_every, VALIDATIONS),
        sample_every=every(config.sample_every, SAMPLES),
        checkpoint_every=every(config.checkpoint_every, CHECKPOINTS),
    )
