"""Trainings in several real processes, for the tests; a fork server that has torch loaded starts them at once."""

import multiprocessing
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from prosa.core import processes
from prosa.core.errors import UserError
from prosa.data.batches import IGNORE, Batch, Batches
from prosa.models.gpt import GPT, GPTConfig
from prosa.train.config import TrainConfig
from prosa.train.loop import fit
from prosa.train.objectives import NextToken
from prosa.train.parallel import together

WORDS, CONTEXT, ROWS = 61, 16, 8
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["torch._dynamo", "prosa.train.loop", "prosa.models.gpt"])


class Told(Exception):
    """What a child fails with where it should."""


class Rows:
    """Batches, with something done at the batch of one step (from 0) on one rank, or on all (rank None)."""

    def __init__(self, batch_size: int, masked: bool, do: str | None, step: int, rank: int | None) -> None:
        ids = np.random.default_rng(1).integers(0, WORDS, 3000)
        ids[1::2] = (ids[::2] * 7 + 3) % WORDS
        self.inner = Batches(ids, context=CONTEXT, batch_size=batch_size, seed=0)
        self.masked, self.do, self.step, self.rank = masked, do, step, rank
        self.steps_per_epoch = self.inner.steps_per_epoch

    def at(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        batch = self.inner.at(step, rank, world)
        if self.do and step == self.step and self.rank in (None, rank):
            if self.do == "break":
                raise Told
            if self.do in ("SIGKILL", "SIGTERM"):
                os.kill(os.getpid(), signal.Signals[self.do])
        if (
            self.masked
        ):  # the n-th row of the whole batch has n + 1 targets: unequal among rows, micro-batches and ranks
            for row in range(len(batch.targets)):
                batch.targets[row, rank * len(batch.targets) + row + 1 :] = IGNORE
        return batch


class Seen(NextToken):
    """Keeps the rows that it sees in training; takes ``seconds`` longer; gives no number at a row that is ``bad``."""

    def __init__(self, seconds: float, bad: torch.Tensor | None) -> None:
        super().__init__(50)
        self.seconds = seconds
        self.rows: list[torch.Tensor] = []
        self.bad = bad

    def __call__(self, model: Any, batch: Batch) -> Any:
        if model.training:
            self.rows.append(batch.inputs)
        time.sleep(self.seconds)
        total, count, extra = super().__call__(model, batch)
        if self.bad is not None and (batch.inputs == self.bad).all(-1).any():
            total = total * float("nan")
        return total, count, extra | {"targets": float(count)}


def _child(rank: int, world: int, port: int, folder: Path, settings: dict[str, Any], options: dict[str, Any]) -> None:
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()} | {"MASTER_ADDR": "127.0.0.1"})
    os.environ["TORCHELASTIC_USE_AGENT_STORE"] = str(options.get("launcher", True))
    folder.mkdir(parents=True, exist_ok=True)
    words = os.open(folder / f"words-{rank}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(words, 2)
    torch.set_num_threads(1)
    torch.manual_seed(rank)  # rank 0's weights are everyone's
    shape: dict[str, Any] = {"vocab_size": WORDS, "context": CONTEXT, "n_layer": 2, "n_head": 2, "d_model": 32}
    model = GPT(GPTConfig(**shape, d_ff=48, dropout=0.1))
    batches = Rows(
        settings["batch_size"],
        options.get("masked", False),
        options.get("do"),
        options.get("step", 0),
        options.get("rank"),
    )
    bad = batches.inner.at(6).inputs[-1] if options.get("do") == "diverge" else None
    objective = Seen(0.004 * rank if options.get("uneven") else 0, bad)
    try:
        with together("cpu"):
            fit(
                model,
                objective,
                batches,
                TrainConfig(**settings),
                folder,
                resume=options.get("resume", False),
                data_fingerprint="tokenizer=t;corpus=c;mixture=m",
                validate=lambda model, _: {"loss": float(model.embedding.weight.detach().double().sum())},
            )
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except Told:
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)
    np.save(folder / f"rows-{rank}.npy", torch.cat(objective.rows).numpy())
    assert processes.rank() == rank


def train(world: int, folder: Path, **options: Any) -> list[int]:
    """Train in ``world`` processes; their exit codes (-9: killed).

    Args:
        options: of ``TrainConfig``, of ``Rows``, ``resume``; ``launcher`` False: rank 0 keeps the shared store, which
            torchrun would keep in a process of its own, as this one does else; ``uneven``: rank 1 is slower.
    """
    settings: dict[str, Any] = {
        "steps": 12,
        "batch_size": ROWS,
        "micro_batch": 2,
        "optimizer": "adamw",
        "lr": 3e-3,
        "embedding_lr": 0.0,
        "precision": "float32",
        "checkpoint_every": 4,
        "eval_every": 4,
        "device": "cpu",
    }
    other = {"masked", "do", "step", "rank", "resume", "launcher", "uneven"} & set(options)
    own = {name: options.pop(name) for name in other}
    if own.get("launcher", True):
        store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        port = store.port
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    children = [
        _context.Process(target=_child, args=(rank, world, port, folder, settings | options, own))
        for rank in range(world)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        if child.exitcode is None:
            child.kill()
    return [child.exitcode for child in children]
