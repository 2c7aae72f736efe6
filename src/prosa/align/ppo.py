"""Proximal policy optimization for replies (Schulman et al. 2017, arXiv 1707.06347), as Ziegler et al. (2019, arXiv
1909.08593) and Ouyang et al. (2022, arXiv 2203.02155) use it.

A reply is an episode, its written tokens are the actions. Each token costs what it takes the model away from the one
it began as, and the last one earns the reward of the whole:

    r_t = -b (log p(t) - log p_first(t)) + [t is last] reward
    A_t = sum_l (gamma lambda)^l d_{t+l},   d_t = r_t + gamma V_{t+1} - V_t          (GAE, Schulman et al. 2016,
    R_t = A_t + V_t                                                                   arXiv 1506.02438)
    loss = clipped policy loss (policy.clipped) + c 1/2 max((V - R)^2, (clip(V) - R)^2)
    b <- b (1 + 0.1 clip(KL / target - 1, -0.2, 0.2))                                (Ziegler et al., 2.2)

What a tool gave is between two actions and no action itself: V of the next action follows. A means its advantage
whitened over all written tokens. Shapes: N replies, T tokens, M written tokens.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from prosa.align.policy import Measured, Writer, clipped, k1, log_probs_of, written_hidden
from prosa.align.rl_config import PpoConfig
from prosa.data.batches import IGNORE, Batch
from prosa.models.gpt import GPT

ADAPTING, MOST = 0.1, 0.2  # Ziegler's K_b, and the bounds of the error


class ActorCritic(Writer):
    """A model with a second head, which values what was written so far; zero at first.

    The KL penalty's coefficient is a buffer, so that checkpoints hold it.
    """

    kl_coefficient: Tensor

    def __init__(self, policy: GPT, vocabulary: int, kl_coefficient: float) -> None:
        super().__init__(policy, vocabulary)
        self.value = nn.Linear(policy.config.d_model, 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)
        self.register_buffer("kl_coefficient", torch.tensor(kl_coefficient, dtype=torch.float64))

    def read(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """See ``policy.Policy``."""
        hidden_MC = written_hidden(self.policy, batch)
        return self.policy.head(hidden_MC)[:, : self.vocabulary].float(), self.value(hidden_MC)[:, 0].float()


@dataclass(frozen=True, kw_only=True)
class PpoBatch(Batch):
    """Replies to learn from; all (N, T)."""

    old_log_probs: Tensor
    old_values: Tensor
    advantages: Tensor
    returns: Tensor


def token_rewards(rewards_N: Tensor, kl_NT: Tensor, there_NT: Tensor, coefficient: float) -> Tensor:
    """Reward of each written token, (N, T): minus its KL penalty, and at the last one the reply's reward."""
    places = torch.arange(1, there_NT.shape[1] + 1, device=there_NT.device)
    last_N = (there_NT * places).argmax(1)
    rewards_NT = -coefficient * kl_NT * there_NT
    return rewards_NT.scatter_add(1, last_N[:, None], rewards_N[:, None].to(rewards_NT.dtype))


