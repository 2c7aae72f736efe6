"""The peak memory of a training step: predicted without allocating (``prosa.train.footprint``), and measured.

    .venv/bin/python benchmarks/memory.py            # three sizes, two precisions, about 5 minutes on one core
    .venv/bin/python benchmarks/memory.py --device cuda

Every measurement is a fresh process. On a CPU: the growth of the resident set's peak (VmHWM) over what the process had
after a step of a minute model, which loads code and libraries. Twice: as malloc is ("default"), and with every tensor
of more than 64 kB in a mapping of its own (MALLOC_MMAP_THRESHOLD_; slower), which leaves no holes. The first is to be
compared with what the process is predicted to take from the system, the second with the bytes predicted to be alive at
the same time. On a GPU: ``torch.cuda.max_memory_allocated`` (not run yet).

Measured (one core of a shared server, glibc 2.36, torch 2.13), predicted and measured MB, and their ratio:

                           alive    mapped     ratio  resident   default     ratio
    tiny, float32            342       346     0.989       383       434     0.882
    tiny, bfloat16           312       321     0.970       351       409     0.856
    medium, float32        1,204     1,211     0.994     1,388     1,582     0.877
    medium, bfloat16       1,028     1,039     0.989     1,183     1,403     0.843
    gpt2-124m, float32     3,701     3,713     0.997     3,854     4,078     0.945
    gpt2-124m, bfloat16    3,873     3,888     0.996     4,056     4,176     0.971

With malloc as it is the same command varies by some 10 % from run to run (tiny in float32: 397 to 438 MB). A mapping
for every tensor would take no more than predicted, but costs 60 to 80 % more time a step in page faults.
"""

import argparse
import dataclasses
import gc
import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import torch

from prosa.data.batches import Batch
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.sizes import by_name
from prosa.train.config import TrainConfig
from prosa.train.footprint import footprint
from prosa.train.heap import keeping_freed_memory
from prosa.train.objectives import NextToken
from prosa.train.optimizers import Optimizer
from prosa.train.step import Precision, accumulate, normalise

CASES = {  # name: shape, rows, optimizer
    "tiny": (by_name("tiny", vocab_size=4096, context=256), 16, "muon"),
    "medium": (by_name("medium", vocab_size=4096, context=256), 16, "muon"),
    "gpt2-124m": (by_name("gpt2-124m", context=512), 4, "adamw"),
}
STEPS = 3
TARGET = 0.15


def main() -> None:
    """Every case in processes of its own; a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--precision", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(arguments.case, arguments.precision, arguments.device)))
        return
    cpu = arguments.device == "cpu"
    heads = ["alive", "mapped", "ratio", "resident", "default", "ratio"] if cpu else ["predicted", "measured", "ratio"]
    print(f"{'MB':<22}" + "".join(f"{head:>10}" for head in heads))
    ratios: list[list[float]] = []
    for case, (shape, rows, optimizer) in CASES.items():
        config = TrainConfig(batch_size=rows, optimizer=optimizer)
        for precision in ("float32", "bfloat16"):
            predicted = footprint(shape, config, micro_batch=rows, precision=precision, gpu=not cpu)
            pairs = [(predicted.peak, run(case, precision, arguments.device, mapped=True))]
            if cpu:
                pairs.append((predicted.resident, run(case, precision, arguments.device, mapped=False)))
            cells = "".join(f"{p / 1e6:10,.0f}{m / 1e6:10,.0f}{p / m:10.3f}" for p, m in pairs)
            ratios.append([p / m for p, m in pairs])
            print(f"{case + ', ' + precision:<22}{cells}", flush=True)
    for i, what in enumerate(("tensors alive", "resident, malloc as it is")[: len(ratios[0])]):
        found = [row[i] for row in ratios]
        worst = max(abs(ratio - 1) for ratio in found)
        verdict = "reached" if worst <= TARGET else "NOT reached"
        print(f"target: predicted within 15 % of measured ({what}): {min(found):.3f} to {max(found):.3f}: {verdict}")


def run(case: str, precision: str, device: str, *, mapped: bool) -> int:
    """``measure`` in a fresh process."""
    extra = {"MALLOC_MMAP_THRESHOLD_": "65536"} if mapped else {}
    command = [sys.executable, __file__, "--case", case, "--precision", precision, "--device", device]
    done = subprocess.run(command, env=os.environ | extra, capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout))


def measure(case: str, precision: Precision, name: str) -> int:
    """Bytes that some steps take at most, over what is there before."""
    shape, rows, optimizer = CASES[case]
    device = torch.device(name)
    config = TrainConfig(batch_size=rows, optimizer=optimizer)
    minute = dataclasses.replace(shape, n_layer=1, vocab_size=256, context=64)
    train(minute, dataclasses.replace(config, batch_size=2), precision, device, 1)
    gc.collect()
    if device.type == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        train(shape, config, precision, device, STEPS)
        return torch.cuda.max_memory_allocated() - before
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = status("VmRSS")
    with nullcontext() if "MALLOC_MMAP_THRESHOLD_" in os.environ else keeping_freed_memory():
        train(shape, config, precision, device, STEPS)
    return status("VmHWM") - before


def train(shape: GPTConfig, config: TrainConfig, precision: Precision, device: torch.device, steps: int) -> None:
    """Steps as ``train.loop`` does them."""
    model = GPT(shape).to(device).train()
    optimizer = Optimizer(model, config)
    ids = torch.randint(shape.vocab_size, (config.batch_size, shape.context))
    for step in range(steps):
        losses = accumulate(
            model, NextToken(config.loss_chunk), Batch(ids, ids),
            micro_batch=config.batch_size, precision=precision, seed=0, step=step,
        )  # fmt: skip
        normalise(model, losses.targets, config.clip)
        optimizer.step()
        model.zero_grad(set_to_none=True)


def status(key: str) -> int:
    """A size in ``/proc/self/status``, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key + ":"))


if __name__ == "__main__":
    main()
