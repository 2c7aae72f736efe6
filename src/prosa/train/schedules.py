"""The learning rate over the steps: warm-up, then cosine (GPT-3, arXiv 2005.14165, appendix B), linear, flat or Noam's.

warm-up   s / W                                         for s <= W = warmup * steps
cosine    m + (1 - m) (1 + cos(pi * p)) / 2             p = (s - W) / (steps - W)
linear    1 - (1 - m) p, flat before its start D        p = (s - D) / (steps - D), D = (1 - decay_fraction) steps
noam      min(s / W, sqrt(W / s))                       W = warmup_steps (Vaswani et al. 2017, 5.3)

The paper's rate is d^-0.5 min(s^-0.5, s W^-1.5): the same, its peak (d W)^-0.5 at step W being ``noam_peak``. It knows
nothing of the number of steps.
"""

import math

from prosa.train.config import TrainConfig


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """The learning rate of ``step`` (1 to ``config.steps``) as a fraction of its peak; 0 at step 0, before any."""
    warmup = config.warmup_steps or round(config.warmup * config.steps)
    if step < warmup:
        return step / warmup
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "noam":
        return math.sqrt(warmup / step)
    start = warmup
    if config.schedule == "linear":
        start = max(warmup, round((1 - config.decay_fraction) * config.steps))
    progress = min(1.0, max(0, step - start) / max(1, config.steps - start))
    shape = (1 + math.cos(math.pi * progress)) / 2 if config.schedule == "cosine" else 1 - progress
    return config.min_lr + (1 - config.min_lr) * shape


def noam_peak(d_model: int, warmup_steps: int) -> float:
    """The highest learning rate of the original Transformer: (d W)^-0.5."""
    return (d_model * warmup_steps) ** -0.5
