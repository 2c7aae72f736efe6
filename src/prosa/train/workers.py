"""Threads that share the rows of a micro-batch: data parallelism inside one process, on a CPU.

Of a small model every product is too short to be split among cores: they wait for each other more than they compute.
So each thread takes some of the rows through the whole model alone, and the gradients are added up in a fixed order:
the result does not depend on which thread was faster. All read the same weights. In bfloat16 these are a copy, made
anew from the float32 weights at every step; embedding tables stay float32: their gradients are sums over many tokens.

Not for a model with dropout (its draws would come in the threads' order) or with recomputed blocks.
"""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.data.batches import Batch
from prosa.train.objectives import Objective
from prosa.train.parallel import Ranks
from prosa.train.step import Losses, Precision, accumulate, micro_batches, rows
from prosa.train.threads import each
from prosa.train.wrapping import Compiled

Gradients = list[Tensor | None]


class Workers:
    """A model as ``number`` threads compute with it.

    Args:
        model: on the CPU; its weights are read at the beginning of every ``accumulate``.
        compiled: compute with ``torch.compile``; the first call compiles.
    """

    def __init__(self, model: nn.Module, number: int, precision: Precision, *, compiled: bool = False) -> None:
        self.model, self.number = model, number
        self.twin = model if precision == "float32" else _in_bfloat16(model)
        self.runner: Any = Compiled(self.twin, threads=1) if compiled else self.twin
        self._warm = not compiled

    def accumulate(self, objective: Objective, batch: Batch, *, micro_batch: int) -> Losses:
        """``step.accumulate`` for this model: adds the gradient of the sum of the losses to the model's ``.grad``."""
        ours, theirs = _trainable(self.model, self.twin)

        def one(part: Batch) -> tuple[float, int, dict[str, float], Gradients]:
            loss, count, more = objective(self.runner, part)
            found: Any = torch.autograd.grad(loss, theirs, allow_unused=True)
            return float(loss.detach()), count, more, list(found)

        if self.twin is not self.model:
            self.twin.train(self.model.training)
            with torch.no_grad():
                torch._foreach_copy_(theirs, ours)
        total, targets = 0.0, 0
        extra: dict[str, float] = {}
        for part in micro_batches(batch, micro_batch, torch.device("cpu")):
            share = -(-len(part.inputs) // self.number)
            parts = [rows(part, i, i + share, torch.device("cpu")) for i in range(0, len(part.inputs), share)]
            if not self._warm:  # one thread compiles for all
                each(one, parts[:1], self.number)
                self._warm = True
            for loss, count, more, found in each(one, parts, self.number):
                _add(ours, found)
                total, targets = total + loss, targets + count
                extra = {name: extra.get(name, 0.0) + value for name, value in more.items()}
        return Losses(total, targets, extra)


def gradients(
    runner: Any,
    objective: Objective,
    batch: Batch,
    *,
    micro_batch: int,
    precision: Precision,
    seed: int,
    step: int,
    ranks: Ranks = Ranks(),  # noqa: B008, frozen
) -> Losses:
    """``step.accumulate`` by whatever computes: the model, compiled or not, or (in the only process) threads."""
    if isinstance(runner, Workers):
        return runner.accumulate(objective, batch, micro_batch=micro_batch)
    return accumulate(
        runner,
        objective,
        batch,
        micro_batch=micro_batch,
        precision=precision,
        seed=seed,
        step=step,
        ranks=ranks,
    )


def can_share_rows(model: nn.Module) -> bool:
    """Whether threads give what one gives: no dropout, no recomputed blocks."""
    dropout = any(isinstance(m, nn.Dropout) and m.p > 0 for m in model.modules())
    return not dropout and not any("forward" in vars(m) for m in model.modules())


def _trainable(model: nn.Module, twin: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """The parameters that get gradients, and the twin's in the same order."""
    pairs = [(p, q) for p, q in zip(model.parameters(), twin.parameters(), strict=True) if p.requires_grad]
    return [p for p, _ in pairs], [q for _, q in pairs]


def _add(parameters: list[Tensor], gradients: Gradients) -> None:
    """Add to ``.grad``, in float32."""
    with torch.no_grad():
        there = [
            (p.grad, g) for p, g in zip(parameters, gradients, strict=True) if p.grad is not None and g is not None
        ]
        if there:
            torch._foreach_add_([old for old, _ in there], [new.to(old.dtype) for old, new in there])
        for p, g in zip(parameters, gradients, strict=True):
            if p.grad is None and g is not None:
                p.grad = g.to(p.dtype)


def _in_bfloat16(model: nn.Module) -> nn.Module:
    """A copy that computes in bfloat16, with the model's own embedding tables."""
    tables = {id(m.weight): m.weight for m in model.modules() if isinstance(m, nn.Embedding)}
    twin = copy.deepcopy(model, dict(tables))
    for module in list(twin.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Embedding):
                setattr(module, name, _Table(child))
    for p in twin.parameters():
        if id(p) not in tables:
            p.data = p.data.bfloat16()
    return twin


class _Table(nn.Module):
    """An embedding whose table is float32 and whose vectors are bfloat16."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        self.table = table

    @property
    def weight(self) -> Tensor:
        """The table as a tied head uses it."""
        return self.table.weight.bfloat16()

    def forward(self, ids: Tensor) -> Tensor:
        """(...) -> (..., C) bfloat16."""
        return F.embedding(ids, self.table.weight).bfloat16()
