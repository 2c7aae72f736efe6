"""Kill a training with SIGKILL at random moments, resume it until it is done, compare with one that ran through.

    python tests/train/kill_resume.py --times 100

Each time: a tiny GPT with dropout, 40 steps, a checkpoint every 3. Half of the kills come at a random time, half are
aimed at a save (as soon as its temporary folder is seen). The end must have the same bits: weights, optimizer state and
every loss in metrics.jsonl. Training runs in forked children of one process that has torch loaded (POSIX only).
"""

import argparse
import json
import math
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # no threads before the fork, and the same sums in each child

import numpy as np
import torch

from prosa.core.files import sha256
from prosa.data.batches import Batches
from prosa.models.gpt import GPT, GPTConfig
from prosa.train.config import TrainConfig
from prosa.train.loop import fit
from prosa.train.objectives import NextToken

STEPS, EVERY, MOST_KILLS = 40, 3, 6


@dataclass
class Count:
    """What happened over all times."""

    kills: int = 0
    during_save: int = 0
    same: int = 0


def train(folder: Path, optimizer: Any) -> None:
    """Train in ``folder``, going on from what is there; the same result whenever it is called."""
    torch.set_num_threads(1)
    torch.manual_seed(5)
    shape = {"vocab_size": 64, "context": 16, "n_layer": 2, "n_head": 2, "d_model": 32, "d_ff": 64}
    model = GPT(GPTConfig(**shape, dropout=0.1))  # type: ignore[arg-type]
    ids = np.random.default_rng(0).integers(0, 64, 5000)
    config = TrainConfig(
        steps=STEPS,
        batch_size=8,
        micro_batch=4,
        optimizer=optimizer,
        checkpoint_every=EVERY,
        keep_checkpoints=2,
        eval_every=7,
        precision="float32",
        device="cpu",
    )
    fit(
        model,
        NextToken(config.loss_chunk),
        Batches(ids, context=16, batch_size=8, seed=1),
        config,
        folder,
        resume=True,
        data_fingerprint="tokenizer=t;corpus=c;mixture=m",
        validate=lambda model, _: {"loss": float(model.embedding.weight.sum()) + float(torch.rand(()))},
    )


def in_child(work: Callable[[], None]) -> int:
    """Fork; the child does ``work`` in silence and leaves. Returns its process id."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            saved = os.dup(2)
            os.dup2(quiet, 2)
            work()
            code = 0
        except BaseException as error:
            os.dup2(saved, 2)
            print(f"child: {type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(code)
    return pid


def kill_at(pid: int, folder: Path, after: float, aim_at_save: bool) -> bool:
    """Kill the child after ``after`` seconds, or at the save that follows; False when it ended by itself before."""
    start = time.monotonic()
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            if status != 0:
                raise SystemExit(f"a training failed with status {status}")
            return False
        late = time.monotonic() - start >= after
        if late and (not aim_at_save or any(folder.glob("checkpoints/.step_*.tmp"))):
            if aim_at_save:
                time.sleep(random.random() * 0.004)  # somewhere within the save
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return True
        time.sleep(0.0003)


def end_state(folder: Path) -> dict[str, Any]:
    """What must be the same: checksums of the tensors, and all metrics but the clock's."""
    last = folder / "checkpoints" / f"step_{STEPS}"
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    clock = ("seconds", "tokens_per_second", "share_of_peak")
    return {
        "weights": sha256(last / "model.safetensors"),
        "optimizer": sha256(last / "optimizer.safetensors"),
        "metrics": [{k: v for k, v in line.items() if k not in clock} for line in lines],
        "folders": sorted(path.name for path in (folder / "checkpoints").iterdir()),
    }


def once(folder: Path, optimizer: str, seconds: float, count: Count) -> dict[str, Any]:
    """Train in ``folder`` with at most ``MOST_KILLS`` kills until it is done."""
    for i in range(MOST_KILLS + 1):
        after = random.random() * seconds if i < MOST_KILLS else math.inf
        pid = in_child(lambda: train(folder, optimizer))
        if not kill_at(pid, folder, after, random.random() < 0.5):
            break
        count.kills += 1
        count.during_save += any(folder.glob("checkpoints/.step_*.tmp"))
    return end_state(folder)


def main(times: int, seed: int) -> Count:
    """Kill and resume ``times`` trainings, AdamW and Muon in turn; exits with 1 at the first that ends otherwise."""
    random.seed(seed)
    count, references = Count(), {}
    with tempfile.TemporaryDirectory() as place:
        for optimizer in ("adamw", "muon"):
            folder, start = Path(place) / optimizer, time.monotonic()
            _, status = os.waitpid(in_child(lambda o=optimizer, f=folder: train(f, o)), 0)  # type: ignore[misc]
            if status != 0:
                raise SystemExit(f"the uninterrupted training failed with status {status}")
            references[optimizer] = (end_state(folder), time.monotonic() - start)
        for i in range(times):
            optimizer = ("adamw", "muon")[i % 2]
            reference, seconds = references[optimizer]
            found = once(Path(place) / f"{i}", optimizer, seconds, count)
            for name, value in reference.items():
                if found[name] != value:
                    raise SystemExit(f"time {i}, {optimizer}: {name} differ\n{value}\n{found[name]}")
            count = replace(count, same=count.same + 1)
    return count


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    began = time.monotonic()
    result = main(arguments.times, arguments.seed)
    print(
        f"{result.same} of {arguments.times} trainings ended bit-identical after {result.kills} kills "
        f"({result.during_save} in the middle of a save), {time.monotonic() - began:.0f} s"
    )
