"""``prosa plan``: what a training would take (parameters, memory, operations, time, money), before anything is made.

FLOPs = tokens x (6 N + 12 L H Q T)        6 N D beside it, the rule of thumb without attention
time  = FLOPs / (devices x peak x share)   share: model FLOPs utilization, measured on this machine or assumed
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.models.gpt_config import GPTConfig
from prosa.models.sizes import PUBLISHED, ParameterCount, count_parameters, fitting, flops_per_token
from prosa.pipeline.model_choice import ModelChoice
from prosa.tokenizers.config import TokenizerConfig
from prosa.train.config import TrainConfig
from prosa.train.machines import THIS, Machine, machine

if TYPE_CHECKING:
    from prosa.train.footprint import Footprint
    from prosa.train.step import Precision

PFLOP_DAY = 1e15 * 86400
SHARE = 0.4  # of the peak, where none is measured: 0.33 to 0.46 is what good programs reach on GPUs
ASSUMED_VOCABULARY = {"char": 128}  # of a text's own tokenizer, before there is one
ASSUMED_ENTRIES = 4096  # for the other kinds: a corpus of 10 MB
LONGEST_PROBE = 10.0  # seconds that measuring this machine may take by a pessimistic guess


@dataclass(frozen=True)
class Plan:
    """What a training takes; FLOPs, bytes, seconds."""

    name: str
    """Of the model's size."""
    shape: GPTConfig
    parameters: ParameterCount
    problem: str
    """Why the shape cannot be built, with what would fit; empty when it can."""
    memory: Footprint
    """Of what would fit, where the shape itself cannot be built."""
    precision: Precision
    machine: Machine
    devices: int
    tokens: float
    tokens_from: str
    """tokens, steps or minutes: what set them."""
    share: float
    share_from: str
    """given, measured or assumed."""
    price: float

    @property
    def flops_6nd(self) -> float:
        """6 x parameters x tokens."""
        return 6.0 * self.parameters.total * self.tokens

    @property
    def flops(self) -> float:
        """With attention, and without the table that only looks up."""
        return flops_per_token(self.shape, self.shape.context) * self.tokens

    @property
    def tokens_per_second(self) -> float:
        """Of all devices together."""
        return self.devices * self.machine.peak * self.share * self.tokens / self.flops

    @property
    def seconds(self) -> float:
        """Of training steps alone: no validation, no waiting."""
        return self.tokens / self.tokens_per_second

    @property
    def device_days(self) -> float:
        """Days of one device."""
        return self.devices * self.seconds / 86400

    @property
    def cost(self) -> float:
        """In the currency of the price."""
        return self.device_days * 24 * self.price

    @property
    def a_device(self) -> int:
        """Bytes that each device needs."""
        return self.memory.a_device(self.devices)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values, bytes and seconds."""
        room = self.machine.memory
        return {
            "model": self.name,
            "shape": dataclasses.asdict(self.shape),
            "problem": self.problem,
            "parameters": {**dataclasses.asdict(self.parameters), "total": self.parameters.total},
            "memory": {
                **dataclasses.asdict(self.memory),
                "precision": self.precision,
                "a_device": self.a_device,
                "fits": None if room is None else self.a_device <= room,
                "devices_needed": None if room is None else self.memory.devices(room),
            },
            "machine": dataclasses.asdict(self.machine),
            "devices": self.devices,
            "tokens": self.tokens,
            "tokens_from": self.tokens_from,
            "tokens_a_parameter": self.tokens / self.parameters.total,
            "flops_6nd": self.flops_6nd,
            "flops": self.flops,
            "pflop_days": self.flops / PFLOP_DAY,
            "share_of_peak": self.share,
            "share_from": self.share_from,
            "tokens_per_second": self.tokens_per_second,
            "seconds": self.seconds,
            "device_days": self.device_days,
            "price_an_hour": self.price,
            "cost": self.cost,
        }


def plan(
    *,
    model: ModelChoice = ModelChoice(),
    tokenizer: TokenizerConfig = TokenizerConfig(),
    train: TrainConfig = TrainConfig(),
    tokens: float = 0.0,
    machine: str = THIS,
    devices: int = 1,
    mfu: float = 0.0,
    price: float = 0.0,
) -> Plan:
    """What a training would take: parameters, memory, tokens, FLOPs, time and cost. Nothing is trained.

    Args:
        model: The model's shape.
        tokenizer: The vocabulary; a size of 0 is the published one of a published model, or 4,096.
        train: The training.
        tokens: Tokens to train on (300e9). 0: what train.steps come to, or train.minutes at the expected speed.
        machine: this (measured now), or v100, a100, a100-40gb, h100, h200, b200, l4, l40s, rtx3090, rtx4090, mi300x.
        devices: How many of them.
        mfu: Share of the peak that training reaches (model FLOPs utilization), from 0 to 1. 0: measured on this machine
            where that takes seconds, else 0.4.
        price: Price of a device for an hour, in any currency.

    Raises:
        UserError: an unknown size or machine, a number out of range.
    """
    _check_numbers(tokens, devices, mfu, price)
    shape = model.unchecked(tokenizer.vocab_size or _vocabulary(model, tokenizer))
    buildable, problem = _buildable(shape)
    chosen, precision = _machine(machine, train)
    memory = _memory(buildable, train, precision, chosen, devices)
    share, share_from = mfu, "given"
    if not share:
        measured = _measured(buildable, train, memory, precision, chosen) if machine == THIS else None
        share, share_from = (measured, "measured") if measured else (SHARE, "assumed")
    per_token = flops_per_token(shape, shape.context)
    speed = devices * chosen.peak * share / per_token
    if tokens:
        tokens_from = "tokens"
    elif train.steps:
        tokens, tokens_from = float(train.steps * train.batch_size * shape.context), "steps"
    else:
        from prosa.train.budget import LOOKING

        tokens, tokens_from = speed * 60 * (train.minutes or 1.0) * (1 - LOOKING), "minutes"
    name = f"depth {model.depth}" if model.depth else model.size
    return Plan(
        name=name,
        shape=shape,
        parameters=count_parameters(shape),
        problem=problem,
        memory=memory,
        precision=precision,
        machine=chosen,
        devices=devices,
        tokens=tokens,
        tokens_from=tokens_from,
        share=share,
        share_from=share_from,
        price=price,
    )


def _check_numbers(tokens: float, devices: int, mfu: float, price: float) -> None:
    wrong = []
    for name, value, ok, en, pt in (
        ("tokens", tokens, 0 <= tokens < float("inf"), "0 or more", "0 ou mais"),
        ("devices", devices, devices >= 1, "at least 1", "pelo menos 1"),
        ("mfu", mfu, 0 <= mfu <= 1, "from 0 to 1", "de 0 a 1"),
        ("price", price, 0 <= price < float("inf"), "0 or more", "0 ou mais"),
    ):
        if not ok:
            wrong.append(tr(f"{name} is {value}, but must be {en}", f"{name} é {value}, mas deve ser {pt}"))
    if wrong:
        raise UserError("; ".join(wrong) + ".")


def _vocabulary(model: ModelChoice, tokenizer: TokenizerConfig) -> int:
    """0, a published model's own, or what a tokenizer of one's own text may come to."""
    if model.size in PUBLISHED and not model.depth:
        return 0
    return ASSUMED_VOCABULARY.get(tokenizer.kind, ASSUMED_ENTRIES)


def _buildable(shape: GPTConfig) -> tuple[GPTConfig, str]:
    """``shape`` itself; or what is nearest to it and can be built, and why it cannot.

    Raises:
        UserError: nothing near it can be built either.
    """
    try:
        shape.check()
    except UserError as error:
        near = fitting(shape)
        near.check()
        return near, error.what
    return shape, ""


def _machine(name: str, train: TrainConfig) -> tuple[Machine, Precision]:
    """The machine, with the peak of the precision that training would choose on it."""
    if name != THIS:
        return machine(name), "float32" if train.precision == "float32" else "bfloat16"
    import torch

    from prosa.core.device import choose_device
    from prosa.train.dry_run import BFLOAT16_GAIN
    from prosa.train.memory import free_memory
    from prosa.train.speed import matmul_peak

    device = choose_device(train.device)
    peaks = {"float32": matmul_peak(device, torch.float32), "bfloat16": matmul_peak(device, torch.bfloat16)}
    precision: Precision = "bfloat16" if peaks["bfloat16"] > BFLOAT16_GAIN * peaks["float32"] else "float32"
    precision = precision if train.precision == "auto" else train.precision
    title = f"{THIS} ({torch.cuda.get_device_name(device) if device.type == 'cuda' else device.type})"
    return Machine(title, peaks[precision], free_memory(device), None, gpu=device.type != "cpu"), precision


def _memory(shape: GPTConfig, train: TrainConfig, precision: Precision, where: Machine, devices: int) -> Footprint:
    """Of a step in the micro-batches asked for, or the largest that fit a device."""
    from prosa.train.footprint import footprint

    def count(n: int) -> Footprint:
        return footprint(shape, train, micro_batch=n, precision=precision, gpu=where.gpu)

    if train.micro_batch:
        return count(train.micro_batch)
    rows = max(1, train.batch_size // devices)
    sizes = [n for n in range(1, rows + 1) if rows % n == 0]

    def fits(found: Footprint) -> bool:
        return where.memory is None or found.a_device(devices) <= where.memory

    best = count(rows)
    if rows == 1 or fits(best):
        return best
    best, low, high = count(1), 0, len(sizes) - 2
    while fits(best) and low < high:
        middle = (low + high + 1) // 2
        found = count(sizes[middle])
        if fits(found):
            best, low = found, middle
        else:
            high = middle - 1
    return best


def _measured(
    shape: GPTConfig, train: TrainConfig, memory: Footprint, precision: Precision, where: Machine
) -> float | None:
    """The share of the peak that forward and backward passes reach here; None where trying it would take long."""
    seconds = 3 * flops_per_token(shape, shape.context) * memory.micro_batch * shape.context / (0.1 * where.peak)
    if seconds > LONGEST_PROBE or (where.memory is not None and memory.resident > where.memory):
        return None
    import time

    import torch

    from prosa.core.device import choose_device
    from prosa.data.batches import Batch
    from prosa.models.gpt import GPT
    from prosa.train.objectives import NextToken
    from prosa.train.speed import synchronize
    from prosa.train.step import accumulate

    device = choose_device(train.device)
    network = GPT(shape).to(device).train()
    objective, rows = NextToken(train.loss_chunk), memory.micro_batch
    ids = torch.randint(shape.vocab_size, (rows, shape.context))
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        accumulate(network, objective, Batch(ids, ids), micro_batch=rows, precision=precision, seed=0, step=0)
        synchronize(device)
        best = min(best, time.perf_counter() - start)
    return min(1.0, flops_per_token(shape, shape.context) * ids.numel() / best / where.peak)
