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
whitened over all written tokens. Shapes: N replies of L tokens, or in rows (``rollouts``); M written tokens.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from prosa.align.policy import Measured, Writer, clipped, k1, log_probs_of, written_hidden
from prosa.align.rl_config import PpoConfig
from prosa.align.rollouts import RolloutBatch
from prosa.data.batches import Batch
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

    def read(self, batch: RolloutBatch) -> tuple[Tensor, Tensor | None]:
        """See ``Writer``."""
        hidden_MC = written_hidden(self.policy, batch)
        return self.logits(hidden_MC), self.value(hidden_MC)[:, 0].float()


@dataclass(frozen=True, kw_only=True)
class PpoBatch(RolloutBatch):
    """Replies to learn from, (R, K, L)."""

    old_log_probs: Tensor
    old_values: Tensor
    advantages: Tensor
    returns: Tensor


def token_rewards(rewards_N: Tensor, kl_NL: Tensor, there_NL: Tensor, coefficient: float) -> Tensor:
    """Reward of each written token, (N, L): minus its KL penalty, and at the last one the reply's reward."""
    places_L = torch.arange(1, there_NL.shape[1] + 1, device=there_NL.device)
    last_N = (there_NL * places_L).argmax(1)
    penalties_NL = -coefficient * kl_NL * there_NL
    return penalties_NL.scatter_add(1, last_N[:, None], rewards_N[:, None].to(penalties_NL.dtype))


def gae(rewards_NL: Tensor, values_NL: Tensor, there_NL: Tensor, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Advantages and returns of the written tokens, both (N, L), 0 elsewhere."""
    advantage_N = torch.zeros_like(rewards_NL[:, 0])
    value_N = torch.zeros_like(advantage_N)  # of the next written token; nothing comes after the last
    advantages_NL = torch.zeros_like(rewards_NL)
    for t in reversed(range(rewards_NL.shape[1])):
        there_N = there_NL[:, t]
        delta_N = rewards_NL[:, t] + gamma * value_N - values_NL[:, t]
        advantage_N = torch.where(there_N, delta_N + gamma * lam * advantage_N, advantage_N)
        value_N = torch.where(there_N, values_NL[:, t], value_N)
        advantages_NL[:, t] = torch.where(there_N, advantage_N, 0.0)
    return advantages_NL, (advantages_NL + values_NL) * there_NL


def whitened(values: Tensor, there: Tensor, *, keep_mean: bool = False) -> Tensor:
    """Values of the written tokens with mean 0 (or their own mean) and variance 1 over all of them; 0 elsewhere."""
    mean = values[there].mean()
    white = (values - mean) / (values[there].var(correction=0) + 1e-8).sqrt()
    return (white + mean if keep_mean else white) * there


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

    def __init__(self, model: ActorCritic, config: PpoConfig) -> None:
        self.model, self.config = model, config

    def worth(self, rewards_N: Tensor) -> Tensor:
        """All replies."""
        return torch.ones_like(rewards_N, dtype=torch.bool)

    def prepare(
        self, batch: RolloutBatch, now: Measured, reference: Tensor, rewards_N: Tensor
    ) -> tuple[PpoBatch, dict[str, float]]:
        """What minibatches are taken of, and figures."""
        config, shape = self.config, batch.targets.shape
        there_NL, values_NL = batch.there.flatten(0, 1), now.values.flatten(0, 1)
        coefficient = float(self.model.kl_coefficient)
        kl_NL = k1(now.log_probs, reference).flatten(0, 1)
        rewards_NL = token_rewards(rewards_N, kl_NL, there_NL, coefficient)
        if config.whiten_rewards:
            rewards_NL = whitened(rewards_NL, there_NL, keep_mean=True)
        advantages_NL, returns_NL = gae(rewards_NL, values_NL, there_NL, config.gamma, config.lam)
        made = PpoBatch(
            **vars(batch),
            old_log_probs=now.log_probs,
            old_values=now.values,
            advantages=whitened(advantages_NL, there_NL).view(shape),
            returns=returns_NL.view(shape),
        )
        spread, missed = (float(x[there_NL].var(correction=0)) for x in (returns_NL, advantages_NL))
        explained = 1 - missed / spread if spread else 0.0
        return made, {"kl_coefficient": coefficient, "explained_variance": explained}

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, int, dict[str, float]]:
        """The objective (``train.objectives``); a target is a written token."""
        assert isinstance(batch, PpoBatch)
        config, there = self.config, batch.there
        logits_MV, values_M = model.read(batch)
        _, log_probs_M = log_probs_of(logits_MV, batch)
        losses_M, held_M = clipped(log_probs_M, batch.old_log_probs[there], batch.advantages[there], config.clip_ratio)
        missed_M = value_losses(values_M, batch.old_values[there], batch.returns[there], config.clip_value)
        missed = missed_M.sum()
        figures = {"clipped": float(held_M.sum()), "value_loss": float(missed.detach())}
        return losses_M.sum() + config.value_weight * missed, len(held_M), figures | {"written": float(len(held_M))}

    def after(self, kl: float) -> None:
        """Adapt the KL penalty to the divergence that was measured, in nats a token."""
        if self.config.kl_target:
            self.model.kl_coefficient.fill_(adapted(float(self.model.kl_coefficient), kl, self.config.kl_target))
