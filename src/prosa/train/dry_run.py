"""One batch before step 1, so that too little memory or a failing compiler shows at once; and what "auto" becomes.

It changes nothing: gradients are dropped, the optimizer makes no step, torch's generators are put back.
"""

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from prosa.core.errors import UserError
from prosa.core.language import duration, number, size, tr
from prosa.core.progress import say, warn
from prosa.data.batches import Batch
from prosa.train.budget import affordable_steps, optimizer_seconds
from prosa.train.config import TrainConfig
from prosa.train.memory import Memory, estimate, free_memory
from prosa.train.objectives import Objective
from prosa.train.optimizers import Optimizer
from prosa.train.speed import synchronize
from prosa.train.step import Precision, accumulate, rows
from prosa.train.wrapping import Compiled, missing_for_compile

PROBE_TOKENS = 2048
BFLOAT16_GAIN = 1.2  # a smaller gain is within the noise, and not worth the digits
COMPILE_PAYS_AFTER = 300.0  # seconds of training; compiling takes up to 35


@dataclass(frozen=True)
class Resolved:
    """What "auto" became. Saved in checkpoints: a resumed run must compute as it began."""

    micro_batch: int
    precision: Precision
    compile: bool
    device: str
    steps: int
    reviewed: bool
    """Whether ``steps`` is final: given, or set by the time of real steps (``budget.py``)."""


@dataclass(frozen=True)
class DryRun:
    """What the dry run found."""

    resolved: Resolved
    runner: Any
    """The model, compiled or not: what the objective is given."""
    memory: Memory
    tokens_per_second: float


def dry_run(
    model: nn.Module,
    objective: Objective,
    batch: Batch,
    optimizer: Optimizer,
    config: TrainConfig,
    steps_done: int,
    steps_per_epoch: int,
    known: Resolved | None,
) -> DryRun:
    """Settle what is "auto" (unless ``known``), check the memory, and time a micro-batch.

    Args:
        batch: a whole step's; the sequences must be alike in length.
        steps_done: by earlier sessions; for the time that training will still take.
        steps_per_epoch: how many steps read the text once; for ``config.epochs``.
        known: what an earlier session settled; it is kept.

    Raises:
        UserError: a step will not fit the free memory.
    """
    with _undisturbed(model):
        device, context = next(model.parameters()).device, batch.inputs.shape[1]
        free = free_memory(device)
        if free is not None:
            _check_fixed(model, optimizer, free)
        precision = known.precision if known else _precision(model, objective, batch, config, device)
        model.zero_grad(set_to_none=True)
        memory = estimate(model, objective, batch, optimizer, precision, config.loss_chunk)
        model.zero_grad(set_to_none=True)
        wanted = known.micro_batch if known else config.micro_batch
        memory = _fit(memory, free, config, wanted)

        def tokens_per_second(runner: Any) -> float:
            part = rows(batch, 0, memory.micro_batch, device)
            return part.inputs.numel() / _time(runner, objective, part, precision)

        runner: Any = model
        speed, compiled = tokens_per_second(model), False
        wish = known.compile if known else config.compile
        tokens = config.batch_size * context
        given = known.steps if known else config.steps
        seconds = tokens * (given - steps_done) / speed if given else config.minutes * 60
        if wish is True or (wish == "auto" and seconds >= COMPILE_PAYS_AFTER):
            attempt = _compiled(model, device, tokens_per_second)
            if attempt is not None:
                (runner, speed), compiled = attempt, True
        steps = given
        if not steps:
            a_step = tokens / speed + optimizer_seconds(model, config)
            steps = affordable_steps(config, a_step, steps_per_epoch)
        reviewed = known.reviewed if known else bool(config.steps)
        resolved = Resolved(memory.micro_batch, precision, compiled, device.type, steps, reviewed)
        _report(memory, free, speed, (steps - steps_done) * tokens / speed, resolved)
        return DryRun(resolved, runner, memory, speed)


