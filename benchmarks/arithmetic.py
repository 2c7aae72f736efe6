"""GPT-3's ten arithmetic tasks by a model trained from nothing, by all four stages, on this machine.

    .venv/bin/python benchmarks/arithmetic.py --out runs/arithmetic      # about an hour on two cores

Everything is a command of Prosa's: a text of sums is written, then `prosa build` (tokenizer, pretraining), `prosa sft`,
`prosa reward`, `prosa rl`, and `prosa evaluate` on 2,000 held-out problems a task, in wordings that were never trained
on, without tools and with the calculator. Held out is a quarter of all problems, commuted pairs together: neither the
text nor a later stage ever shows one (evaluate/tasks/problem.py). Ours is a narrow model that can do nothing else; GPT-3 is
a general one, whose figures are few-shot (Brown et al. 2020, arXiv 2005.14165, table 3.9 and figure 3.10, 175 B).
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from prosa.evaluate.tasks.registry import find_task

ROOT = Path(__file__).parents[1]
GPT3 = {
    "2D+": 100.0,
    "2D-": 98.9,
    "3D+": 80.4,
    "3D-": 94.2,
    "4D+": 25.5,
    "4D-": 26.8,
    "5D+": 9.3,
    "5D-": 9.9,
    "2Dx": 29.2,
    "1DC": 21.3,
}
WEIGHTS = {"2Dx": 2.0}  # how often a task comes in the text, against 1 for the others
LINES = 100  # of a document


def lines(problems: int, seed: int) -> Iterator[str]:
    """Sums with their results, in all ten tasks' forms and wordings, at random."""
    random = Random(seed)
    names = list(GPT3)
    weights = [WEIGHTS.get(name, 1.0) for name in names]
    streams = {
        (name, wording): find_task(name).problems("train", seed=seed, n=problems, wording=wording)
        for name in names
        for wording in ("own", "bare")
    }
    for name in random.choices(names, weights, k=problems):
        problem = next(streams[name, "own" if random.random() < 0.4 else "bare"])
        space = "" if problem.prompt.endswith("=") else " "
        yield f"{problem.prompt}{space}{problem.answer}"


def write_text(path: Path, problems: int, seed: int) -> None:
    """The text as JSONL, ``LINES`` lines a document."""
    with path.open("w", encoding="utf-8") as file:
        document: list[str] = []
        for line in lines(problems, seed):
            document.append(line)
            if len(document) == LINES:
                file.write(json.dumps({"text": "\n".join(document)}, ensure_ascii=False) + "\n")
                document = []


def prosa(*arguments: str) -> str:
    """Run a command; its standard output."""
    command = [sys.executable, "-m", "prosa", *arguments]
    print("$ prosa", " ".join(arguments), file=sys.stderr, flush=True)
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
