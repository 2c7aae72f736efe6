"""Everything reinforcement learning can be told. The docstrings of the fields are what ``--help`` shows; no torch."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.train.config import TrainConfig

Method = Literal["grpo", "ppo"]
UNKNOWN = 10**6
"""Stands for the number of iterations while it is not settled: the learning rate then neither rises late nor falls."""


@dataclass(frozen=True)
class RlConfig:
    """How a model learns from the rewards of its own replies.

    Raises:
        UserError: on construction, one message with every field that is wrong.
    """

    steps: int = 0
    """Iterations: new replies, their rewards, and learning from them. 0: as many as minutes allow."""
    minutes: float = 5.0
    """With steps 0: how long training may take, by the time of the first iterations."""
    replies: int = 256
    """Replies of an iteration, all prompts together."""
    group: int = 8
    """Replies to each prompt; a divisor of replies."""
    max_tokens: int = 96
    """The most tokens of a reply's turn."""
    minibatch: int = 128
    """Replies of an optimizer step."""
    epochs: int = 2
    """Passes over an iteration's replies."""
    lr: float = 2e-4
    """AdamW's peak learning rate."""
    warmup: int = 5
    """Iterations over which the learning rate rises from 0 to its peak."""
    schedule: Literal["linear", "constant"] = "linear"
    """How the learning rate goes on after the warm-up."""
    decay_fraction: float = 0.5
    """With linear: the fraction of the iterations, at the end, over which the learning rate falls."""
    min_lr: float = 0.05
    """The learning rate of the last iteration, as a fraction of the peak."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's decay rates of the two moments."""
    clip: float = 1.0
    """Largest norm of the gradient; a longer one is scaled down to it. 0: no clipping."""
    unfinished_cost: float = 0.5
    """Taken from the reward of a reply that was cut at max_tokens or the context's end."""
    verifier_weight: float = 1.0
    """With a reward model: weight of right (1) or wrong (0), for prompts that have an answer."""
    reward_weight: float = 1.0
    """Weight of the reward model's score."""
    max_kl: float = 5.0
    """Stop when the model is further than this from the one it began as, in nats a token (KL divergence)."""
    min_entropy: float = 0.02
    """Stop when the entropy a token is below this share of what it was at first, and the reward no better."""
    max_unfinished: float = 0.8
    """Stop when more than this share of the replies is cut, and more than at first."""
    seed: int = 0
    """Seed of prompts, replies and their order."""
    eval_every: int = 0
    """Iterations between measurements on held-out prompts; always at the start and the end. 0: about 10 over the
    run."""
    eval_prompts: int = 200
    """Held-out prompts that are answered (greedily) for that."""
    held_out: float = 0.05
    """Share of the prompts from files that are not trained on but measured on."""
    sample_every: int = 0
    """Iterations between example replies in metrics.jsonl. 0: about 5 over the run."""
    checkpoint_every: int = 0
    """Iterations between checkpoints; there is always one at the start and one at the end. 0: about 10 over the run."""
    keep_checkpoints: int = 2
    """How many of the newest checkpoints stay on the disk."""
    workers: int = 0
    """Threads of one core each that share the work, on a CPU. 0: as many as there are cores for torch."""
    device: DeviceName = "auto"
    """Where to compute: cpu, cuda, mps. auto: the best there is."""

    def __post_init__(self) -> None:
        wrong = _wrong(
            self,
            whole=("replies", "group", "max_tokens", "minibatch", "epochs", "keep_checkpoints", "eval_prompts"),
            natural=("steps", "warmup", "seed", "eval_every", "sample_every", "checkpoint_every", "workers"),
            above_0=("lr", "max_kl"),
            from_0=("minutes", "clip", "unfinished_cost", "verifier_weight", "reward_weight"),
            share=("decay_fraction", "min_lr", "min_entropy", "max_unfinished", "held_out"),
        )
        if not (self.steps or self.minutes):
            wrong.append(tr("steps is 0 and minutes too: give one", "steps é 0 e minutes também: dê um deles"))
        if self.group >= 1 and self.replies % self.group:
            wrong.append(
                tr(
                    f"group is {self.group} but must be a divisor of replies ({self.replies})",
                    f"group é {self.group}, mas deve ser um divisor de replies ({self.replies})",
                )
            )
        if not all(0 <= b < 1 for b in self.betas):
            wrong.append(
                tr(
                    f"betas is {self.betas!r} but must be two numbers from 0 to below 1",
                    f"betas é {self.betas!r}, mas deve ser dois números de 0 a menos de 1",
                )
            )
        _refuse("rl", wrong)

    def optimizer(self, steps: int) -> TrainConfig:
        """What the optimizer and the learning rate's schedule are told, for a run of ``steps`` (0: unknown)."""
        steps = steps or UNKNOWN
        decay = self.decay_fraction if self.schedule == "linear" and self.decay_fraction else 0.0
        return TrainConfig(
            steps=steps,
            optimizer="adamw",
            lr=self.lr,
            embedding_lr=0.0,
            schedule="linear" if decay else "constant",
            warmup=min(self.warmup / steps, 1 - decay, 0.5),
            decay_fraction=decay or 1.0,
            min_lr=self.min_lr,
            betas=self.betas,
            clip=self.clip,
        )


