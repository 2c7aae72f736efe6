"""GPT-3's ten arithmetic tasks by a model trained from nothing on this machine: so far base and SFT, no RL.

    .venv/bin/python benchmarks/arithmetic.py --out runs/arithmetic      # about 50 minutes on two cores

Everything is a command of Prosa's: a text of sums is written, then `prosa build` (tokenizer, pretraining), `prosa sft`
and `prosa evaluate` on 2,000 held-out problems a task, in wordings that were never trained on, without tools and with
the calculator. Held out is a quarter of all problems, commuted pairs together: neither the text nor a later stage ever
shows one (evaluate/tasks/problem.py). Ours is a narrow model that can do nothing else; GPT-3 is a general one, whose
figures are few-shot (Brown et al. 2020, arXiv 2005.14165, figure 3.10, 175 B).
"""

import argparse
import json
import subprocess
import sys
import tempfile
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="run folder; must not exist")
    parser.add_argument("--minutes", type=float, default=30, help="of pretraining; fine-tuning takes half as long")
    parser.add_argument("--lines", type=int, default=1_000_000, help="problems in the text")
    parser.add_argument("--problems", type=int, default=2000, help="held-out problems of each task")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    run, seed, minutes = str(asked.out), str(asked.seed), asked.minutes
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "sums.jsonl"
        write_text(text, asked.lines, asked.seed)
        recipe = ["--recipe", str(Path(__file__).with_suffix(".yaml"))]
        prosa("build", str(text), *recipe, "--out", run, "--train.minutes", str(minutes), "--train.seed", seed)
    shown = ["--tasks.names", *GPT3, "--tasks.problems", str(asked.lines // 50), "--tasks.tools", "--tasks.seed", seed]
    rates = ["--sft.optimizer", "muon", "--sft.lr", "4e-3", "--sft.embedding-lr", "1e-2", "--sft.epochs", "0"]
    prosa("sft", run, *shown, *rates, "--sft.minutes", str(minutes / 2), "--sft.batch-size", "32", "--sft.seed", seed)
    exam = ["--tasks", *GPT3, "--problems", str(asked.problems), "--seed", seed, "--json"]
    direct, with_tools = (json.loads(prosa("evaluate", run, *exam, *more)) for more in ([], ["--tools"]))
    print(json.dumps({"direct": direct, "tools": with_tools, "gpt3": GPT3}, ensure_ascii=False))


if __name__ == "__main__":
    main()
