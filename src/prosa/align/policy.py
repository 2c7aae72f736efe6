"""What a model says of the tokens of its replies: their log-probabilities, entropies, and how far it went from another.

    k1 = log p - log q        k3 = q / p - 1 - log(q / p)        for a token drawn from p

Both have KL(p || q) as their expectation over p; k3 is never negative and varies less (Schulman 2020, "Approximating KL
divergence", joschu.net/blog/kl-approx.html). Logits are made only where something was written, and are softmaxed over
the tokenizer's vocabulary alone: what pads the model's is never sampled.

Shapes: N replies, T tokens, M written tokens of them, C model width, V vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from prosa.data.batches import IGNORE, Batch
from prosa.models.gpt import GPT
from prosa.train.step import micro_batches, rows
from prosa.train.threads import each

LOGITS = 2**24
"""Logits that exist at the same time, in a thread."""


class Policy(Protocol):
    """A module that writes, and may value what it wrote."""

    def read(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Logits (M, V) of the written tokens of a batch, and their values (M,)."""
        ...


class Writer(torch.nn.Module):
    """A model as what writes replies, and no more.

    Args:
        vocabulary: V, of its tokenizer.
    """

    def __init__(self, policy: GPT, vocabulary: int) -> None:
        super().__init__()
        self.policy, self.vocabulary = policy, vocabulary

    def read(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """See ``Policy``; no values."""
        return self.policy.head(written_hidden(self.policy, batch))[:, : self.vocabulary].float(), None


def written_hidden(policy: GPT, batch: Batch) -> Tensor:
    """What the model makes of the tokens before the written ones, (M, C); what comes after the last is not computed."""
    there_NT = batch.targets != IGNORE
    longest = int(there_NT.any(0).nonzero().max()) + 1
    hidden_NTC = policy.hidden(batch.inputs[:, :longest])
    return hidden_NTC[there_NT[:, :longest]]


def log_probs_of(logits_MV: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Log-probabilities of all tokens (M, V), and of the written ones (M,)."""
    all_MV = torch.log_softmax(logits_MV, dim=-1)
    targets_M = batch.targets[batch.targets != IGNORE]
    return all_MV, all_MV.gather(1, targets_M[:, None])[:, 0]


@dataclass(frozen=True)
class Measured:
    """What a model says of each token of a batch; 0 where nothing was written. All (N, T) float32."""

    log_probs: Tensor
    entropies: Tensor
    values: Tensor


def measure(policy: Policy, batch: Batch, micro: int, workers: int) -> Measured:
    """Read a batch, without gradients.

    It computes as the update does, in the same pieces (and with autograd on: some of the model's parts have another
    kernel without), so that before the first update nothing differs, not in the last bit.
    """

    def one(part: Batch) -> tuple[Tensor, Tensor, Tensor]:
        logits_MV, values_M = policy.read(part)
        all_MV, log_probs_M = (t.detach() for t in log_probs_of(logits_MV, part))
        entropies_M = -(all_MV.exp() * all_MV).sum(-1)
        values_M = torch.zeros_like(log_probs_M) if values_M is None else values_M.detach()
        return log_probs_M, entropies_M, values_M

    with torch.enable_grad():
        found = _in_threads(one, list(pieces(batch, micro, workers)), workers)
    there_NT = batch.targets != IGNORE
    filled = []
    for parts in zip(*found, strict=True):
        whole_NT = torch.zeros(batch.targets.shape, device=batch.targets.device)
        whole_NT[there_NT] = torch.cat(parts)
        filled.append(whole_NT)
    return Measured(*filled)


def _in_threads(one: Any, parts: list[Batch], workers: int) -> list[tuple[Tensor, ...]]:
    return each(one, parts, workers) if workers > 1 else [one(part) for part in parts]


def pieces(batch: Batch, micro: int, workers: int) -> Iterator[Batch]:
    """The parts of a batch that are read at once, in order; the same as ``train.workers`` and ``train.step`` take."""
    device = batch.inputs.device
    for part in micro_batches(batch, micro, device):
        share = -(-len(part.inputs) // workers)
        for start in range(0, len(part.inputs), share):
            yield rows(part, start, start + share, device)


def micro_batch(batch: Batch, vocabulary: int, workers: int) -> int:
    """Rows that are read at once, so that their logits are not more than ``LOGITS`` a thread."""
    longest = int((batch.targets != IGNORE).sum(1).max())
    return max(1, min(32, LOGITS // (longest * vocabulary))) * workers


def row_lengths(batch: Batch) -> Tensor:
    """How many tokens of each row are read: up to the last that was written, (N,)."""
    places_T = torch.arange(1, batch.targets.shape[1] + 1, device=batch.targets.device)
    return ((batch.targets != IGNORE) * places_T).amax(1)


def k1(log_p: Tensor, log_q: Tensor) -> Tensor:
    """The plain estimate of KL(p || q), a token each, any shape."""
    return log_p - log_q


def k3(log_p: Tensor, log_q: Tensor) -> Tensor:
    """The estimate that is never negative, a token each, any shape."""
    log_ratio = log_q - log_p
    return log_ratio.expm1() - log_ratio


def clipped(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, clip: float) -> tuple[Tensor, Tensor, Tensor]:
    """PPO's loss of each token (Schulman et al. 2017, arXiv 1707.06347, eq. 7), any shape.

    r = p / p_old;  loss = -min(r A, clip(r, 1 - c, 1 + c) A)

    Returns:
        the losses, the ratios r (without gradient), and where the clip took the gradient away.
    """
    ratios = (log_probs - old_log_probs).exp()
    free, held = -ratios * advantages, -ratios.clamp(1 - clip, 1 + clip) * advantages
    return torch.maximum(free, held), ratios.detach(), held > free


def chosen_rows(batch: Any, order: Tensor) -> Any:
    """The rows of every tensor of a batch, in this order."""
    return replace(batch, **{k: v[order] for k, v in vars(batch).items() if isinstance(v, Tensor)})