@dataclass(frozen=True)
class GrpoConfig:
    """With --method grpo: a reply is as good as it is better than the other replies to its prompt.

    Raises:
        UserError: as ``RlConfig``.
    """

    clip_ratio: float = 0.2
    """A token's probability is moved no further than by this share from what it was when the reply was written."""
    kl: float = 0.0
    """Weight of the KL divergence to the first model in the loss. 0: none."""
    unbiased: bool = False
    """As Dr. GRPO: divide neither by the deviation of a group's rewards nor by a reply's length."""

    def __post_init__(self) -> None:
        _refuse("grpo", _wrong(self, above_0=("clip_ratio",), from_0=("kl",)))


@dataclass(frozen=True)
class PpoConfig:
    """With --method ppo: a second head learns to predict the reward, and a token is as good as it changes that.

    Raises:
        UserError: as ``RlConfig``.
    """

    gamma: float = 1.0
    """Discount of later rewards, a token."""
    lam: float = 0.95
    """GAE's lambda: 0 trusts the value head, 1 the rewards alone."""
    clip_ratio: float = 0.2
    """A token's probability is moved no further than by this share from what it was when the reply was written."""
    clip_value: float = 0.2
    """A value is moved no further than by this from what it was then."""
    value_weight: float = 0.1
    """Weight of the value head's loss beside the policy's."""
    kl: float = 0.05
    """Reward that a token costs for each nat it is more probable than to the first model; where kl_target is given,
    at first."""
    kl_target: float = 0.1
    """KL divergence to the first model, in nats a token, that the coefficient kl is adapted to. 0: it stays."""
    whiten_rewards: bool = False
    """Divide the rewards of tokens by their deviation."""

    def __post_init__(self) -> None:
        wrong = _wrong(
            self,
            above_0=("clip_ratio", "clip_value"),
            from_0=("value_weight", "kl", "kl_target"),
            share=("gamma", "lam"),
        )
        _refuse("ppo", wrong)


def _wrong(
    config: Any,
    *,
    whole: Iterable[str] = (),
    natural: Iterable[str] = (),
    above_0: Iterable[str] = (),
    from_0: Iterable[str] = (),
    share: Iterable[str] = (),
) -> list[str]:
    """Every field that is out of range, each in a phrase with its name, its value and what it may be."""
    rules: tuple[tuple[Iterable[str], Callable[[float], bool], str, str], ...] = (
        (whole, lambda v: v >= 1, "at least 1", "pelo menos 1"),
        (natural, lambda v: v >= 0, "0 or more", "0 ou mais"),
        (above_0, lambda v: 0 < v < math.inf, "a number above 0", "um número acima de 0"),
        (from_0, lambda v: 0 <= v < math.inf, "a number of 0 or more", "um número maior ou igual a 0"),
        (share, lambda v: 0 <= v <= 1, "between 0 and 1", "entre 0 e 1"),
    )
    return [
        tr(f"{name} is {value!r} but must be {en}", f"{name} é {value!r}, mas deve ser {pt}")
        for names, ok, en, pt in rules
        for name in names
        if not ok(value := getattr(config, name))
    ]


def _refuse(part: str, wrong: list[str]) -> None:
    if wrong:
        raise UserError(f"{part}: " + "; ".join(wrong) + ".")
