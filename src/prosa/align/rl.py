"""The loop of reinforcement learning: replies, rewards, advantages, a few optimizer steps, and again.

Exact resume: an iteration is a function of (weights, optimizer state, iteration, seed) alone. Prompts, replies and the
order of minibatches come from (seed, iteration), old and reference log-probabilities from forward passes; what else is
adapted (PPO's KL coefficient) is a buffer of the model. So a run killed at any moment and resumed ends with the same
bits as one that was not, on a CPU with the same number of threads.
"""

import math
import time
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from prosa.align.guards import check_runaway
from prosa.align.policy import Measured, Writer, chosen_rows, k1, k3, measure, micro_batch
from prosa.align.prompts import Asked, Prompts
from prosa.align.rewards import Reward
from prosa.align.rl_config import RlConfig
from prosa.align.rollouts import RolloutBatch, Rollouts, roll_out
from prosa.core.config import to_mapping
from prosa.core.errors import UserError
from prosa.core.interval import wilson
from prosa.core.language import number, tr
from prosa.core.progress import Bar, progress, say
from prosa.data.batches import Batch
from prosa.data.permutation import derive_seed
from prosa.generate.engine import Engine
from prosa.generate.reply import Reply, replies
from prosa.generate.sampling import Sampling
from prosa.generate.tools.toolbox import Toolbox
from prosa.models.gpt import GPT
from prosa.tokenizers.chat import ChatEncoder
from prosa.train.budget import review_is_due, reviewed_steps, settles
from prosa.train.checkpoint import Position, newest_good, read_position, save_checkpoint
from prosa.train.dry_run import Resolved
from prosa.train.heap import keeping_freed_memory
from prosa.train.interrupts import Interrupts
from prosa.train.loop import CHECKPOINTS, TrainingDiverged
from prosa.train.metrics import METRICS, MetricsLog, read_metrics
from prosa.train.optimizers import Optimizer
from prosa.train.resume import checkpoint_to_use, go_on
from prosa.train.schedules import learning_rate_factor
from prosa.train.step import normalise, rows
from prosa.train.threads import leaving_cores_free
from prosa.train.workers import Workers, gradients

SAMPLES = 4  # replies shown at a time
EVALUATIONS, SAMPLINGS, SAVES = 10, 5, 10  # over a run, when their "every" is 0
NOT_THE_WEIGHTS = (
    "max_kl", "min_entropy", "max_unfinished", "eval_every", "eval_prompts", "sample_every", "checkpoint_every",
    "keep_checkpoints",
)  # fmt: skip


class Method(Protocol):
    """PPO or GRPO: what is learnt from replies and their rewards. It is also an objective (``train.objectives``)."""

    @property
    def model(self) -> Writer:
        """What is trained."""
        ...

    def worth(self, rewards_N: Tensor) -> Tensor:
        """Which replies something can be learnt from, (N,) bool, alike for all of a group."""
        ...

    def prepare(
        self, batch: RolloutBatch, now: Measured, reference: Tensor, rewards_N: Tensor
    ) -> tuple[RolloutBatch, dict[str, float]]:
        """What minibatches are taken of, all replies, and figures."""
        ...

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, int, dict[str, float]]:
        """Sum of the losses, over how many targets, and other sums."""
        ...

    def after(self, kl: float) -> None:
        """Adapt what is adapted, after an iteration."""
        ...


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