@contextmanager
def _undisturbed(model: nn.Module) -> Iterator[None]:
    """Afterwards the random generators are as before, and the model has no gradients."""
    device = next(model.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            model.zero_grad(set_to_none=True)


def _time(runner: Any, objective: Objective, part: Batch, precision: Precision) -> float:
    """Seconds of a forward and a backward pass: the best of up to five warm ones, in some three seconds.

    The best, since whatever else the machine does can only make it slower.
    """
    device = next(runner.parameters()).device
    times: list[float] = []
    while len(times) < 2 or (len(times) < 6 and sum(times) < 3):
        start = time.perf_counter()
        accumulate(runner, objective, part, micro_batch=len(part.inputs), precision=precision, seed=0, step=0)
        synchronize(device)
        times.append(time.perf_counter() - start)
        if times[0] > 5 and not isinstance(runner, Compiled):
            return times[0]
    return min(times[1:])


def _precision(
    model: nn.Module, objective: Objective, batch: Batch, config: TrainConfig, device: torch.device
) -> Precision:
    if config.precision != "auto":
        return config.precision
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    part = rows(batch, 0, max(1, min(len(batch.inputs), PROBE_TOKENS // batch.inputs.shape[1])), device)
    slow, fast = (_time(model, objective, part, p) for p in ("float32", "bfloat16"))
    return "bfloat16" if fast * BFLOAT16_GAIN < slow else "float32"


def _compiled(model: nn.Module, device: torch.device, speed_of: Any) -> tuple[Compiled, float] | None:
    """The compiled model and its speed; None, with a message, where compiling does not work."""
    why = missing_for_compile(device)
    if why is None:
        say(tr("compiling the model (up to a minute)…", "compilando o modelo (até um minuto)…"))
        try:
            runner = Compiled(model)
            return runner, speed_of(runner)
        except Exception as error:  # whatever a broken tool chain raises: training goes on without it
            why = str(error).strip().partition("\n")[0]
    warn(
        tr(
            f"torch.compile is off: it needs a C++ compiler that works ({why}). Training goes on, slower.",
            f"torch.compile desligado: precisa de um compilador C++ que funcione ({why}). O treino segue, mais lento.",
        )
    )
    return None


def _check_fixed(model: nn.Module, optimizer: Optimizer, free: int) -> None:
    """Refuse before even one sequence is tried when gradients and optimizer alone are too much."""
    need = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad) + optimizer.state_bytes()
    if need > free:
        raise _too_big(
            tr(f"gradients and optimizer state take {size(need)}", f"gradientes e otimizador ocupam {size(need)}"),
            free,
            tr("Choose a smaller model.", "Escolha um modelo menor."),
        )


def _fit(memory: Memory, free: int | None, config: TrainConfig, wanted: int) -> Memory:
    """``memory`` for the micro-batch ``wanted``, or for the largest that fits when it is 0."""
    sizes = [n for n in range(config.batch_size, 0, -1) if config.batch_size % n == 0]
    options = [dataclasses.replace(memory, micro_batch=n) for n in sizes]
    fitting = [option for option in options if free is None or option.to_come <= free]
    chosen = dataclasses.replace(memory, micro_batch=wanted) if wanted else next(iter(fitting), options[-1])
    if free is None or chosen.to_come <= free:
        return chosen
    advice = []
    if fitting:
        n = fitting[0].micro_batch
        advice.append(
            tr(f"Set micro_batch to {n} (the result is the same).", f"Use micro_batch {n} (o resultado é o mesmo).")
        )
    elif not config.activation_checkpointing:
        advice.append(tr("Turn on activation_checkpointing.", "Ligue activation_checkpointing."))
    if not fitting:
        advice.append(tr("Choose a smaller model or context.", "Escolha um modelo ou contexto menor."))
    raise _too_big(
        tr(
            f"a step with micro-batches of {chosen.micro_batch} takes {chosen.describe()}",
            f"um passo com microlotes de {chosen.micro_batch} ocupa {chosen.describe()}",
        ),
        free,
        " ".join(advice),
    )


def _too_big(what: str, free: int, hint: str) -> UserError:
    return UserError(
        tr(
            f"training will not fit: {what}, but only {size(free)} are free.",
            f"o treino não cabe: {what}, mas só há {size(free)} livres.",
        ),
        hint,
    )


def _report(memory: Memory, free: int | None, speed: float, seconds: float, resolved: Resolved) -> None:
    room = "" if free is None else tr(f", {size(free)} free", f", {size(free)} livres")
    how = f"{resolved.device}, {resolved.precision}" + (", torch.compile" if resolved.compile else "")
    say(
        tr(
            f"dry run ({how}, micro-batch {resolved.micro_batch}): {memory.describe()}{room}; "
            f"{number(speed)} tokens/s, {number(resolved.steps)} steps, about {duration(seconds)} to go",
            f"ensaio ({how}, microlote {resolved.micro_batch}): {memory.describe()}{room}; "
            f"{number(speed)} tokens/s, {number(resolved.steps)} passos, cerca de {duration(seconds)} pela frente",
        )
    )
