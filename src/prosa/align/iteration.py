"""One iteration of reinforcement learning: replies, rewards, advantages, and an optimizer step a minibatch.

It is a function of (weights, optimizer state, iteration, seed) alone: prompts, replies and the order of minibatches
come from (seed, iteration), old and reference log-probabilities from forward passes, and what else is adapted (PPO's
KL coefficient) is a buffer of the model.
"""

import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from prosa.align.guards import check_runaway
from prosa.align.policy import Measured, Writer, chosen_rows, k1, k3, measure, micro_batch
from prosa.align.prompts import Prompts
from prosa.align.rewards import Reward
from prosa.align.rl_config import RlConfig
from prosa.align.rollouts import RolloutBatch, Rollouts, roll_out
from prosa.core.language import tr
from prosa.core.progress import say
from prosa.data.batches import Batch
from prosa.data.permutation import derive_seed
from prosa.generate.engine import Engine
from prosa.generate.tools.toolbox import Toolbox
from prosa.tokenizers.chat import ChatEncoder
from prosa.train.checkpoint import newest_good
from prosa.train.loop import TrainingDiverged
from prosa.train.optimizers import Optimizer
from prosa.train.schedules import learning_rate_factor
from prosa.train.step import normalise, rows
from prosa.train.threads import leaving_cores_free
from prosa.train.workers import Workers, gradients


class Method(Protocol):
    """PPO or GRPO: what is learnt from replies and their rewards. It is also an objective (``train.objectives``)."""

    @property
    def model(self) -> Writer:
        """What is trained."""
        ...

    def worth(self, rewards_N: Tensor) -> Tensor:
        """Which replies something can be learnt from, (N,) bool, alike for all of a group."""
        ...

    def prepare(
        self, batch: RolloutBatch, now: Measured, reference: Tensor, rewards_N: Tensor
    ) -> tuple[RolloutBatch, dict[str, float]]:
        """What minibatches are taken of, all replies, and figures."""
        ...

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, int, dict[str, float]]:
        """Sum of the losses, over how many targets, and other sums."""
        ...

    def after(self, kl: float) -> None:
        """Adapt what is adapted, after an iteration."""
        ...


@dataclass(frozen=True)
class World:
    """What a model is asked, and what its replies are worth.

    Attributes:
        toolbox: tools that replies may call; None: none.
    """

    encoder: ChatEncoder
    prompts: Prompts
    reward: Reward
    toolbox: Toolbox | None = None