@dataclass(frozen=True)
class World:
    """What a model is asked, and what its replies are worth.

    Attributes:
        toolbox: tools that replies may call; None: none.
    """

    encoder: ChatEncoder
    prompts: Prompts
    reward: Reward
    toolbox: Toolbox | None = None


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
        run = _Run(method, Writer(reference, model.vocabulary), world, config, folder, optimizer, log, bar)
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
        method: Method,
        reference: Writer,
        world: World,
        config: RlConfig,
        folder: Path,
        optimizer: Optimizer,
        log: MetricsLog,
        bar: Bar,
    ) -> None:
        self.method, self.reference, self.world, self.config = method, reference, world, config
        self.folder, self.optimizer, self.log, self.bar = folder, optimizer, log, bar
        self.model = method.model
        device: Any = next(self.model.parameters()).device.type
        self.engine = Engine(self.model.policy, world.encoder.tokenizer, device=device, precision="float32")
        self.held_out = world.prompts.held_out(config.eval_prompts)
        self.warm: tuple[int, float] = (0, 0.0)
        self.workers = 1
        self.runner: Any = self.model
        self.first = _first(read_metrics(folder / METRICS), "train")
        self.idle = False

    def steps(self, position: Position, interrupts: Interrupts) -> tuple[Position, Path]:
        """Learn to the end, or until interrupted."""
        self.workers = position.resolved["workers"]
        if self.workers > 1:
            self.runner = Workers(self.model, self.workers, "float32")
        earlier, began, first = position.seconds, time.perf_counter(), position.step + 1
        path = self.folder / CHECKPOINTS / f"step_{position.step}"
        if not path.is_dir():  # the beginning
            self._evaluate(0)
            path = self._save(position)
        while not position.resolved["steps"] or position.step < position.resolved["steps"]:
            step = position.step + 1
            rollouts, rewards, figures = self._iteration(step, position.resolved["steps"])
            seconds = earlier + time.perf_counter() - began
            position = replace(position, step=step, tokens=position.tokens + rollouts.written, seconds=seconds)
            if step == first:
                self.warm = step, position.seconds
            else:
                position = self._review(position)
            steps = position.resolved["steps"] or math.inf
            last, stop = step == steps, interrupts.requested
            self.log.write("train", step, **figures, tokens=position.tokens, seconds=position.seconds)
            self._tell(figures)
            if last or _due(step, steps, self.config.sample_every, SAMPLINGS):
                self._show(step, rollouts, rewards)
            if last or _due(step, steps, self.config.eval_every, EVALUATIONS):
                self._evaluate(step)
            if last or stop or _due(step, steps, self.config.checkpoint_every, SAVES):
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
        position = replace(position, resolved={**position.resolved, "steps": steps, "reviewed": settled})
        if settled:
            self._save(position)
        return position

    def _iteration(self, step: int, steps: int) -> tuple[Rollouts, list[float], dict[str, float]]:
        """Replies, rewards, and learning from them."""
        start = time.perf_counter()
        with leaving_cores_free() if self.workers > 1 else nullcontext():
            rollouts = self._roll_out(step)
            generated = time.perf_counter() - start
            rewards = self.world.reward(rollouts.asked, rollouts.replies)
            figures = self._learn(step, steps, rollouts, torch.tensor(rewards, dtype=torch.float32))
        return rollouts, rewards, figures | {"generating": generated / (time.perf_counter() - start)}

    def _roll_out(self, step: int) -> Rollouts:
        config, world = self.config, self.world
        return roll_out(
            self.engine,
            world.encoder,
            world.prompts.at(step - 1, config.replies // config.group),
            samples=config.group,
            max_tokens=config.max_tokens,
            seed=config.seed,
            step=step,
            toolbox=world.toolbox,
        )

    def _learn(self, step: int, steps: int, rollouts: Rollouts, rewards_N: Tensor) -> dict[str, float]:
        """Advantages, and an optimizer step a minibatch."""
        config, method = self.config, self.method
        device = next(self.model.parameters()).device
        rewards_N = rewards_N.to(device)
        batch = rows(rollouts.batch, 0, len(rewards_N), device)
        assert isinstance(batch, RolloutBatch)
        micro = micro_batch(batch, self.model.vocabulary, self.workers)
        told_R = method.worth(rewards_N).view(batch.targets.shape[:2])[:, 0]
        now, first = (self._read(model, batch, step, told_R, micro) for model in (self.model, self.reference))
        ready, more = method.prepare(batch, now, first.log_probs, rewards_N)
        there = batch.there
        figures = {
            "reward": float(rewards_N.double().mean()),
            "reward_deviation": float(rewards_N.double().std(correction=0)),
            "kl": float(k3(now.log_probs, first.log_probs)[there].mean()),
            "kl_k1": float(k1(now.log_probs, first.log_probs)[there].mean()),
            "entropy": float(now.entropies[there].mean()),
            "length": rollouts.written / len(rewards_N),
            "finished": rollouts.finished,
            **more,
        }
        self.first = self.first or figures
        check_runaway(step, figures, self.first, config, newest_good(self.folder / CHECKPOINTS))
        if not self.idle and not bool(told_R.any()):
            say(
                tr(
                    f"iteration {step}: the replies to each prompt have equal rewards, so nothing is learnt from them.",
                    f"iteração {step}: as respostas a cada prompt têm recompensas iguais; nada se aprende com elas.",
                )
            )
            self.idle = True
        factor = learning_rate_factor(step, config.optimizer(steps))
        self.optimizer.set_lr(factor)
        sums: dict[str, float] = {}
        norms = []
        for epoch in range(config.epochs):
            for chosen in self._minibatches(batch, told_R, step, epoch):
                losses = gradients(
                    self.runner,
                    method,
                    chosen_rows(ready, chosen),
                    micro_batch=micro,
                    precision="float32",
                    seed=config.seed,
                    step=step,
                )
                norm = normalise(self.model, losses.targets, config.clip)
                if not (math.isfinite(losses.total) and math.isfinite(norm)):
                    raise self._diverged(step, losses.mean, norm)
                self.optimizer.step()
                self.model.zero_grad(set_to_none=True)
                norms.append(norm)
                for name, value in {**losses.extra, "loss": losses.mean}.items():
                    sums[name] = sums.get(name, 0.0) + value
        method.after(figures["kl_k1"])
        return figures | _summed(sums, norms) | {"lr": config.lr * factor, "updates": len(norms)}

    def _minibatches(self, batch: RolloutBatch, told_R: Tensor, step: int, epoch: int) -> list[Tensor]:
        """Rows of each optimizer step of a pass, in a random order; within one, those of like length together."""
        rows_K = told_R.nonzero()[:, 0].cpu()
        if not len(rows_K):
            return []
        order = np.random.default_rng(derive_seed(self.config.seed, "order", step, epoch)).permutation(len(rows_K))
        number = -(-len(rows_K) * batch.targets.shape[1] // self.config.minibatch)
        lengths_R = batch.lengths.cpu()
        parts = (rows_K[torch.from_numpy(part)] for part in np.array_split(order, min(number, len(order))))
        return [part[lengths_R[part].argsort(stable=True)].to(told_R.device) for part in parts]

    def _read(self, model: Writer, batch: RolloutBatch, step: int, told_R: Tensor, micro: int) -> Measured:
        """What a model says of all replies: in the minibatches of the first pass, then those that teach nothing."""
        rest = (~told_R).nonzero()[:, 0]
        chosen = [*self._minibatches(batch, told_R, step, 0), *([rest] if len(rest) else [])]
        found = [measure(model, chosen_rows(batch, part), micro, self.workers) for part in chosen]
        back = torch.cat(chosen).argsort()
        return Measured(
            torch.cat([part.log_probs for part in found])[back],
            torch.cat([part.entropies for part in found])[back],
            torch.cat([part.values for part in found])[back],
        )

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
        with leaving_cores_free() if self.workers > 1 else nullcontext():
            made = replies(
                self.engine,
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
        return save_checkpoint(folder, self.model, self.optimizer, position, self.config.keep_checkpoints)

    def _diverged(self, step: int, loss: float, norm: float) -> TrainingDiverged:
        good = newest_good(self.folder / CHECKPOINTS)
        return TrainingDiverged(
            tr(
                f"training diverged in iteration {step}: the loss is {loss:g} and the gradient's norm {norm:g}. The "
                f"last good checkpoint is {good}.",
                f"o treino divergiu na iteração {step}: a perda é {loss:g} e a norma do gradiente {norm:g}. O último "
                f"checkpoint bom é {good}.",
            ),
            tr(
                "Lower rl.lr or lengthen rl.warmup; then go on with --resume auto.",
                "Diminua rl.lr ou aumente rl.warmup; depois, --resume auto.",
            ),
        )


def _due(step: int, steps: float, every: int, times: int) -> bool:
    """Whether it is time: every so often, or ``times`` over the run once its length is known."""
    every = every or (math.ceil(steps / times) if steps < math.inf else 0)
    return every > 0 and step % every == 0


def _summed(sums: Mapping[str, float], norms: list[float]) -> dict[str, float]:
    """The figures of an iteration's optimizer steps."""
    if not norms:
        return {}
    written = sums["written"]
    found = {"loss": sums["loss"] / len(norms), "grad_norm": sum(norms) / len(norms)}
    found["clip_fraction"] = sums["clipped"] / written
    if "value_loss" in sums:
        found["value_loss"] = sums["value_loss"] / written
    return found


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
