"""The loop of reinforcement learning: replies, rewards, advantages, a few optimizer steps, and again.

Exact resume: an iteration is a function of (weights, optimizer state, iteration, seed) alone (``iteration.py``). So a
run killed at any moment and resumed ends with the same bits as one that was not, on a CPU with the same number of
threads.
"""

import math
import time
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from prosa.align.iteration import Iteration, Method, World
from prosa.align.policy import Writer
from prosa.align.prompts import Asked
from prosa.align.rl_config import RlConfig
from prosa.align.rollouts import Rollouts
from prosa.core.config import to_mapping
from prosa.core.errors import UserError
from prosa.core.interval import wilson
from prosa.core.language import number, tr
from prosa.core.progress import Bar, progress, say
from prosa.generate.reply import Reply, replies
from prosa.generate.sampling import Sampling
from prosa.models.gpt import GPT
from prosa.train.budget import review_is_due, reviewed_steps, settles
from prosa.train.checkpoint import Position, read_position, save_checkpoint
from prosa.train.dry_run import Resolved
from prosa.train.heap import keeping_freed_memory
from prosa.train.interrupts import Interrupts
from prosa.train.loop import CHECKPOINTS
from prosa.train.metrics import METRICS, MetricsLog, read_metrics
from prosa.train.optimizers import Optimizer
from prosa.train.resume import checkpoint_to_use, go_on
from prosa.train.threads import leaving_cores_free

SAMPLES = 4  # replies shown at a time
EVALUATIONS, SAMPLINGS, SAVES = 10, 5, 10  # over a run, when their "every" is 0
NOT_THE_WEIGHTS = (
    "max_kl", "min_entropy", "max_unfinished", "eval_every", "eval_prompts", "sample_every", "checkpoint_every",
    "keep_checkpoints",
)  # fmt: skip


@dataclass(frozen=True)
class RlResult:
    """What came of it."""

    steps: int
    tokens: int
    """Tokens written, over all sessions."""
    seconds: float
    train: dict[str, Any]
    """The last ``train`` line of metrics.jsonl."""
    validation: dict[str, Any]
    """The last ``validation`` line."""
    before: dict[str, Any]
    """The first: the model it began as."""
    checkpoint: Path
    resumed_from: int | None


def learn(
    method: Method,
    reference: GPT,
    world: World,
    config: RlConfig,
    folder: Path,
    *,
    resume: bool,
    fingerprint: str,
    settings: Mapping[str, Any],
) -> RlResult:
    """Train ``method.model`` in place for ``config.steps`` iterations, or as many as the minutes allow.

    Writes ``metrics.jsonl`` and ``checkpoints/`` in ``folder``.

    Args:
        method: its model is float32 and on the device where to compute.
        reference: the model that divergence is measured from; its weights are not changed.
        resume: go on from the newest good checkpoint in ``folder``, or begin anew where there is none.
        fingerprint: of prompts, rewards and reference; a run resumes only on the same.
        settings: the method's, to be noted in checkpoints.

    Raises:
        UserError: the model runs away (``guards``), the checkpoint is of another run, the disk is full, or
            (``TrainingDiverged``) a loss or gradient that is not finite.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; a checkpoint of the last whole iteration was saved.
    """
    model = method.model
    device = next(model.parameters()).device
    workers = (config.workers or torch.get_num_threads()) if device.type == "cpu" else 1
    optimizer = Optimizer(model, config.optimizer(config.steps))
    asked = {k: v for k, v in to_mapping(config).items() if k not in NOT_THE_WEIGHTS}
    asked |= {"optimizer": "adamw", "method": type(method).__name__.lower(), **settings}
    start = Position(0, 0, 0.0, fingerprint, asked, to_mapping(model.policy.config), {}, torch.get_num_threads())
    resolved = Resolved(0, "float32", False, device.type, config.steps, bool(config.steps), workers)
    good = checkpoint_to_use(folder / CHECKPOINTS, resume)
    if good is not None:
        _check_same(good, fingerprint)
        start, known = go_on(good, start, model, optimizer)
        resolved = known or resolved
    start = replace(start, resolved=to_mapping(resolved))
    model.eval()  # without dropout: a reply is learnt from as it was written
    reference.eval().requires_grad_(False)
    with ExitStack() as stack:
        stack.enter_context(keeping_freed_memory())
        log = stack.enter_context(MetricsLog(folder / METRICS, start.step if good else -1))
        known_steps = float(resolved.steps) if resolved.steps else None
        label, unit = tr("learning from rewards", "aprendendo com recompensas"), tr("iterations", "iterações")
        bar = stack.enter_context(progress(label, known_steps, unit, start.step))
        interrupts = stack.enter_context(Interrupts())
        iteration = Iteration(
            method,
            Writer(reference, model.vocabulary),
            world,
            config,
            optimizer,
            workers=resolved.workers,
            first=_first(read_metrics(folder / METRICS), "train"),
            checkpoints=folder / CHECKPOINTS,
        )
        run = _Run(iteration, world, config, folder, log, bar)
        position, path = run.steps(start, interrupts)
    lines = read_metrics(folder / METRICS)
    return RlResult(
        steps=position.step,
        tokens=position.tokens,
        seconds=position.seconds,
        train=_first(reversed(lines), "train"),
        validation=_first(reversed(lines), "validation"),
        before=_first(lines, "validation"),
        checkpoint=path,
        resumed_from=None if good is None else start.step,
    )


