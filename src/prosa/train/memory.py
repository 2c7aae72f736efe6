"""What a training step needs of memory, known before the first one.

Weights, gradients and optimizer state follow from shapes. Activations are measured: what autograd keeps for the
backward pass of one and of two sequences, counted tensor by tensor; the difference is what each further one adds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prosa.core.device import choose_device
from prosa.core.errors import UserError
from prosa.core.language import number, size, tr
from prosa.core.processes import local_world
from prosa.data.batches import Batch
from prosa.train.config import TrainConfig
from prosa.train.loss import chunk_tokens
from prosa.train.objectives import Objective
from prosa.train.optimizers import Optimizer
from prosa.train.step import Precision, accumulate, rows
from prosa.train.wrapping import blocks, not_recomputing

MARGIN = 1.25  # temporaries of single operations, fragmentation


@dataclass(frozen=True)
class Memory:
    """Bytes, for micro-batches of ``micro_batch`` sequences."""

    weights: int
    gradients: int
    optimizer: int
    activations_fixed: int
    """However many sequences: weights in bfloat16, the head's gradient."""
    activations_a_sequence: int
    logits: int
    """A chunk's logits, their softmax and their gradient."""
    micro_batch: int

    @property
    def activations(self) -> int:
        """Of a micro-batch, logits included, with a margin for temporaries."""
        kept = self.activations_fixed + self.activations_a_sequence * self.micro_batch
        return int(MARGIN * kept) + self.logits

    @property
    def to_come(self) -> int:
        """All but the weights, which are there already."""
        return self.gradients + self.optimizer + self.activations

    def describe(self) -> str:
        """One line for the user."""
        total = size(self.weights + self.to_come)
        parts = [size(n) for n in (self.weights, self.gradients, self.optimizer, self.activations)]
        return tr(
            f"{total} (weights {parts[0]}, gradients {parts[1]}, optimizer {parts[2]}, activations {parts[3]})",
            f"{total} (pesos {parts[0]}, gradientes {parts[1]}, otimizador {parts[2]}, ativações {parts[3]})",
        )


def free_memory(device: torch.device) -> int | None:
    """Bytes a process can still get on ``device`` (of a CPU's, its share); None where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    found: list[int] = []
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
        group = Path("/sys/fs/cgroup")  # a container's own limit
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        if limit != "max":
            statistics = (group / "memory.stat").read_text(encoding="ascii").split()
            cached = int(statistics[statistics.index("inactive_file") + 1])  # given up when memory is asked for
            found.append(int(limit) - int((group / "memory.current").read_text(encoding="ascii")) + cached)
    except (OSError, ValueError):
        pass
    return min(found) // local_world() if found else None


def check_weights(parameters: int, config: TrainConfig) -> None:
    """Refuse a model before it is built when its weights, gradients and optimizer state cannot fit the memory.

    Raises:
        UserError: with what is needed, what is free and what to do.
    """
    free = free_memory(choose_device(config.device))
    need = parameters * 4 * (3 if config.optimizer == "muon" else 4)  # float32; one moment, or two
    if free is not None and need > free:
        raise UserError(
            tr(
                f"training will not fit: weights, gradients and optimizer state of {number(parameters)} parameters "
                f"take {size(need)}, but only {size(free)} are free.",
                f"o treino não cabe: pesos, gradientes e estado do otimizador de {number(parameters)} parâmetros "
                f"ocupam {size(need)}, mas só há {size(free)} livres.",
            ),
            tr("Choose a smaller model (--model.size).", "Escolha um modelo menor (--model.size)."),
        )


def activations(model: nn.Module, objective: Objective, batch: Batch, precision: Precision) -> int:
    """Bytes that autograd keeps from the forward to the backward pass of ``batch``, weights not counted.

    A storage kept by several operations counts once. Leaves the gradients of ``batch`` in the parameters.
    """
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    def keep_inputs(_: nn.Module, args: tuple[Any, ...]) -> None:
        for value in args:  # all that activation checkpointing keeps of a block
            if isinstance(value, Tensor):
                keep(value)

    hooks = [block.register_forward_pre_hook(keep_inputs) for block in blocks(model)]
    try:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            accumulate(model, objective, batch, micro_batch=len(batch.inputs), precision=precision, seed=0, step=0)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(kept.values())


def estimate(
    model: nn.Module, objective: Objective, batch: Batch, optimizer: Optimizer, precision: Precision, chunk: int
) -> Memory:
    """The memory of a step at a micro-batch of one sequence; ``dataclasses.replace`` it for more."""
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    gradients = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    fixed, each = _line(model, objective, batch, precision)
    with not_recomputing(model) as wrapped:
        if wrapped:  # in the backward pass one block at a time is there in full, with its gradients
            each += 2 * _line(model, objective, batch, precision)[1] // len(wrapped)
    vocabulary = getattr(getattr(model, "config", None), "vocab_size", 0)
    device = next(model.parameters()).device
    tokens = min(chunk_tokens(chunk, max(1, vocabulary), device), batch.inputs.numel())
    return Memory(
        weights=weights,
        gradients=gradients,
        optimizer=optimizer.state_bytes(),
        activations_fixed=fixed,
        activations_a_sequence=each,
        logits=tokens * vocabulary * (12 if precision == "float32" else 10),
        micro_batch=1,
    )


def _line(model: nn.Module, objective: Objective, batch: Batch, precision: Precision) -> tuple[int, int]:
    """Bytes kept as a fixed part and a part for each sequence, from one and two sequences."""
    device = next(model.parameters()).device
    one = activations(model, objective, rows(batch, 0, 1, device), precision)
    if len(batch.inputs) == 1:
        return 0, one
    two = activations(model, objective, rows(batch, 0, 2, device), precision)
    return max(0, 2 * one - two), two - one
