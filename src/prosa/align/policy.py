"""What a model says of the tokens of its replies: their log-probabilities, entropies, and how far it went from another.

    k1 = log p - log q        k3 = q / p - 1 - log(q / p)        for a token drawn from p

Both have KL(p || q) as their expectation over p; k3 is never negative and varies less (Schulman 2020, "Approximating KL
divergence", joschu.net/blog/kl-approx.html). Logits are made only where something was written, and are softmaxed over
the tokenizer's vocabulary alone: what pads the model's is never sampled.

Shapes as in ``rollouts``, and M written tokens, C model width, V vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from prosa.align.rollouts import RolloutBatch
from prosa.models.gpt import GPT
from prosa.nn.attention import branch_mask
from prosa.train.step import micro_batches, rows
from prosa.train.threads import each

READ_AT_ONCE = 4096
"""Tokens that a thread reads at once."""
LOGITS = 2**24
"""And the most logits that exist at the same time there."""


class Writer(nn.Module):
    """A model as what writes replies.

    Args:
        vocabulary: V, of its tokenizer.
    """

    def __init__(self, policy: GPT, vocabulary: int) -> None:
        super().__init__()
        self.policy, self.vocabulary = policy, vocabulary

    def read(self, batch: RolloutBatch) -> tuple[Tensor, Tensor | None]:
        """Logits (M, V) of the written tokens, and their values (M,), where the module has values."""
        return self.logits(written_hidden(self.policy, batch)), None

    def logits(self, hidden_MC: Tensor) -> Tensor:
        """(M, C) -> (M, V) float32."""
        return self.policy.head(hidden_MC)[:, : self.vocabulary].float()


def written_hidden(policy: GPT, batch: RolloutBatch) -> Tensor:
    """What the model makes of the tokens that the written ones come after, (M, C)."""
    longest = int(batch.lengths.max())
    inputs_RT = batch.inputs[:, :longest]
    if batch.targets.shape[1] == 1:
        hidden_RTC = policy.hidden(inputs_RT)
    else:
        mask = branch_mask(batch.branches[:, :longest])
        hidden_RTC = policy.hidden(inputs_RT, positions_BT=batch.positions[:, :longest], mask=mask)
    row, _, _ = batch.there.nonzero(as_tuple=True)
    return hidden_RTC[row, batch.places[batch.there]]


def log_probs_of(logits_MV: Tensor, batch: RolloutBatch) -> tuple[Tensor, Tensor]:
    """Log-probabilities of all tokens (M, V), and of the written ones (M,)."""
    all_MV = torch.log_softmax(logits_MV, dim=-1)
    return all_MV, all_MV.gather(1, batch.targets[batch.there][:, None])[:, 0]


@dataclass(frozen=True)
class Measured:
    """What a model says of each token of a batch, (R, K, L) float32; 0 where nothing was written."""

    log_probs: Tensor
    entropies: Tensor
    values: Tensor


def measure(model: Writer, batch: RolloutBatch, micro: int, workers: int) -> Measured:
    """Read a batch, without gradients.

    It computes as the update does, in the same pieces (and with autograd on: some of the model's parts have another
    kernel without), so that before the first update nothing differs, not in the last bit.
    """

    def one(part: RolloutBatch) -> tuple[Tensor, ...]:
        logits_MV, values_M = model.read(part)
        all_MV, log_probs_M = (t.detach() for t in log_probs_of(logits_MV, part))
        entropies_M = -(all_MV.exp() * all_MV).sum(-1)
        return log_probs_M, entropies_M, torch.zeros_like(log_probs_M) if values_M is None else values_M.detach()

    with torch.enable_grad():
        parts = list(pieces(batch, micro, workers))
        found = each(one, parts, workers) if workers > 1 else [one(part) for part in parts]
    filled = []
    for values in zip(*found, strict=True):
        whole_RKL = torch.zeros(batch.targets.shape, device=batch.targets.device)
        whole_RKL[batch.there] = torch.cat(values)
        filled.append(whole_RKL)
    return Measured(*filled)


def pieces(batch: RolloutBatch, micro: int, workers: int) -> Iterator[RolloutBatch]:
    """The parts of a batch that are read at once, in order; the same as ``train.workers`` and ``train.step`` take."""
    device = batch.inputs.device
    for part in micro_batches(batch, micro, device):
        share = -(-len(part.inputs) // workers)
        for start in range(0, len(part.inputs), share):
            yield rows(part, start, start + share, device)  # type: ignore[misc]


def micro_batch(batch: RolloutBatch, vocabulary: int, workers: int) -> int:
    """Rows that are read at once by all threads together."""
    longest, most = int(batch.lengths.max()), int(batch.there.sum((1, 2)).max())
    return max(1, min(READ_AT_ONCE // longest, LOGITS // (most * vocabulary))) * workers


B = TypeVar("B", bound=RolloutBatch)


def chosen_rows(batch: B, order_R: Tensor) -> B:
    """The rows of every tensor of a batch, in this order."""
    return replace(batch, **{k: v[order_R] for k, v in vars(batch).items() if isinstance(v, Tensor)})


def k1(log_p: Tensor, log_q: Tensor) -> Tensor:
    """The plain estimate of KL(p || q), a token each, any shape."""
    return log_p - log_q


def k3(log_p: Tensor, log_q: Tensor) -> Tensor:
    """The estimate that is never negative, a token each, any shape."""
    log_ratio = log_q - log_p
    return log_ratio.expm1() - log_ratio


def clipped(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    """PPO's loss of each token (Schulman et al. 2017, arXiv 1707.06347, eq. 7), any shape.

    r = p / p_old;  loss = -min(r A, clip(r, 1 - c, 1 + c) A)

    Returns:
        the losses, and where the clip took the gradient away.
    """
    ratios = (log_probs - old_log_probs).exp()
    free, held = -ratios * advantages, -ratios.clamp(1 - clip, 1 + clip) * advantages
    return torch.maximum(free, held), held > free
