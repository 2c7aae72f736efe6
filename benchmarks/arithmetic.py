"""GPT-3's ten arithmetic tasks by a model trained from nothing, in four stages, on this machine's CPU.

    .venv/bin/python benchmarks/arithmetic.py --out runs/arithmetic      # an hour of training; again to go on

Every stage is a command of Prosa's: a text of sums is written, then `prosa build` (tokenizer, pretraining), `prosa sft`
on problems as conversations, `prosa reward` on the model's own answers, `prosa rl` (GRPO) on new problems, and
`prosa evaluate` on 2,000 held-out problems a task, in wordings that were never trained on, without tools and with the
calculator. Held out is a quarter of all problems, commuted pairs together: neither the text nor a later stage ever
shows one (evaluate/tasks/problem.py), and before the exam all that was shown is made again and searched for them.
Ours is a narrow model that can do nothing else; GPT-3 is a general one, whose figures are few-shot (Brown et al. 2020,
arXiv 2005.14165, figure 3.10, 175 B).
"""

import argparse
import itertools
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from prosa.align.demonstrations import TaskData, demonstrations
from prosa.align.prompts import Prompts, task_sources
from prosa.core.config import read_yaml
from prosa.core.files import read_json, write_json
from prosa.evaluate.tasks.registry import find_task

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
# How often a task comes, against 1: the more, the less GPT-3 left to gain.
WEIGHTS = {"2D+": 1.5, "2D-": 1.7, "3D+": 1.3, "3D-": 2.5, "4D+": 0.7, "4D-": 0.7, "5D+": 0.5, "5D-": 0.5, "1DC": 0.5}
BARE = 0.8  # of the lines of the text: sums alone are the shortest, and most are learnt from them
LINES = 100  # of a document
STAGES = ("base", "sft", "reward", "rl")
JUDGED = ["2D+", "2D-", "3D+", "3D-", "4D+", "4D-"]  # tasks of the reward model
EXAMS = {"rl": [], "rl tools": ["--tools"], "sft": [], "base": [], "sft tools": ["--tools"]}
TOOL_SHARE = 0.04  # of the conversations of SFT
TOOL_LINES = 0.05  # of the lines of the text, about
SFT = """
    --sft.optimizer muon --sft.lr 4e-3 --sft.embedding-lr 1e-2 --sft.decay-fraction 0.5 --sft.batch-size 16
    --sft.held-out 0.002 --sft.compile False
"""
RL = "--method grpo --grpo.unbiased --rl.max-tokens 12 --rl.lr 3e-5 --rl.reward-weight 0.05"
TEXT_SEED, JUDGED_SEED = 10, 20  # the stages are shown other problems
REWARD_PROBLEMS = 400  # that the reward model's answers are drawn to, of each task


def weights() -> list[float]:
    """How often each task comes."""
    return [WEIGHTS.get(name, 1.0) for name in GPT3]


def lines(problems: int, seed: int) -> Iterator[str]:
    """Sums with their results, in all ten tasks' forms and wordings, at random."""
    random, seed = Random(seed), 100 * seed + TEXT_SEED
    streams = {
        (name, wording): find_task(name).problems("train", seed=seed + n, n=problems, wording=wording)
        for name in GPT3
        for n, wording in enumerate(("own", "bare"))
    }
    for name in random.choices(list(GPT3), weights(), k=problems):
        problem = next(streams[name, "bare" if random.random() < BARE else "own"])
        space = "" if problem.prompt.endswith("=") else " "
        yield f"{problem.prompt}{space}{problem.answer}"


