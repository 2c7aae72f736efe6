"""``prosa plan``: what a training takes before it is begun: memory, FLOPs, time and money.

FLOPs a token, forward and backward (PaLM, arXiv 2204.02311, appendix B):  6 N + 12 L H Q T, with N all parameters but
an untied embedding; beside it the rule of thumb 6 N D for D tokens (Kaplan et al., arXiv 2001.08361).
Activations, where autograd keeps them in 2 bytes and attention's weights are not kept (Korthikanti et al., arXiv
2205.05198, section 4):  34 B T C bytes a layer. A tight model on a CPU keeps more; ``prosa pretrain`` measures its own
before the first step.
"""

from dataclasses import dataclass
from typing import Any

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.pipeline.model_choice import ModelChoice
from prosa.tokenizers.config import TokenizerConfig
from prosa.train.config import TrainConfig


@dataclass(frozen=True)
class Machine:
    """One device."""

    flops: float
    """Dense bfloat16 matrix products, FLOP/s, by the maker's data sheet (without sparsity)."""
    memory: float
    """Bytes."""


MACHINES = {
    "v100": Machine(125e12, 32e9),  # float16
    "a100": Machine(312e12, 80e9),
    "l4": Machine(121e12, 24e9),
    "rtx4090": Machine(165e12, 24e9),
    "h100": Machine(989e12, 80e9),
    "h200": Machine(989e12, 141e9),
    "b200": Machine(2250e12, 180e9),
}
THIS = "this"
CHINCHILLA = 20.0  # tokens a parameter at which a compute budget is best spent (Hoffmann et al., arXiv 2203.15556)


@dataclass(frozen=True)
class Plan:
    """What a training takes. Bytes, FLOPs, seconds; a device-hour's price is in whatever currency it was given."""

    model: dict[str, Any]
    parameters: dict[str, int]  # by part, and total
    refused: str | None  # why this model can be counted but not built
    memory: dict[str, float]
    tokens: float
    flops: float  # exact
    flops_6nd: float
    machine: dict[str, Any]
    seconds: float
    cost: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(self.__dict__)


def plan(
    *,
    model: ModelChoice = ModelChoice(),
    tokenizer: TokenizerConfig = TokenizerConfig(),
    train: TrainConfig = TrainConfig(),
    tokens: float = 0.0,
    machine: str = THIS,
    devices: int = 1,
    utilization: float = 0.4,
    price: float = 0.0,
) -> Plan:
    """Parameters, memory, FLOPs, time and cost of a training, without training.

    Args:
        model: The model's shape.
        tokenizer: Its vocab_size is the model's; 0: the size's published one, or 32,768.
        train: The training.
        tokens: Training tokens, for example 300e9. 0: train.steps, or what train.minutes allow on this machine.
        machine: this (measured), or v100, a100, l4, rtx4090, h100, h200, b200.
        devices: How many of them.
        utilization: Share of the peak that training reaches (model FLOPs utilization), above 0 to 1.
        price: Of one device for an hour, in any currency.

    Raises:
        UserError: an unknown machine or size, or a number out of range.
    """
    from prosa.models.sizes import PUBLISHED_CONTEXT, count_parameters

    _check(tokens, devices, utilization, price)
    published = not model.depth and model.size in PUBLISHED_CONTEXT
    shape = model.shape_of(tokenizer.vocab_size or (None if published else 32768))
    refused = None
    try:
        shape.check()
    except UserError as error:
        refused = error.what
    counted = count_parameters(shape)
    n = counted.total - (0 if shape.tied else shape.vocab_size * shape.d_model)
    if shape.positions == "learned":
        n -= shape.context * shape.d_model
    a_token = 6.0 * n + 12.0 * shape.n_layer * shape.n_head * shape.head_dim * shape.context
    device = _machine(machine)
    speed = device.flops * devices * utilization / a_token
    a_step = train.batch_size * shape.context
    if not tokens:
        tokens = float(train.steps * a_step) or train.minutes * 60 * speed or CHINCHILLA * counted.total
    seconds = tokens / speed
    micro = train.micro_batch or train.batch_size
    return Plan(
        model={"name": model.size if not model.depth else f"depth {model.depth}", **shape.__dict__},
        parameters={**counted.__dict__, "total": counted.total},
        refused=refused,
        memory=_memory(counted.total, shape, train, micro, device.memory),
        tokens=tokens,
        flops=a_token * tokens,
        flops_6nd=6.0 * counted.total * tokens,
        machine={"name": machine, **device.__dict__, "devices": devices, "utilization": utilization},
        seconds=seconds,
        cost=seconds / 3600 * devices * price if price else None,
    )


def _memory(parameters: int, shape: Any, train: TrainConfig, micro: int, room: float) -> dict[str, float]:
    """Bytes of a step on one device that holds everything, and over how many it would have to be spread."""
    hidden = parameters - shape.vocab_size * shape.d_model * (1 if shape.tied else 2)
    moments = 2 * parameters - (hidden if train.optimizer == "muon" else 0)
    parts = {
        "weights": 4.0 * parameters,
        "gradients": 4.0 * parameters,
        "optimizer": 4.0 * moments,
        "activations": 34.0 * micro * shape.context * shape.d_model * shape.n_layer,
        "logits": 10.0 * min(train.loss_chunk, micro * shape.context) * shape.vocab_size,
    }
    if train.activation_checkpointing:
        parts["activations"] = 2.0 * micro * shape.context * shape.d_model * (shape.n_layer + 17)
    total = sum(parts.values())
    return {**parts, "total": total, "room": room, "devices": max(1.0, -(-total // room))}


def _machine(name: str) -> Machine:
    if name != THIS:
        if name not in MACHINES:
            raise unknown(tr("machine", "máquina"), name, (THIS, *MACHINES))
        return MACHINES[name]
    import torch

    from prosa.core.device import choose_device
    from prosa.train.memory import free_memory
    from prosa.train.speed import matmul_peak

    device = choose_device()
    peaks = [matmul_peak(device, dtype) for dtype in (torch.bfloat16, torch.float32)]
    return Machine(max(peaks), float(free_memory(device) or 0) or float("inf"))


def _check(tokens: float, devices: int, utilization: float, price: float) -> None:
    wrong = []
    if not 0 <= tokens < float("inf"):
        wrong.append(tr(f"tokens is {tokens:g}, must be 0 or more", f"tokens é {tokens:g}, deve ser 0 ou mais"))
    if devices < 1:
        wrong.append(tr(f"devices is {devices}, must be at least 1", f"devices é {devices}, mínimo 1"))
    if not 0 < utilization <= 1:
        wrong.append(
            tr(
                f"utilization is {utilization:g}, must be above 0 and at most 1",
                f"utilization é {utilization:g}, deve ser maior que 0 e no máximo 1",
            )
        )
    if not 0 <= price < float("inf"):
        wrong.append(tr(f"price is {price:g}, must be 0 or more", f"price é {price:g}, deve ser 0 ou mais"))
    if wrong:
        raise UserError("plan: " + "; ".join(wrong) + ".")