class Iteration:
    """What an iteration needs, and does.

    Args:
        reference: the model that divergence is measured from.
        workers: threads that share the work.
        first: the figures of the first iteration; empty before it.
        checkpoints: their folder, for what is said when something goes wrong.
    """

    def __init__(
        self,
        method: Method,
        reference: Writer,
        world: World,
        config: RlConfig,
        optimizer: Optimizer,
        *,
        workers: int,
        first: Mapping[str, Any],
        checkpoints: Path,
    ) -> None:
        self.method, self.reference, self.world, self.config = method, reference, world, config
        self.optimizer, self.workers, self.first, self.checkpoints = optimizer, workers, first, checkpoints
        self.model = method.model
        device: Any = next(self.model.parameters()).device.type
        self.engine = Engine(self.model.policy, world.encoder.tokenizer, device=device, precision="float32")
        self.runner: Any = Workers(self.model, workers, "float32") if workers > 1 else self.model
        self.idle = False

    def run(self, step: int, steps: int) -> tuple[Rollouts, list[float], dict[str, float]]:
        """Do iteration ``step`` of ``steps`` (0: not settled): its replies, their rewards, and figures.

        Raises:
            UserError: the model runs away, or a loss or gradient is not finite (``TrainingDiverged``).
        """
        start = time.perf_counter()
        with leaving_cores_free() if self.workers > 1 else nullcontext():
            rollouts = self._roll_out(step)
            generated = time.perf_counter() - start
            rewards = self.world.reward(rollouts.asked, rollouts.replies)
            figures = self._learn(step, steps, rollouts, torch.tensor(rewards, dtype=torch.float32))
        return rollouts, rewards, figures | {"generating": generated / (time.perf_counter() - start)}

    def _roll_out(self, step: int) -> Rollouts:
        config, world = self.config, self.world
        return roll_out(
            self.engine,
            world.encoder,
            world.prompts.at(step - 1, config.replies // config.group),
            samples=config.group,
            max_tokens=config.max_tokens,
            seed=config.seed,
            step=step,
            toolbox=world.toolbox,
        )

    def _learn(self, step: int, steps: int, rollouts: Rollouts, rewards_N: Tensor) -> dict[str, float]:
        """Advantages, and an optimizer step a minibatch."""
        config, method = self.config, self.method
        device = next(self.model.parameters()).device
        rewards_N = rewards_N.to(device)
        batch = rows(rollouts.batch, 0, len(rewards_N), device)
        assert isinstance(batch, RolloutBatch)
        micro = micro_batch(batch, self.model.vocabulary, self.workers)
        told_R = method.worth(rewards_N).view(batch.targets.shape[:2])[:, 0]
        now, first = (self._read(model, batch, step, told_R, micro) for model in (self.model, self.reference))
        ready, more = method.prepare(batch, now, first.log_probs, rewards_N)
        there = batch.there
        figures = {
            "reward": float(rewards_N.double().mean()),
            "reward_deviation": float(rewards_N.double().std(correction=0)),
            "kl": float(k3(now.log_probs, first.log_probs)[there].mean()),
            "kl_k1": float(k1(now.log_probs, first.log_probs)[there].mean()),
            "entropy": float(now.entropies[there].mean()),
            "length": rollouts.written / len(rewards_N),
            "finished": rollouts.finished,
            **more,
        }
        self.first = self.first or figures
        check_runaway(step, figures, self.first, config, newest_good(self.checkpoints))
        if not self.idle and not bool(told_R.any()):
            say(
                tr(
                    f"iteration {step}: the replies to each prompt have equal rewards, so nothing is learnt from them.",
                    f"iteração {step}: as respostas a cada prompt têm recompensas iguais; nada se aprende com elas.",
                )
            )
            self.idle = True
        factor = learning_rate_factor(step, config.optimizer(steps))
        self.optimizer.set_lr(factor)
        sums: dict[str, float] = {}
        norms = []
        for epoch in range(config.epochs):
            for chosen in self._minibatches(batch, told_R, step, epoch):
                losses = gradients(
                    self.runner,
                    method,
                    chosen_rows(ready, chosen),
                    micro_batch=micro,
                    precision="float32",
                    seed=config.seed,
                    step=step,
                )
                norm = normalise(self.model, losses.targets, config.clip)
                if not (math.isfinite(losses.total) and math.isfinite(norm)):
                    raise self._diverged(step, losses.mean, norm)
                self.optimizer.step()
                self.model.zero_grad(set_to_none=True)
                norms.append(norm)
                for name, value in {**losses.extra, "loss": losses.mean}.items():
                    sums[name] = sums.get(name, 0.0) + value
        method.after(figures["kl_k1"])
        return figures | _summed(sums, norms) | {"lr": config.lr * factor, "updates": len(norms)}

    def _minibatches(self, batch: RolloutBatch, told_R: Tensor, step: int, epoch: int) -> list[Tensor]:
        """Rows of each optimizer step of a pass, in a random order; within one, those of like length together."""
        rows_K = told_R.nonzero()[:, 0].cpu()
        if not len(rows_K):
            return []
        order = np.random.default_rng(derive_seed(self.config.seed, "order", step, epoch)).permutation(len(rows_K))
        number = -(-len(rows_K) * batch.targets.shape[1] // self.config.minibatch)
        lengths_R = batch.lengths.cpu()
        parts = (rows_K[torch.from_numpy(part)] for part in np.array_split(order, min(number, len(order))))
        return [part[lengths_R[part].argsort(stable=True)].to(told_R.device) for part in parts]

    def _read(self, model: Writer, batch: RolloutBatch, step: int, told_R: Tensor, micro: int) -> Measured:
        """What a model says of all replies: in the minibatches of the first pass, then those that teach nothing."""
        rest = (~told_R).nonzero()[:, 0]
        chosen = [*self._minibatches(batch, told_R, step, 0), *([rest] if len(rest) else [])]
        found = [measure(model, chosen_rows(batch, part), micro, self.workers) for part in chosen]
        back = torch.cat(chosen).argsort()
        return Measured(
            torch.cat([part.log_probs for part in found])[back],
            torch.cat([part.entropies for part in found])[back],
            torch.cat([part.values for part in found])[back],
        )

    def _diverged(self, step: int, loss: float, norm: float) -> TrainingDiverged:
        good = newest_good(self.checkpoints)
        return TrainingDiverged(
            tr(
                f"training diverged in iteration {step}: the loss is {loss:g} and the gradient's norm {norm:g}. The "
                f"last good checkpoint is {good}.",
                f"o treino divergiu na iteração {step}: a perda é {loss:g} e a norma do gradiente {norm:g}. O último "
                f"checkpoint bom é {good}.",
            ),
            tr(
                "Lower rl.lr or lengthen rl.warmup; then go on with --resume auto.",
                "Diminua rl.lr ou aumente rl.warmup; depois, --resume auto.",
            ),
        )


def _summed(sums: Mapping[str, float], norms: list[float]) -> dict[str, float]:
    """The figures of an iteration's optimizer steps."""
    if not norms:
        return {}
    written = sums["written"]
    found = {"loss": sums["loss"] / len(norms), "grad_norm": sum(norms) / len(norms)}
    found["clip_fraction"] = sums["clipped"] / written
    if "value_loss" in sums:
        found["value_loss"] = sums["value_loss"] / written
    return found