def tool_lines(problems: int, seed: int) -> Iterator[str]:
    """Questions with the calls that answer them, as plain text: the tokenizer shall know such text."""
    shown = demonstrations(TaskData(tuple(GPT3), problems // len(GPT3), tools=True, tool_share=1.0, seed=seed))
    Random(seed).shuffle(shown)
    for conversation in shown:
        yield from (m.content or "\n".join(call.text for call in m.calls) for m in conversation.messages)


def write_text(path: Path, problems: int, seed: int) -> None:
    """The text as JSONL, ``LINES`` lines a document."""
    texts = [*lines(problems, seed)], [*tool_lines(max(10, int(problems * TOOL_LINES / 8)), seed)]
    documents = [text[at : at + LINES] for text in texts for at in range(0, len(text), LINES)]
    Random(seed).shuffle(documents)
    with path.open("w", encoding="utf-8") as file:
        for document in documents:
            file.write(json.dumps({"text": "\n".join(document)}, ensure_ascii=False) + "\n")


_SIGN = {"mais": "+", "plus": "+", "menos": "-", "minus": "-", "vezes": "*", "times": "*", "×": "*"}
_OPERATION = r" ?([-+*×]|mais|menos|vezes|plus|minus|times) ?"
_COMPOSITE = re.compile(rf"(\d){_OPERATION}\((\d){_OPERATION}(\d)\)")
_PAIR = re.compile(rf"(?<!\d)(\d+){_OPERATION}(\d+)(?!\d)")


def sums(text: str) -> Iterator[tuple[str, ...]]:
    """Every sum, difference, product and composite in a text, as written but for its signs.

    A pair in the brackets of a composite is none: its value is not shown.
    """
    for pattern, rest in (_COMPOSITE, text), (_PAIR, _COMPOSITE.sub("()", text)):
        for found in pattern.finditer(rest):
            yield tuple(_SIGN.get(part, part) for part in found.groups())


def equals(sum_: tuple[str, ...]) -> set[tuple[str, ...]]:
    """The sum, those that commuting makes of it, and of a difference its opposite."""
    if len(sum_) == 3:
        return {sum_, sum_[::-1]}
    a, outer, b, inner, c = sum_
    if outer == inner != "-":
        return {(x, outer, y, inner, z) for x, y, z in itertools.permutations((a, b, c))}
    return {sum_} if inner == "-" else {sum_, (a, outer, c, inner, b)}


def check_held_out(asked: Iterable[str], shown: Iterable[str]) -> int:
    """Look for what is asked in the exam in all that was shown; how many sums were looked at.

    Raises:
        ValueError: one of the exam was shown.
    """
    held_out = {same for text in asked for sum_ in sums(text) for same in equals(sum_)}
    looked = 0
    for text in shown:
        for sum_ in sums(text):
            if sum_ in held_out:
                raise ValueError(f"{' '.join(sum_)} is of the exam, and was shown: {text!r}")
            looked += 1
    return looked


def shown_texts(text: Path, run: Path, told: TaskData, seed: int) -> Iterator[str]:
    """All that the stages were shown: the text, the conversations, and the prompts of reward model and RL."""
    with text.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)["text"]
    for conversation in demonstrations(told):
        yield from (m.content or "\n".join(call.text for call in m.calls) for m in conversation.messages)
    for name in JUDGED:
        for problem in find_task(name).problems("train", seed=100 * seed + JUDGED_SEED, n=REWARD_PROBLEMS):
            yield problem.prompt
    settings = read_yaml(run / "rl" / "config.resolved.yaml")["rl"]
    prompts = Prompts(task_sources([find_task(name) for name in GPT3], ("pt-BR",), lambda _: True), seed)
    for step in range(settings["steps"]):
        yield from (asked.asked for asked in prompts.at(step, settings["replies"] // settings["group"]))


def prosa(*arguments: str) -> str:
    """Run a command; its standard output."""
    command = [sys.executable, "-m", "prosa", *arguments]
    print("$ prosa", " ".join(arguments), file=sys.stderr, flush=True)
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


class Clock:
    """Minutes of each stage, of the wall's clock and of all cores together, kept in a file over interruptions."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.minutes: dict[str, dict[str, float]] = read_json(path) if path.is_file() else {}

    def time(self, stage: str, what: Callable[..., Any], *arguments: Any) -> None:
        """Do something, and add its time to that of a stage."""
        wall, cpu = time.monotonic(), _cpu()
        try:
            what(*arguments)
        finally:
            before = self.minutes.get(stage, {"wall": 0.0, "cpu": 0.0})
            spent = {"wall": time.monotonic() - wall, "cpu": _cpu() - cpu}
            self.minutes[stage] = {key: before[key] + spent[key] / 60 for key in spent}
            write_json(self._path, self.minutes)


def _cpu() -> float:
    """Seconds of processor time of this process and those it started and that ended."""
    return sum(
        u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="run folder; the text goes beside it")
    parser.add_argument(
        "--steps",
        nargs=4,
        default=["2000", "10000", "150", "100"],
        metavar=("BASE", "SFT", "REWARD", "RL"),
        help="of training; every run learns the same, however busy the machine is",
    )
    parser.add_argument("--lines", type=int, default=600_000, help="problems in the text")
    parser.add_argument("--shown", type=int, default=40_000, help="conversations of SFT for a task of weight 1")
    parser.add_argument("--problems", type=int, default=2000, help="held-out problems of each task")
    parser.add_argument("--workers", default="0", help="cores to train on; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    told = TaskData(
        tuple(GPT3), asked.shown, tuple(weights()), tools=True, tool_share=TOOL_SHARE, seed=100 * asked.seed
    )
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    clock = Clock(asked.out.with_suffix(".minutes.json"))
    text = asked.out.with_suffix(".jsonl")
    if not asked.out.exists():
        clock.time("text", write_text, text, asked.lines, asked.seed)
    for stage, arguments in stages(asked, text, told).items():
        clock.time(stage, prosa, *arguments, "--resume", "auto")
    rows = {name: scores(name, more, asked.out, asked.problems, asked.seed) for name, more in EXAMS.items()}
    exams = [problem.prompt for name in GPT3 for problem in find_task(name).up_to(asked.problems, seed=asked.seed)]
    looked = check_held_out(exams, shown_texts(text, asked.out, told, asked.seed))
    figures = {
        "gpt3": GPT3,
        "rows": rows,
        "minutes": clock.minutes,
        "seed": asked.seed,
        "sums_searched_for_exam_problems": looked,
        "stages": {stage: read_json(asked.out / stage / "training.json") for stage in STAGES},
        "environment": read_json(asked.out / "base" / "env.json"),
    }
    print(json.dumps(figures, ensure_ascii=False, indent=1))
    print(table(rows), file=sys.stderr)


def stages(asked: argparse.Namespace, text: Path, told: TaskData) -> dict[str, list[str]]:
    """The command of each stage."""
    run, seed = str(asked.out), str(asked.seed)
    recipe = str(Path(__file__).with_suffix(".yaml"))
    shown = ["--tasks.names", *told.names, "--tasks.weights", *map(str, told.weights)]
    shown += ["--tasks.problems", str(told.problems), "--tasks.tools", "--tasks.tool-share", str(told.tool_share)]
    judged = ["--tasks.names", *JUDGED, "--tasks.problems", str(REWARD_PROBLEMS), "--tasks.samples", "8"]
    commands = {
        "base": ["build", str(text), "--recipe", recipe, "--out", run],
        "sft": ["sft", run, *shown, "--tasks.seed", str(told.seed), *SFT.split()],
        "reward": ["reward", run, *judged, "--tasks.seed", str(100 * asked.seed + JUDGED_SEED)],
        "rl": ["rl", run, "--tasks", *GPT3, *RL.split()],
    }
    for (stage, command), steps in zip(commands.items(), asked.steps, strict=True):
        part = "train" if stage == "base" else stage
        command += [f"--{part}.steps", steps, f"--{part}.workers", asked.workers, f"--{part}.seed", seed]
    return commands


def scores(name: str, more: list[str], run: Path, problems: int, seed: int) -> list[dict[str, Any]]:
    """A row of the table, kept in a file beside the run."""
    saved = run.with_suffix(f".{name.replace(' ', '-')}.json")
    if not saved.is_file():
        exam = ["--tasks", *GPT3, "--problems", str(problems), "--seed", str(seed), "--json"]
        write_json(saved, json.loads(prosa("evaluate", f"{run}:{name.partition(' ')[0]}", *exam, *more))["rows"])
    found: list[dict[str, Any]] = read_json(saved)
    return found


def table(rows: dict[str, list[dict[str, Any]]]) -> str:
    """The scores in Markdown, with Wilson's intervals, in percent."""
    found = ["| task | GPT-3 175B | " + " | ".join(rows) + " |", "|---" * (len(rows) + 2) + "|"]
    for at, (task, gpt3) in enumerate(GPT3.items()):
        cells = []
        for scores in rows.values():
            row = scores[at]
            low, high = row["interval"]
            cells.append(f"{row['right']}/{row['n']} = {row['score']:.2%} ({low:.1%} to {high:.1%})")
        found.append(f"| {task} | {gpt3} | " + " | ".join(cells) + " |")
    return "\n".join(found).replace("%", "")


if __name__ == "__main__":
    main()
