"""Group relative policy optimization (Shao et al. 2024, DeepSeekMath, arXiv 2402.03300), and Dr. GRPO.

Of a prompt's G replies with the rewards r_1 … r_G every token of reply i has the advantage

    A_i = (r_i - mean(r)) / (std(r) + eps)

and the loss is PPO's clipped one (``policy.clipped``), with b times the KL divergence to the first model (k3):

    1/G sum_i 1/|o_i| sum_t  -min(ratio A_i, clip(ratio) A_i) + b k3

Dr. GRPO (Liu et al. 2025, arXiv 2503.20783) finds two biases in it: the division by the deviation prefers prompts that
are nearly always, or never, answered right; that by the length prefers long replies where they are wrong. ``unbiased``
leaves out the first and divides by a constant, the most tokens of a reply, in place of the second.

A group whose rewards are all equal says nothing. Shapes as in ``rollouts``, and G replies of a group.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from prosa.align.policy import Measured, Writer, clipped, k3, log_probs_of
from prosa.align.rl_config import GrpoConfig
from prosa.align.rollouts import RolloutBatch
from prosa.data.batches import Batch

EPSILON = 1e-4


@dataclass(frozen=True, kw_only=True)
class GrpoBatch(RolloutBatch):
    """Replies to learn from: (R, K, L), advantages (R, K)."""

    old_log_probs: Tensor
    reference: Tensor
    advantages: Tensor


def group_advantages(rewards_N: Tensor, group: int, *, unbiased: bool = False) -> Tensor:
    """Each reward relative to its group's: (N,) -> (N,), groups side by side; 0 in a group of equal rewards.

    The deviation is of the sample (G - 1), as in DeepSeek's and other implementations.
    """
    rewards_GG = rewards_N.view(-1, group)
    apart_GG = rewards_GG - rewards_GG.mean(1, keepdim=True)
    if not unbiased:
        apart_GG = apart_GG / (rewards_GG.std(1, keepdim=True) + EPSILON)
    return apart_GG.masked_fill(all_equal(rewards_N, group)[:, None], 0.0).flatten()


def all_equal(rewards_N: Tensor, group: int) -> Tensor:
    """Which groups have one and the same reward for all replies: (N,) -> (N / group,) bool."""
    rewards_GG = rewards_N.view(-1, group)
    return (rewards_GG == rewards_GG[:, :1]).all(1)


class Grpo:
    """The method: advantages by groups, and the loss.

    Args:
        group: G, replies to a prompt.
        max_tokens: the most a reply can have; what ``unbiased`` divides by.
    """

    def __init__(self, model: Writer, config: GrpoConfig, *, group: int, max_tokens: int) -> None:
        self.model, self.config, self.group, self.max_tokens = model, config, group, max_tokens

    def worth(self, rewards_N: Tensor) -> Tensor:
        """Which replies are of groups whose rewards differ: the others have no gradient, but for a KL term's."""
        told_G = ~all_equal(rewards_N, self.group)
        if self.config.kl and bool(told_G.any()):
            told_G = torch.ones_like(told_G)
        return told_G.repeat_interleave(self.group)

    def prepare(
        self, batch: RolloutBatch, now: Measured, reference: Tensor, rewards_N: Tensor
    ) -> tuple[GrpoBatch, dict[str, float]]:
        """What minibatches are taken of, and figures."""
        equal_G = all_equal(rewards_N, self.group)
        advantages_N = group_advantages(rewards_N, self.group, unbiased=self.config.unbiased)
        made = GrpoBatch(
            **vars(batch),
            old_log_probs=now.log_probs,
            reference=reference,
            advantages=advantages_N.view(batch.targets.shape[:2]),
        )
        return made, {"groups": len(equal_G), "zero_groups": int(equal_G.sum())}

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, int, dict[str, float]]:
        """The objective (``train.objectives``); a target is a reply, or with ``unbiased`` a token it might have had."""
        assert isinstance(batch, GrpoBatch)
        there = batch.there
        logits_MV, _ = model.read(batch)
        _, log_probs_M = log_probs_of(logits_MV, batch)
        advantages_M = batch.advantages[:, :, None].expand_as(there)[there]
        losses_M, held_M = clipped(log_probs_M, batch.old_log_probs[there], advantages_M, self.config.clip_ratio)
        if self.config.kl:
            losses_M = losses_M + self.config.kl * k3(log_probs_M, batch.reference[there])
        count = batch.advantages.numel()
        if self.config.unbiased:
            count *= self.max_tokens
        else:
            losses_M = losses_M / there.sum(2, keepdim=True).expand_as(there)[there]
        return losses_M.sum(), count, {"clipped": float(held_M.sum()), "written": float(len(held_M))}

    def after(self, kl: float) -> None:
        """Nothing is adapted."""