def gae(rewards_NT: Tensor, values_NT: Tensor, there_NT: Tensor, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Advantages and returns of the written tokens, both (N, T), 0 elsewhere."""
    advantage_N = torch.zeros_like(rewards_NT[:, 0])
    value_N = torch.zeros_like(advantage_N)  # of the next written token; nothing comes after the last
    advantages_NT = torch.zeros_like(rewards_NT)
    for t in reversed(range(rewards_NT.shape[1])):
        there_N = there_NT[:, t]
        delta_N = rewards_NT[:, t] + gamma * value_N - values_NT[:, t]
        advantage_N = torch.where(there_N, delta_N + gamma * lam * advantage_N, advantage_N)
        value_N = torch.where(there_N, values_NT[:, t], value_N)
        advantages_NT[:, t] = torch.where(there_N, advantage_N, 0.0)
    return advantages_NT, (advantages_NT + values_NT) * there_NT


def whitened(values_NT: Tensor, there_NT: Tensor, *, keep_mean: bool = False) -> Tensor:
    """Values of the written tokens with mean 0 (or their own mean) and variance 1 over all of them; 0 elsewhere."""
    values_M = values_NT[there_NT]
    mean = values_M.mean()
    white_NT = (values_NT - mean) / (values_M.var(correction=0) + 1e-8).sqrt()
    return (white_NT + mean if keep_mean else white_NT) * there_NT


def value_losses(values: Tensor, old_values: Tensor, returns: Tensor, clip: float) -> Tensor:
    """Half the squared error, the larger of the value's and the clipped value's; any shape."""
    near = old_values + (values - old_values).clamp(-clip, clip)
    return 0.5 * torch.maximum((values - returns) ** 2, (near - returns) ** 2)


def adapted(coefficient: float, kl: float, target: float) -> float:
    """The KL penalty's coefficient for the next iteration; ``kl`` and ``target`` in the same unit."""
    error = max(-MOST, min(MOST, kl / target - 1))
    return coefficient * (1 + ADAPTING * error)


class Ppo:
    """The method: token rewards, advantages by GAE, and the loss."""

    group = 1

    def __init__(self, model: ActorCritic, config: PpoConfig) -> None:
        self.model, self.config = model, config

    def worth(self, rewards_N: Tensor) -> Tensor:
        """All replies."""
        return torch.arange(len(rewards_N), device=rewards_N.device)

    def prepare(
        self, batch: Batch, now: Measured, reference_NT: Tensor, rewards_N: Tensor
    ) -> tuple[PpoBatch, dict[str, float]]:
        """What minibatches are taken of, and figures."""
        config, there_NT = self.config, batch.targets != IGNORE
        coefficient = float(self.model.kl_coefficient)
        rewards_NT = token_rewards(rewards_N, k1(now.log_probs, reference_NT), there_NT, coefficient)
        if config.whiten_rewards:
            rewards_NT = whitened(rewards_NT, there_NT, keep_mean=True)
        advantages_NT, returns_NT = gae(rewards_NT, now.values, there_NT, config.gamma, config.lam)
        advantages_NT = whitened(advantages_NT, there_NT)
        made = PpoBatch(
            inputs=batch.inputs,
            targets=batch.targets,
            old_log_probs=now.log_probs,
            old_values=now.values,
            advantages=advantages_NT,
            returns=returns_NT,
        )
        spread = float(returns_NT[there_NT].var(correction=0))
        missed = float((returns_NT - now.values)[there_NT].var(correction=0))
        figures = {"value": float(now.values[there_NT].mean()), "kl_coefficient": coefficient}
        return made, figures | {"explained": 1 - missed / spread if spread else 0.0}

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, int, dict[str, float]]:
        """The objective (``train.objectives.Objective``): a target is a written token."""
        assert isinstance(batch, PpoBatch)
        there_NT = batch.targets != IGNORE
        logits_MV, values_M = model.read(batch)
        _, log_probs_M = log_probs_of(logits_MV, batch)
        losses_M, _, held_M = clipped(
            log_probs_M, batch.old_log_probs[there_NT], batch.advantages[there_NT], self.config.clip_ratio
        )
        values = value_losses(
            values_M, batch.old_values[there_NT], batch.returns[there_NT], self.config.clip_value
        ).sum()
        figures = {
            "clipped": float(held_M.sum()),
            "written": float(len(held_M)),
            "value_loss": float(values.detach()),
        }
        return losses_M.sum() + self.config.value_weight * values, len(held_M), figures

    def after(self, kl: float) -> None:
        """Adapt the KL penalty to the divergence that was measured, in nats a token."""
        if self.config.kl_target:
            self.model.kl_coefficient.fill_(adapted(float(self.model.kl_coefficient), kl, self.config.kl_target))
