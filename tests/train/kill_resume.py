"""Kill a stage with SIGKILL at random moments, resume it until it is done, compare with one that ran through.

    python tests/train/kill_resume.py --stage sft --times 100

Each time: `prosa STAGE ... --resume auto` on a tiny model, a checkpoint every 3 steps, killed up to 6 times. Half of
the kills come at a random time, half are aimed at a save (as soon as its temporary file is seen). Every file of the
stage must end with the same content, but for what the clock says: weights, optimizer state, metrics, figures, and no
other files. The one that runs through is a process started in the shell's way; those that are killed are forked from
one that has torch loaded (POSIX only).
"""

import argparse
import contextlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # no threads before the fork, and the same sums in each child
os.environ["PROSA_LANG"] = "en"

import torch
import tyro  # noqa: F401  loaded once, before the forks

import prosa.align.rl
import prosa.pipeline.chat
import prosa.train.loop  # noqa: F401
from prosa.cli.main import main as command
from prosa.core.files import sha256

TEXTS = Path(__file__).parents[1] / "samples" / "machado"
MOST_KILLS = 6
CLOCK = {"seconds", "tokens_per_second", "share_of_peak", "generating"}
OF_THE_CLOCK = ("state.json", "manifest.json", "env.json")  # compared by name

STEPS = "--{0}.checkpoint-every 3 --{0}.eval-every 10 --{0}.sample-every 15 --{0}.held-out 0.1 --{0}.steps "
LOOP = "--{0}.batch-size 8 --{0}.micro-batch 4 --{0}.precision float32 --{0}.compile False " + STEPS
RL = "rl RUN --out OUT --data RUN/prompts.jsonl --rl.replies 8 --rl.group 4 --rl.minibatch 4 --rl.epochs 2 " + (
    "--rl.max-tokens 12 --rl.max-unfinished 1 --rl.max-kl 100 --rl.min-entropy 0 --rl.lr 3e-3 "
)
DPO = "dpo RUN --out OUT --data RUN/pairs.jsonl "


@dataclass(frozen=True)
class Stage:
    """A stage's folder in the run, and the command lines that make it, in turns."""

    folder: str
    commands: tuple[str, ...]


STAGES = {
    "pretrain": Stage(
        "base",
        tuple(
            "pretrain --data RUN --out OUT --model.n-layer 2 --model.n-head 2 --model.d-model 32 --model.context 64 "
            f"--model.dropout 0.1 --sample.max-tokens 8 --train.optimizer {name} "
            + LOOP.replace("--{0}.held-out 0.1 ", "").format("train")
            + "30"
            for name in ("adamw", "muon")
        ),
    ),
    "sft": Stage(
        "sft",
        tuple(
            f"sft RUN --out OUT --data RUN/talks.jsonl {how} " + LOOP.format("sft") + "30"
            for how in ("", "--sft.optimizer muon --sft.no-pack", "--lora.rank 4 --lora.dropout 0.1")
        ),
    ),
    "reward": Stage(
        "reward",
        tuple(
            f"reward RUN --out OUT {data} " + LOOP.format("reward") + "30"
            for data in ("--data RUN/pairs.jsonl", "--tasks.names 2D+ --tasks.problems 30")
        ),
    ),
    "dpo": Stage(
        "dpo",
        tuple(
            DPO + how + LOOP.format("dpo") + "30"
            for how in ("", "--dpo.loss ipo --lora.rank 4 ", "--dpo.label-smoothing 0.1 --dpo.optimizer muon ")
        ),
    ),
    "ppo": Stage(
        "rl",
        tuple(
            RL + f"--method ppo {how} " + STEPS.format("rl") + "16"
            for how in ("", "--ppo.whiten-rewards --tools --reward RUN/reward --tasks 2D+")
        ),
    ),
    "grpo": Stage(
        "rl",
        tuple(
            RL + f"--method grpo {how} " + STEPS.format("rl") + "16"
            for how in ("", "--grpo.kl 0.1 --tools --reward RUN/reward --tasks 2D+")
        ),
    ),
    "train-classifier": Stage(
        "classifier",
        tuple(
            f"train-classifier RUN/parity.jsonl --out OUT {how} " + LOOP.format("classify") + "30"
            for how in ("--shape.n-layer 2 --shape.n-head 2 --shape.d-model 32", "--model RUN/base --lora.rank 4")
        ),
    ),
}


@dataclass
class Count:
    """What happened over all times."""

    kills: int = 0
    during_save: int = 0
    same: int = 0


