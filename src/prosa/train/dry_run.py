"""One batch before step 1, so that too little memory or a failing compiler shows at once; and what "auto" becomes.

It changes nothing: gradients are dropped, the optimizer makes no step, torch's generators are put back.
"""

import dataclasses
import math
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
from prosa.train.step import Precision, rows
from prosa.train.workers import Workers, can_share_rows, gradients
from prosa.train.wrapping import Compiled, compiled_before, missing_for_compile

PROBE_TOKENS, PROBES = 2048, 3
SHARED_UP_TO = 50_000_000  # parameters: products of a larger model keep all cores busy, and its gradients are many
BFLOAT16_GAIN = 1.2  # a smaller gain is within the noise, and not worth the digits
COMPILING = {False: 35.0, True: 5.0}  # seconds on a CPU: anew, or from torch's cache (measured: 12 to 36; 2 to 4)
COMPILE_PAYS = {"cpu": 30.0, "cuda": 5.0}  # times that a run must be longer than compiling: a CPU gains 3 to 15 %
COMPILED_GAIN = 1.03  # less is not worth other digits


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
    workers: int = 1
    """Threads that share a micro-batch's rows (``workers.py``); 1: the model computes with all cores as one."""


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
        device, context = next(model.parameters()).device, batch.inputs.shape[-1]
        free = free_memory(device)
        if free is not None:
            _check_fixed(model, optimizer, free)
        precision, workers = known.precision if known else config.precision, known.workers if known else config.workers
        if workers > 1 and not (device.type == "cpu" and can_share_rows(model)):
            raise UserError(
                tr(
                    f"train.workers is {workers}: threads share rows only on a CPU, without dropout and without "
                    "activation_checkpointing.",
                    f"train.workers é {workers}: threads só dividem linhas em CPU, sem dropout e sem "
                    "activation_checkpointing.",
                ),
                tr("Use train.workers 1, or 0.", "Use train.workers 1, ou 0."),
            )
        if precision == "auto" or not workers:
            precision, workers = _way(model, objective, batch, config, device)
        model.zero_grad(set_to_none=True)
        memory = estimate(model, objective, batch, optimizer, precision, config.loss_chunk)
        memory = dataclasses.replace(memory, weights=memory.weights + _twin_bytes(model, precision, workers))
        model.zero_grad(set_to_none=True)
        wanted = known.micro_batch if known else config.micro_batch
        memory = _fit(memory, free, config, wanted)

        def tokens_per_second(runner: Any) -> float:
            part = rows(batch, 0, memory.micro_batch, device)
            return part.count / _time(runner, objective, part, precision)

        runner: Any = Workers(model, workers, precision) if workers > 1 else model
        speed, compiled = tokens_per_second(runner), False
        wish = known.compile if known else config.compile
        tokens = batch.count
        given = known.steps if known else config.steps
        seconds = tokens * (given - steps_done) / speed if given else config.minutes * 60
        longer = seconds / COMPILE_PAYS.get(device.type, math.inf)
        if wish is True or (wish == "auto" and longer >= COMPILING[True]):
            shape = getattr(model, "config", None)
            what = [shape, memory.micro_batch, context, precision, workers, device.type, torch.get_num_threads()]
            before = compiled_before({"what": what})
            if wish is True or longer >= COMPILING[before.exists()]:
                attempt = _compiled(model, device, workers, precision, tokens_per_second)
                if attempt is not None:
                    before.touch()
                if attempt is not None and (wish is True or attempt[1] > COMPILED_GAIN * speed):
                    (runner, speed), compiled = attempt, True
        steps = given
        if not steps:
            a_step = tokens / speed + optimizer_seconds(model, config)
            steps = affordable_steps(config, a_step, steps_per_epoch)
        reviewed = known.reviewed if known else bool(config.steps)
        resolved = Resolved(memory.micro_batch, precision, compiled, device.type, steps, reviewed, workers)
        _report(memory, free, speed, (steps - steps_done) * tokens / speed, resolved, batch.unit)
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


