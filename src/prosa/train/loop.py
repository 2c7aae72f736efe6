"""The one training loop. Whatever is trained, it is: batch, gradients, step, and now and then a look and a checkpoint.

Exact resume: a step is a function of (weights, optimizer state, step number) alone. Batches and dropout come from
(seed, step), the learning rate from the step; so a run killed at any moment and resumed ends with the same bits as one
that was not, on a CPU with the same number of threads.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from prosa.core.config import to_mapping
from prosa.core.device import choose_device
from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.core.progress import Bar, progress, say
from prosa.data.batches import Batch
from prosa.train.budget import review_is_due, reviewed_steps, settles, with_steps
from prosa.train.checkpoint import Position, newest_good, save_checkpoint
from prosa.train.config import TrainConfig
from prosa.train.dry_run import DryRun, Resolved, dry_run
from prosa.train.heap import keeping_freed_memory
from prosa.train.interrupts import Interrupts
from prosa.train.metrics import METRICS, MetricsLog, read_metrics
from prosa.train.objectives import Objective
from prosa.train.optimizers import Optimizer
from prosa.train.parallel import Ranks, StepBatches, ranks
from prosa.train.resume import checkpoint_to_use, go_on
from prosa.train.schedules import learning_rate_factor
from prosa.train.speed import flops_per_token, matmul_peak, synchronize
from prosa.train.step import Losses, normalise
from prosa.train.threads import leaving_cores_free
from prosa.train.workers import gradients
from prosa.train.wrapping import recomputing

CHECKPOINTS = "checkpoints"


Validate = Callable[[nn.Module, int], dict[str, float]]
Sample = Callable[[nn.Module, int], list[dict[str, Any]]]


class TrainingDiverged(UserError):
    """The loss or the gradient is no longer a finite number; nothing of that step was kept."""


@dataclass(frozen=True)
class TrainResult:
    """What came of a training."""

    steps: int
    """Steps done, over all sessions."""
    tokens: int
    """Input tokens seen, over all sessions."""
    seconds: float
    """Wall time, over all sessions."""
    train: dict[str, Any]
    """The last ``train`` line of metrics.jsonl."""
    validation: dict[str, Any]
    """The last ``validation`` line; empty without ``validate``."""
    checkpoint: Path
    """The last checkpoint."""
    resumed_from: int | None
    """The step this session began at; None: it began anew."""
    resolved: Resolved
    """What "auto" became."""


def fit(
    model: nn.Module,
    objective: Objective,
    batches: StepBatches,
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool,
    data_fingerprint: str,
    validate: Validate | None = None,
    sample: Sample | None = None,
) -> TrainResult:
    """Train ``model`` in place for ``config.steps`` steps, or as many as minutes and epochs allow.

    Writes ``metrics.jsonl`` and ``checkpoints/`` in ``folder``. Inside ``parallel.together`` every process calls this
    alike, each computes its rows of every batch, and rank 0 writes.

    Args:
        model: with its first weights; float32. It is moved to the device, and left there in evaluation mode.
        batches: ``at(step)``, ``config.batch_size`` sequences each, all of one length; or as many groups of them.
        resume: go on from the newest good checkpoint in ``folder``, or begin anew where there is none.
        data_fingerprint: of what ``batches`` reads; a run resumes only on the same.
        validate: model (in evaluation mode, without gradients) and step -> figures for a ``validation`` line.
        sample: the same -> a list of what ``sample`` lines hold.

    Raises:
        UserError: it will not fit the memory, the data or the model are not those of the checkpoint, the disk is full,
            a batch without targets, or (``TrainingDiverged``) a loss or gradient that is not finite.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; a checkpoint of the last whole step was saved.
    """
    device = choose_device(config.device)
    model.to(device)
    here = ranks()
    first = here.batch(batches, 0)
    found = len(first.inputs) * here.world
    if found != config.batch_size:
        raise UserError(
            tr(
                f"the batches have {found} sequences, but train.batch_size is {config.batch_size}.",
                f"os lotes têm {found} sequências, mas train.batch_size é {config.batch_size}.",
            )
        )
    optimizer = Optimizer(model, config)
    shape = getattr(model, "config", None)
    described = (to_mapping(shape) if dataclasses.is_dataclass(shape) else {}) | {"window": first.inputs.shape[-1]}
    start = Position(
        0, 0, 0.0, data_fingerprint, to_mapping(config), described, {}, torch.get_num_threads(), here.world
    )
    good = here.of_main(str(checkpoint_to_use(folder / CHECKPOINTS, resume) or "") if here.is_main else "")
    resumed = Path(good) if good else None
    known: Resolved | None = None
    if resumed is not None:
        start, known = go_on(resumed, start, model, optimizer)
    with ExitStack() as stack:
        stack.enter_context(keeping_freed_memory())
        stack.enter_context(recomputing(model, config.activation_checkpointing))
        stack.callback(model.eval)
        model.train()
        per_epoch = 0 if config.steps else batches.steps_per_epoch
        own, known = _of_one_rank(config, known, len(first.inputs), here)
        ready = None
        if here.is_main:
            ready = dry_run(model, objective, first, optimizer, own, start.step, per_epoch, known)
        known = Resolved(**here.of_main(to_mapping(ready.resolved) if ready else {}))
        if not ready:  # rank 0 has decided
            ready = dry_run(model, objective, first, optimizer, own, start.step, per_epoch, known)
        asked, config = config, with_steps(config, ready.resolved.steps)
        position = replace(start, resolved=to_mapping(ready.resolved))
        log = None
        if here.is_main:
            log = stack.enter_context(MetricsLog(folder / METRICS, start.step if resumed else -1))
        label, total = tr("training", "treino"), float(config.steps * first.count * here.world)
        bar = stack.enter_context(progress(label, total, first.unit, position.tokens))
        interrupts = stack.enter_context(Interrupts())
        objective = here.wrap(model, objective)
        run = _Run(model, objective, batches, asked, config, folder, optimizer, ready, here, log, bar, validate, sample)
        position, path = run.steps(position, interrupts)
        here.wait()  # for rank 0's last lines
    lines = read_metrics(folder / METRICS)
    return TrainResult(
        steps=position.step,
        tokens=position.tokens,
        seconds=position.seconds,
        train=_last(lines, "train"),
        validation=_last(lines, "validation"),
        checkpoint=path,
        resumed_from=None if resumed is None else start.step,
        resolved=Resolved(**position.resolved),
    )


def _of_one_rank(
    config: TrainConfig, known: Resolved | None, rows: int, ranks: Ranks
) -> tuple[TrainConfig, Resolved | None]:
    """What there is to settle for a rank that has ``rows`` rows of a batch.

    The micro-batch must divide them, and several processes share rows among themselves and not among threads too.
    """
    micro = math.gcd(config.micro_batch, rows) if config.micro_batch else 0
    workers = config.workers if ranks.world == 1 else 1
    if known:
        known = replace(
            known,
            micro_batch=math.gcd(known.micro_batch, rows),
            workers=known.workers if ranks.world == 1 else 1,
        )
    return replace(config, batch_size=rows, micro_batch=micro, workers=workers), known


def _last(lines: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next((line for line in reversed(lines) if line["kind"] == kind), {})


@dataclass
class _Run:
    """A session: everything the steps need."""

    model: nn.Module
    objective: Objective
    batches: StepBatches
    asked: TrainConfig
    config: TrainConfig
    """``asked`` with its steps settled, as far as they are."""
    folder: Path
    optimizer: Optimizer
    ready: DryRun
    ranks: Ranks
    log: MetricsLog | None
    """Where rank 0 writes; the others have none."""
    bar: Bar
    validate: Validate | None
    sample: Sample | None
    warm: tuple[int, float] = (0, 0.0)
    """Step and seconds after the session's first step, which is slower than the others."""

    def steps(self, position: Position, interrupts: Interrupts) -> tuple[Position, Path]:
        """Train to the end, or until interrupted."""
        context = self.ranks.batch(self.batches, 0).inputs.shape[-1]
        device = next(self.model.parameters()).device
        dtype = torch.bfloat16 if self.ready.resolved.precision == "bfloat16" else torch.float32
        share = flops_per_token(self.model, context) / (matmul_peak(device, dtype) * self.ranks.world)
        earlier, began, first = position.seconds, time.perf_counter(), position.step + 1
        busy, window = 0.0, 0  # seconds and tokens since the last line
        path = self.folder / CHECKPOINTS / f"step_{position.step}"
        if not path.is_dir():  # the beginning
            self._look(0, last=True)
            path = self._save(position)
        while position.step < self.config.steps:
            if position.step > first and not position.resolved["reviewed"]:
                position = self._review(position)
            config = self.config
            step, before = position.step + 1, time.perf_counter()
            batch = self.ranks.batch(self.batches, step - 1)
            losses, norm = self._step(step, batch)
            synchronize(device)
            new = batch.count * self.ranks.world
            busy, window = busy + time.perf_counter() - before, window + new
            tokens = position.tokens + new
            position = replace(position, step=step, tokens=tokens, seconds=earlier + time.perf_counter() - began)
            if step == first:
                self.warm = step, position.seconds
            last, stop = step == config.steps, self.ranks.any(interrupts.requested)
            if self.log and (last or step % config.log_every == 0):
                rate = window / busy
                self.log.write(
                    "train",
                    step,
                    loss=losses.mean,
                    lr=config.lr * learning_rate_factor(step, config),
                    grad_norm=norm,
                    tokens=tokens,
                    tokens_per_second=rate,
                    seconds=position.seconds,
                    share_of_peak=rate * share,
                    **{name: value / losses.targets for name, value in losses.extra.items()},
                )
                busy, window = 0.0, 0
            self.bar.advance(new, tr("loss ", "perda ") + number(losses.mean, 3))
            self._look(step, last)
            if last or stop or step % config.checkpoint_every == 0:
                position = replace(position, seconds=earlier + time.perf_counter() - began)
                path = self._save(position)
            if stop:
                self.ranks.wait()  # nobody leaves before it is saved
                say(
                    tr(
                        f"stopped; saved {path}. Go on with --resume auto.",
                        f"parado; salvei {path}. Continue com --resume auto.",
                    )
                )
                raise KeyboardInterrupt
        return position, path

    def _review(self, position: Position) -> Position:
        """Set the number of steps by the time that those done took, when that is due; a checkpoint keeps the last."""
        a_step = (position.seconds - self.warm[1]) / (position.step - self.warm[0])
        seconds, a_step = self.ranks.of_main([position.seconds, a_step])
        if not review_is_due(self.asked, position.step, self.config.steps, seconds):
            return position
        steps = reviewed_steps(self.asked, position.step, seconds, a_step, self.batches.steps_per_epoch)
        self.config = with_steps(self.asked, steps)
        self.bar.resize(steps * position.tokens / position.step)
        settled = settles(self.asked, position.step, steps)
        position = replace(position, resolved={**position.resolved, "steps": steps, "reviewed": settled})
        if settled:
            self._save(position)
        return position

    def _step(self, step: int, batch: Batch) -> tuple[Losses, float]:
        """One optimizer step; the losses and the norm of the gradient before clipping."""
        with leaving_cores_free() if self.ready.resolved.workers > 1 else nullcontext():
            return self._step_itself(step, batch)

    def _step_itself(self, step: int, batch: Batch) -> tuple[Losses, float]:
        config, resolved = self.config, self.ready.resolved
        self.optimizer.set_lr(learning_rate_factor(step, config))
        losses = gradients(
            self.ready.runner,
            self.objective,
            batch,
            micro_batch=resolved.micro_batch,
            precision=resolved.precision,
            seed=config.seed,
            step=step,
            ranks=self.ranks,
        )
        norm = normalise(self.model, losses.targets, config.clip)
        if not (math.isfinite(losses.total) and math.isfinite(norm)):
            raise self._diverged(step, losses.mean, norm)
        self.optimizer.step()
        self.model.zero_grad(set_to_none=True)
        return losses, norm

    def _look(self, step: int, last: bool) -> None:
        """Validation and samples when they are due, or all; they change neither the model nor any later draw."""
        if self.log is None:
            return
        config, model = self.config, self.model
        model.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            if self.validate and (last or step % config.eval_every == 0):
                self.log.write("validation", step, **self.validate(model, step))
            if self.sample and (last or step % config.sample_every == 0):
                for sample in self.sample(model, step):
                    self.log.write("sample", step, **sample)
        model.train()

    def _save(self, position: Position) -> Path:
        folder = self.folder / CHECKPOINTS
        if not self.ranks.is_main:
            return folder / f"step_{position.step}"
        return save_checkpoint(folder, self.model, self.optimizer, position, self.config.keep_checkpoints)

    def _diverged(self, step: int, loss: float, norm: float) -> TrainingDiverged:
        good = newest_good(self.folder / CHECKPOINTS)
        return TrainingDiverged(
            tr(
                f"training diverged at step {step}: the loss is {loss:g} and the gradient's norm {norm:g}. That step "
                f"was not taken; the last good checkpoint is {good}.",
                f"o treino divergiu no passo {step}: a perda é {loss:g} e a norma do gradiente {norm:g}. Esse passo "
                f"não foi dado; o último checkpoint bom é {good}.",
            ),
            tr(
                "Lower lr, lengthen warmup, or use precision float32; then go on with --resume auto.",
                "Diminua lr, aumente warmup ou use precision float32; depois, --resume auto.",
            ),
        )
