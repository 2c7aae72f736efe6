"""The arithmetic of a step: micro-batches whose gradients add up to the whole batch's, normalised by its targets.

    gradient of the step = (sum over micro-batches of d(sum of losses)) / (targets in all micro-batches)
so that 1 x 8 equals 8 x 1 also when the masks are unequal (a mean of means would not).
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from prosa.data.batches import Batch
from prosa.train.objectives import Objective
from prosa.train.parallel import Ranks, apart

Precision = Literal["float32", "bfloat16"]
B = TypeVar("B", bound=Batch)


@dataclasses.dataclass(frozen=True)
class Losses:
    """What a batch gave; its gradients are in the parameters, of the **sum** of the losses."""

    total: float
    targets: int
    extra: dict[str, float]
    """Other sums over targets, by name."""

    @property
    def mean(self) -> float:
        """Loss a target."""
        return self.total / self.targets


def rows(batch: B, start: int, stop: int, device: torch.device) -> B:
    """Sequences ``start`` to ``stop`` of every tensor of a batch, on ``device``."""
    parts = {f.name: getattr(batch, f.name) for f in dataclasses.fields(batch)}
    return dataclasses.replace(
        batch, **{k: v[start:stop].to(device, non_blocking=True) for k, v in parts.items() if isinstance(v, Tensor)}
    )


def micro_batches(batch: Batch, size: int, device: torch.device) -> Iterator[Batch]:
    """The batch in pieces of ``size`` sequences."""
    for start in range(0, len(batch.inputs), size):
        yield rows(batch, start, start + size, device)


def step_seed(seed: int, step: int, micro: int) -> int:
    """The seed of what is random in a micro-batch (dropout): a hash, so that no generator's state need be saved."""
    return int.from_bytes(hashlib.blake2b(f"{seed} {step} {micro}".encode(), digest_size=7).digest(), "little")


def computing_in(precision: Precision, device: torch.device) -> Any:
    """Context in which products are in bfloat16 over float32 weights (``torch.autocast``), or nothing for float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if precision == "bfloat16" else nullcontext()


def accumulate(
    model: Any,
    objective: Objective,
    batch: Batch,
    *,
    micro_batch: int,
    precision: Precision,
    seed: int,
    step: int,
    ranks: Ranks = Ranks(),  # noqa: B008, frozen
) -> Losses:
    """Forward and backward over all micro-batches; adds the gradient of the sum of the losses to ``.grad``.

    Args:
        model: in training mode, on its device; ``batch`` is moved there.
        seed, step: what ``step_seed`` makes dropout's seed of; torch's global generator is left at it.
        ranks: whose batch ``batch`` is a part of; with an objective that they wrapped, losses and gradients are of all.
    """
    device = next(model.parameters()).device
    total, targets = 0.0, 0
    extra: dict[str, float] = {}
    number = -(-len(batch.inputs) // micro_batch)
    for micro, part in enumerate(micro_batches(batch, micro_batch, device)):
        torch.manual_seed(step_seed(seed, step, ranks.rank * number + micro))
        with computing_in(precision, device), apart(objective, micro + 1 < number):
            loss, count, more = objective(model, part)
        torch.autograd.backward(loss)
        total += float(loss.detach())
        targets += count
        extra = {name: extra.get(name, 0.0) + value for name, value in more.items()}
    total, all_targets, *sums = ranks.sum(total, targets, *extra.values())
    return Losses(total, int(all_targets), dict(zip(extra, sums, strict=True)))


def normalise(model: nn.Module, targets: int, clip: float) -> float:
    """Divide the gradients by ``targets`` and scale them down to norm ``clip`` (0: don't).

    Returns:
        The norm (L2, over all parameters) after the division, before the clipping. Not finite: nothing was changed.
    """
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    norm = float(torch.nn.utils.get_total_norm(gradients)) / targets
    if norm == norm and norm != float("inf"):
        factor = 1.0 / targets
        if 0 < clip < norm:
            factor *= clip / norm
        for gradient in gradients:
            gradient.mul_(factor)
    return norm