def make_run(run: Path) -> None:
    """A run that the stages begin from: texts and sums, with a fine-tuned model and a reward model."""
    run.mkdir()
    sums = [(a, b) for a in range(2, 10) for b in range(2, 10)]
    talks = [{"instruction": f"{a} + {b}?", "output": f"{a + b}."} for a, b in sums]
    pairs = [{"prompt": f"{a} + {b}?", "chosen": f"{a + b}.", "rejected": f"{a * b + 1}."} for a, b in sums]
    parity = [{"text": f"{a} + {b} = {a + b}", "label": ["even", "odd"][(a + b) % 2]} for a, b in sums]
    prompts = [{"prompt": f"{a} + {b}?", "answer": str(a + b)} for a, b in sums]
    for name, lines in (("talks", talks), ("pairs", pairs), ("prompts", prompts), ("parity", parity)):
        (run.parent / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    shape = "--model.n-layer 2 --model.n-head 2 --model.d-model 32 --tokenizer.vocab-size 512 --train.steps 30"
    made = [f"build {TEXTS} --out RUN {shape}", f"sft RUN --data RUN/talks.jsonl {LOOP.format('sft')} 120"]
    made += [f"reward RUN --data RUN/pairs.jsonl {LOOP.format('reward')} 30"]
    for line in made:
        code = os.waitpid(in_child(words(line, run, run), run.parent / "make.log"), 0)[1]
        if code != 0:
            raise SystemExit(f"prosa {line}: {(run.parent / 'make.log').read_text(encoding='utf-8')}")


def words(line: str, run: Path, out: Path) -> list[str]:
    """A command line with its folders; data lies beside the run."""
    data = line.replace("RUN/talks", f"{run.parent}/talks").replace("RUN/p", f"{run.parent}/p")
    return data.replace("RUN", str(run)).replace("OUT", str(out)).split()


def in_child(arguments: Sequence[str], log: Path) -> int:
    """Fork; the child is `prosa ARGUMENTS`, its messages go to ``log``. Returns its process id."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(file, 1)
            os.dup2(file, 2)
            torch.set_num_threads(1)
            code = command(list(arguments))
        finally:
            os._exit(code)
    return pid


def saving(folder: Path) -> bool:
    """Whether something is half written."""
    return any(folder.glob(".*.tmp")) or any(folder.glob("checkpoints/.*.tmp"))


def kill_at(pid: int, folder: Path, after: float, aim_at_save: bool) -> bool:
    """Kill the child after ``after`` seconds, or at the save that follows; False when it ended by itself before."""
    start = time.monotonic()
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            if status != 0:
                raise ChildProcessError(f"ended with status {status}")
            return False
        if time.monotonic() - start >= after and (not aim_at_save or saving(folder)):
            if aim_at_save:
                time.sleep(random.random() * 0.004)  # somewhere within the save
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return True
        time.sleep(0.0003)


def without_clock(value: Any) -> Any:
    """A JSON value without what the clock says in it."""
    if isinstance(value, dict):
        return {k: without_clock(v) for k, v in value.items() if k not in CLOCK}
    return [without_clock(v) for v in value] if isinstance(value, list) else value


def end_state(folder: Path) -> dict[str, Any]:
    """What must be the same: every file of a stage, by content."""
    state: dict[str, Any] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.name in OF_THE_CLOCK:
            state[name] = None
        elif path.suffix in (".json", ".jsonl"):
            text = path.read_text(encoding="utf-8")
            lines = text.splitlines() if path.suffix == ".jsonl" else [text]
            state[name] = [without_clock(json.loads(line)) for line in lines]
        else:
            state[name] = sha256(path)
    return state


def difference(whole: dict[str, Any], found: dict[str, Any]) -> str | None:
    """The first file that is not the same."""
    for name in sorted(whole.keys() | found.keys()):
        a, b = whole.get(name, "absent"), found.get(name, "absent")
        if a != b:
            if isinstance(a, list) and isinstance(b, list):
                a, b = next(((x, y) for x, y in zip(a, b, strict=False) if x != y), (len(a), len(b)))
            return f"{name}:\n  through {a}\n  killed  {b}"
    return None


def through(line: str, run: Path, out: Path, folder: str) -> tuple[dict[str, Any], float]:
    """The end of a command that nothing disturbs, in a process of its own; and the seconds that a forked one takes."""
    process = [sys.executable, "-m", "prosa", *words(line, run, out)]
    done = subprocess.run(process, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"prosa {line} failed:\n{done.stderr}")
    start = time.monotonic()
    os.waitpid(in_child(words(line, run, out / "forked"), out / "log"), 0)
    seconds, whole = time.monotonic() - start, end_state(out / folder)
    if difference(whole, end_state(out / "forked" / folder)):
        raise SystemExit(f"prosa {line} is not the same twice: {difference(whole, end_state(out / 'forked' / folder))}")
    return whole, seconds


def once(line: str, run: Path, out: Path, folder: str, seconds: float, count: Count) -> dict[str, Any]:
    """Run the command with at most ``MOST_KILLS`` kills until it is done."""
    out.mkdir()
    for i in range(MOST_KILLS + 1):
        after = random.random() * seconds / 2 if i < MOST_KILLS else math.inf
        try:
            child = in_child([*words(line, run, out), "--resume", "auto"], out / "log")
            if not kill_at(child, out / folder, after, random.random() < 0.5):
                break
        except ChildProcessError as error:
            raise SystemExit(f"prosa {line} {error}:\n{(out / 'log').read_text(encoding='utf-8')}") from error
        count.kills += 1
        count.during_save += saving(out / folder)
    return end_state(out / folder)


def main(name: str, times: int, seed: int, run: Path, work: Path) -> Count:
    """Kill and resume a stage ``times`` times, its commands in turns; exits with 1 at the first that ends otherwise."""
    random.seed(seed)
    stage, count = STAGES[name], Count()
    work.mkdir()
    whole = [through(line, run, work / f"whole{n}", stage.folder) for n, line in enumerate(stage.commands)]
    for i in range(times):
        n = i % len(stage.commands)
        found = once(stage.commands[n], run, work / f"{i}", stage.folder, whole[n][1], count)
        other = difference(whole[n][0], found)
        if other:
            raise SystemExit(f"time {i}, prosa {stage.commands[n]}\n{other}")
        count.same += 1
    return count


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        make_run(place / "run")
        for stage_name in arguments.stage:
            began = time.monotonic()
            result = main(stage_name, arguments.times, arguments.seed, place / "run", place / stage_name)
            print(
                f"{stage_name}: {result.same} of {arguments.times} trainings ended bit-identical after {result.kills} "
                f"kills ({result.during_save} in the middle of a save), {time.monotonic() - began:.0f} s",
                flush=True,
            )