def _once(runner: Any, objective: Objective, part: Batch, precision: Precision) -> float:
    """Seconds of a forward and a backward pass."""
    start = time.perf_counter()
    gradients(runner, objective, part, micro_batch=len(part.inputs), precision=precision, seed=0, step=0)
    synchronize(part.inputs.device)
    return time.perf_counter() - start


def _time(runner: Any, objective: Objective, part: Batch, precision: Precision) -> float:
    """Seconds of a forward and a backward pass: the best of up to three warm ones.

    The best, since whatever else the machine does can only make it slower.
    """
    times: list[float] = []
    while len(times) < 2 or (len(times) < 4 and sum(times) < 3):
        times.append(_once(runner, objective, part, precision))
        if times[0] > 5 and not _is_compiled(runner):
            return times[0]
    return min(times[1:])


def _is_compiled(runner: Any) -> bool:
    return isinstance(runner.runner if isinstance(runner, Workers) else runner, Compiled)


def _way(
    model: nn.Module, objective: Objective, batch: Batch, config: TrainConfig, device: torch.device
) -> tuple[Precision, int]:
    """Precision and workers, what is "auto" of them by measuring: on a CPU all four ways on the same few rows."""
    if device.type != "cpu":
        known = config.precision != "auto"
        half = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return config.precision if known else "bfloat16" if half else "float32", 1  # type: ignore[return-value]
    precisions: list[Precision] = ["float32", "bfloat16"] if config.precision == "auto" else [config.precision]
    numbers = [config.workers] if config.workers else [1]
    shared = min(torch.get_num_threads(), len(batch.inputs))
    small = sum(p.numel() for p in model.parameters()) <= SHARED_UP_TO
    if not config.workers and shared > 1 and small and can_share_rows(model):
        numbers.append(shared)
    part = rows(batch, 0, max(shared, min(len(batch.inputs), PROBE_TOKENS // batch.inputs[0].numel())), device)
    ways = [(p, n) for p in precisions for n in numbers]
    runners = {way: Workers(model, way[1], way[0]) if way[1] > 1 else model for way in ways}
    best = dict.fromkeys(ways, math.inf)
    for _ in range(PROBES):  # in turns: whatever disturbs the machine disturbs all ways
        for way in ways:
            least = BFLOAT16_GAIN if way[0] == "bfloat16" else 1.0
            best[way] = min(best[way], least * _once(runners[way], objective, part, way[0]))
        if max(best.values()) > 5:
            break
    return min(ways, key=lambda way: best[way])


def _twin_bytes(model: nn.Module, precision: Precision, workers: int) -> int:
    """What threads that share rows add: a gradient each, and in bfloat16 the weights they read."""
    if workers == 1:
        return 0
    half = precision == "bfloat16"
    return sum(p.numel() for p in model.parameters()) * ((2 if half else 4) * workers + 2 * half)


def _compiled(
    model: nn.Module, device: torch.device, workers: int, precision: Precision, speed_of: Any
) -> tuple[Any, float] | None:
    """What computes with the compiled model, and its speed; None, with a message, where compiling does not work."""
    why = missing_for_compile(device)
    if why is None:
        say(tr("compiling the model (up to a minute)…", "compilando o modelo (até um minuto)…"))
        try:
            runner = Workers(model, workers, precision, compiled=True) if workers > 1 else Compiled(model)
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


def _report(memory: Memory, free: int | None, speed: float, seconds: float, resolved: Resolved, unit: str) -> None:
    room = "" if free is None else tr(f", {size(free)} free", f", {size(free)} livres")
    how = f"{resolved.device}, {resolved.precision}" + (", torch.compile" if resolved.compile else "")
    if resolved.workers > 1:
        how += tr(f", {resolved.workers} threads", f", {resolved.workers} threads")
    say(
        tr(
            f"dry run ({how}, micro-batch {resolved.micro_batch}): {memory.describe()}{room}; "
            f"{number(speed)} {unit}/s, {number(resolved.steps)} steps, about {duration(seconds)} to go",
            f"ensaio ({how}, microlote {resolved.micro_batch}): {memory.describe()}{room}; "
            f"{number(speed)} {unit}/s, {number(resolved.steps)} passos, cerca de {duration(seconds)} pela frente",
        )
    )
