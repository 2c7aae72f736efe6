"""What each stage of ``make demo`` gains, for several seeds: its recipe from the text on, with the seed in every stage.

    .venv/bin/python benchmarks/assistant.py --out runs/seeds      # about 20 minutes a seed on two cores

A seed changes the weights at the start, the order of the text, the problems that are learnt from and those that are
held out. What is there already is not made again, so that an interrupted benchmark goes on. The steps of pretraining
are fixed, as they would otherwise follow the machine's speed of the hour.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

ROOT = Path(__file__).parents[1]
STEPS = 1600
SEEDED = ("train", "sft", "tasks", "reward", "rl", "gains")


def build(run: Path, seed: int) -> dict[str, Any]:
    """Make the run, or what is missing of it; what ``gains.json`` holds."""
    flags = [word for part in SEEDED for word in (f"--{part}.seed", str(seed))]
    flags += ["--judged.seed", str(seed + 100), "--train.steps", str(STEPS)]
    command = [sys.executable, "-m", "prosa", "build", "--recipe", "assistant", "--out", str(run), "--resume", "auto"]
    subprocess.run([*command, *flags], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads((run / "gains.json").read_text(encoding="utf-8"))
    return found


def table(found: dict[int, dict[str, Any]]) -> str:
    """Right answers by stage and task, the mean of the seeds; and each seed's gains with their intervals, Markdown."""
    some = next(iter(found.values()))
    stages = [stage["stage"] for stage in some["stages"]]
    tasks = list(dict.fromkeys(row["task"] for row in some["rows"]))
    right = {(row["stage"], row["task"], seed): row["score"] for seed, plain in found.items() for row in plain["rows"]}
    n = {row["task"]: row["n"] for row in some["rows"]}
    lines = [f"| task | n | {' | '.join(stages)} |", "|---|---|" + "---|" * len(stages)]
    for task in tasks:
        cells = [f"{100 * mean(right[stage, task, seed] for seed in found):.1f} %" for stage in stages]
        lines.append(f"| {task} | {n[task]} | {' | '.join(cells)} |")
    lines += [
        "",
        f"| seed | {' | '.join(stages)} | gained | 95 % interval, points |",
        "|---|" + "---|" * len(stages) + "---|---|",
    ]
    for seed, plain in found.items():
        scores = " | ".join(f"{100 * right[stage, 'all', seed]:.1f} %" for stage in stages)
        for line in plain["differences"]:
            if line["task"] == "all":
                low, high = (100 * end for end in line["interval"])
                name, by = f"{line['stage']} − {line['before']}", 100 * line["difference"]
                lines.append(f"| {seed} | {scores} | {name}: {by:+.1f} | {low:+.1f} to {high:+.1f} |")
    for judge in some["win_rates"]:
        lines += ["", f"Win rates, judged by {judge}:", "", "| seed | pair | wins | ties | win rate | 95 % interval |"]
        lines.append("|---|---|---|---|---|---|")
        for seed, plain in found.items():
            for rate in plain["win_rates"][judge]:
                low, high = (100 * end for end in rate["interval"])
                pair = f"{rate['first']} over {rate['second']}"
                ties, interval = f"{rate['ties']} of {rate['prompts']}", f"{low:.1f} to {high:.1f} %"
                lines.append(f"| {seed} | {pair} | {rate['wins']} | {ties} | {100 * rate['rate']:.1f} % | {interval} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    print(table({seed: build((asked.out / f"seed{seed}").resolve(), seed) for seed in asked.seeds}))


if __name__ == "__main__":
    main()