def _check_same(checkpoint: Path, now: str) -> None:
    """Refuse to go on with other prompts, another first model or other rewards."""
    parts = {
        "tokenizer": tr("the tokenizer is another", "o tokenizador é outro"),
        "prompts": tr("the prompts changed", "os prompts mudaram"),
        "models": tr("the first model or the reward model changed", "o primeiro modelo ou o de recompensa mudou"),
    }
    before = read_position(checkpoint).data_fingerprint
    then, here = (dict(part.partition("=")[::2] for part in text.split(";")) for text in (before, now))
    changed = [text for name, text in parts.items() if then.get(name) != here.get(name)]
    if changed:
        raise UserError(
            tr(f"{checkpoint} cannot be resumed: ", f"{checkpoint} não pode ser retomado: ") + "; ".join(changed) + ".",
            tr("Resume with what it began with, or begin anew with --force.",
               "Retome com aquilo com que começou, ou recomece com --force."),
        )  # fmt: skip


def _first(lines: Any, kind: str) -> dict[str, Any]:
    return next((line for line in lines if line["kind"] == kind), {})


class _Run:
    """A session: everything the iterations need."""

    def __init__(
        self,
        iteration: Iteration,
        world: World,
        config: RlConfig,
        folder: Path,
        log: MetricsLog,
        bar: Bar,
    ) -> None:
        self.iteration, self.world, self.config = iteration, world, config
        self.folder, self.log, self.bar = folder, log, bar
        self.held_out = world.prompts.held_out(config.eval_prompts)
        self.warm: tuple[int, float] = (0, 0.0)

    def steps(self, position: Position, interrupts: Interrupts) -> tuple[Position, Path]:
        """Learn to the end, or until interrupted."""
        earlier, began, first = position.seconds, time.perf_counter(), position.step + 1
        path = self.folder / CHECKPOINTS / f"step_{position.step}"
        if not path.is_dir():  # the beginning
            self._evaluate(0)
            path = self._save(position)
        while not position.resolved["steps"] or position.step < position.resolved["steps"]:
            step = position.step + 1
            rollouts, rewards, figures = self.iteration.run(step, position.resolved["steps"])
            seconds = earlier + time.perf_counter() - began
            position = replace(position, step=step, tokens=position.tokens + rollouts.written, seconds=seconds)
            known = position.resolved["reviewed"]
            if step == first:
                self.warm = step, position.seconds
            else:
                position = self._review(position)
            settled = position.resolved["reviewed"] and not known  # whoever resumes must know it
            steps = position.resolved["steps"] or math.inf
            last, stop = step == steps, interrupts.requested
            self.log.write("train", step, **figures, tokens=position.tokens, seconds=position.seconds)
            self._tell(figures)
            if last or _due(step, steps, self.config.sample_every, SAMPLINGS):
                self._show(step, rollouts, rewards)
            if last or _due(step, steps, self.config.eval_every, EVALUATIONS):
                self._evaluate(step)
            if last or stop or settled or _due(step, steps, self.config.checkpoint_every, SAVES):
                position = replace(position, seconds=earlier + time.perf_counter() - began)
                path = self._save(position)
            if stop and not last:
                say(
                    tr(
                        f"stopped; saved {path}. Go on with --resume auto.",
                        f"parado; salvei {path}. Continue com --resume auto.",
                    )
                )
                raise KeyboardInterrupt
        return position, path

    def _review(self, position: Position) -> Position:
        """Set the number of iterations by the time of those done, while the learning rate does not depend on it."""
        if position.resolved["reviewed"]:
            return position
        asked, steps = self.config.optimizer(0), position.resolved["steps"]
        asked = replace(asked, steps=0, minutes=self.config.minutes, epochs=0.0)
        a_step = (position.seconds - self.warm[1]) / (position.step - self.warm[0])
        if steps and not review_is_due(asked, position.step, steps, position.seconds):
            return position
        steps = reviewed_steps(asked, position.step, position.seconds, a_step, 1)
        self.bar.resize(steps)
        settled = settles(asked, position.step, steps)
        return replace(position, resolved={**position.resolved, "steps": steps, "reviewed": settled})

    def _tell(self, figures: Mapping[str, float]) -> None:
        reward, kl = number(figures["reward"], 3), number(figures["kl"], 3)
        self.bar.advance(1, tr(f"reward {reward}, KL {kl}", f"recompensa {reward}, KL {kl}"))

    def _show(self, step: int, rollouts: Rollouts, rewards: list[float]) -> None:
        """Some of the replies that were just learnt from."""
        apart = max(1, len(rewards) // SAMPLES)
        for i in range(0, len(rewards), apart):
            asked, reply = rollouts.asked[i], rollouts.replies[i]
            self.log.write("sample", step, prompt=asked.messages[-1].content, text=reply.text, reward=rewards[i])

    def _evaluate(self, step: int) -> None:
        """Greedy replies to the held-out prompts."""
        if not self.held_out:
            return
        world = self.world
        with leaving_cores_free() if self.iteration.workers > 1 else nullcontext():
            made = replies(
                self.iteration.engine,
                world.encoder,
                [asked.messages for asked in self.held_out],
                Sampling(temperature=0),
                max_tokens=self.config.max_tokens,
                toolbox=world.toolbox,
            )
            rewards = world.reward(self.held_out, made)
        self.log.write("validation", step, **_scores(self.held_out, made, rewards))

    def _save(self, position: Position) -> Path:
        folder = self.folder / CHECKPOINTS
        iteration = self.iteration
        return save_checkpoint(folder, iteration.model, iteration.optimizer, position, self.config.keep_checkpoints)


def _due(step: int, steps: float, every: int, times: int) -> bool:
    """Whether it is time: every so often, or ``times`` over the run once its length is known."""
    every = every or (math.ceil(steps / times) if steps < math.inf else 0)
    return every > 0 and step % every == 0


def _scores(asked: list[Asked], made: list[Reply], rewards: list[float]) -> dict[str, Any]:
    """The figures of a ``validation`` line: the mean reward, and the share that is right where there is a right."""
    n = len(asked)
    found: dict[str, Any] = {"reward": sum(rewards) / n, "prompts": n}
    right: dict[str, list[bool]] = {}
    for prompt, reply in zip(asked, made, strict=True):
        if prompt.check is not None:
            right.setdefault(prompt.source, []).append(prompt.check(reply.text))
    verdicts = [verdict for of_source in right.values() for verdict in of_source]
    if verdicts:
        low, high = wilson(sum(verdicts), len(verdicts))
        found |= {"right": sum(verdicts) / len(verdicts), "n": len(verdicts), "interval": [low, high]}
        found["tasks"] = {name: sum(of) / len(of) for name, of in right.items()}
    found["length"] = sum(sum(reply.written) for reply in made) / n
    found["finished"] = sum(reply.finish_reason == "stop" for reply in made) / n
    return found
