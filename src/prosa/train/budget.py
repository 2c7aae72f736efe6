"""How many steps, when the user gave time and passes over the text instead of a number; and when to stop and look.

    steps = min(minutes / seconds a step, epochs x steps an epoch)

The seconds of a step are first those of the dry run's forward and backward pass plus a measured optimizer step; a share
of the time is kept for validation, samples and checkpoints. A dry run of seconds may meet a busy machine, so the number
is reviewed, by the wall time of the steps done, as long as the learning rate is constant and so does not depend on it.
When the rate is to fall the number is settled, and saved with every checkpoint: a resumed run, on whatever machine,
ends at the same step.
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
LEAST_BETWEEN = 25  # steps between validations, when "every" is 0: they cost as much as several steps
REVIEW_AFTER = 0.15  # of the minutes


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


def review_is_due(config: TrainConfig, step: int, steps: int, seconds: float) -> bool:
    """Whether ``steps``, an estimate, should now be set by experience.

    From 15 % of the minutes on, or where the number would be settled. Never with a cosine, which needs to know it from
    the first step on.
    """
    if config.steps or not config.minutes or config.schedule == "cosine":
        return False
    return seconds >= REVIEW_AFTER * config.minutes * 60 or settles(config, step, steps)


def settles(config: TrainConfig, step: int, steps: int) -> bool:
    """Whether this is the last moment to say that there will be ``steps``: half of them, or where the rate falls."""
    constant = min(0.5, 1 - config.decay_fraction) if config.schedule == "linear" else 0.5
    return step >= constant * steps


def reviewed_steps(config: TrainConfig, step: int, seconds: float, a_step: float, steps_per_epoch: int) -> int:
    """The steps that fit ``config.minutes`` when, after ``step`` of them in ``seconds``, each takes ``a_step``."""
    left = config.minutes * 60 - seconds
    steps = step + max(1, int(left / a_step))
    return min(steps, math.ceil(config.epochs * steps_per_epoch)) if config.epochs else steps


def with_steps(config: TrainConfig, steps: int) -> TrainConfig:
    """The configuration with its steps settled, and every "every" that was 0."""

    def every(given: int, times: int, least: int = 1) -> int:
        return given or max(least, math.ceil(steps / times))

    return dataclasses.replace(
        config,
        steps=steps,
        eval_every=every(config.eval_every, VALIDATIONS, LEAST_BETWEEN),
        sample_every=every(config.sample_every, SAMPLES),
        checkpoint_every=every(config.checkpoint_every, CHECKPOINTS),
    )
