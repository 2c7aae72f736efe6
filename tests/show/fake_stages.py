"""The stages after base of a run, and its gains.json, of made-up figures.

python tests/show/fake_stages.py runs/fake
"""

import json
import math
import random
import sys
from pathlib import Path
from typing import Any

from prosa.core.interval import wilson
from prosa.evaluate.gains import StageScores, gains_of
from prosa.evaluate.tasks.exam import exam
from prosa.evaluate.tasks.measure import Marked, Score
from prosa.evaluate.tasks.registry import TASKS

SKILL = {"base": 0.05, "sft": 0.55, "dpo": 0.57, "rl": 0.85}
EASE = {"plurals": 1.0, "2D+": 0.9, "conjugation": 0.7, "letter-count": 0.8, "sentiment": 0.95}
DATA = {
    "read": 5200, "bad": 2, "problems": ["falas.jsonl:7: neither 'messages' nor <b>x</b>", "falas.jsonl:90: not JSON"],
    "held_out": 260, "measured": 260, "cut": 31, "dropped": 4, "tokens": 410_000, "targets": 96_000, "padding": 0.04,
}  # fmt: skip


def gains_json(stages: tuple[str, ...] = tuple(SKILL), seed: int = 0) -> dict[str, Any]:
    """What ``prosa gains`` writes, of stages that are right by chance, more and more often."""
    noise = random.Random(5)
    exams = [exam(TASKS[name], n=60, seed=seed) for name in EASE]
    made = []
    for n, stage in enumerate(stages):
        scores = []
        for each in exams:
            marked = []
            for problem in each.problems:
                right = noise.random() < SKILL[stage] * EASE[each.name]
                wrong = "não sei dizer" if stage != "rl" else "<b>seis</b> & meia"
                marked.append(Marked(problem, problem.answer if right else wrong, right))
            scores.append(Score(each.name, "few" if stage == "base" else "zero", seed, tuple(marked)))
        words = ["uma", "casa", "azul", "que", "dois", "gatos", "viam", "mar"][: 8 - 2 * n]
        samples = {str(i): [" ".join(noise.choices(words, k=6)) for _ in range(4)] for i in range(30)}
        before = None if n == 0 else stages[n - 1] if stage != "rl" or "sft" not in stages else "sft"
        made.append(StageScores(stage, before, "plain" if stage == "base" else "chat", scores, samples))

    def reward(conversations):
        return [noise.gauss(len(turns[-1].content) / 20, 1) for turns in conversations]

    found = gains_of("meu-machado", made, seed=seed, language="pt-BR", reward=reward)
    return json.loads(json.dumps(found.to_json()))


def learning(noise: random.Random, *, start: float, end: float, accuracy: float) -> list[dict[str, Any]]:
    """Training and validation lines whose loss falls and whose accuracy rises."""
    lines: list[dict[str, Any]] = []
    for step in range(1, 301):
        done = 1 - math.exp(-step / 60)
        loss, right = start + (end - start) * done, 0.5 + (accuracy - 0.5) * done
        extra = {"loss": loss + noise.gauss(0, 0.04), "accuracy": min(1, right + noise.gauss(0, 0.03))}
        lines.append({"kind": "train", "step": step, "lr": 1e-4, "seconds": step * 0.4, **extra})
        if step % 50 == 0:
            lines.append({"kind": "validation", "step": step, "loss": loss + 0.05, "accuracy": right - 0.02})
    return lines


def add_stages(folder: Path) -> Path:
    """Write sft/, reward/, dpo/, rl/ and gains.json; returns ``folder``."""
    noise = random.Random(3)

    def write(stage: str, figures: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        (folder / stage).mkdir(parents=True, exist_ok=True)
        (folder / stage / "training.json").write_text(json.dumps(figures), encoding="utf-8")
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / stage / "metrics.jsonl").write_text(text, encoding="utf-8")
        (folder / stage / "COMPLETE").touch()

    ended = {"steps": 300, "seconds": 121.0, "tokens": 1_200_000, "epochs": 2.9}
    samples = [
        {"kind": "sample", "step": step, "prompt": "Qual é o plural de cão?", "text": text}
        for step, text in ((50, "cãos"), (300, "cães"))
    ]
    lines = learning(noise, start=2.6, end=0.7, accuracy=0.88)
    write("sft", {**ended, "data": {**DATA, "conversations": 4936}}, [*lines, *samples])
    bins = []
    for n in range(10):
        low, right = 0.5 + 0.05 * n, round(40 * (0.5 + 0.045 * n))
        ends = list(wilson(right, 40))
        bins.append({"low": low, "high": low + 0.05, "n": 40, "right": right, "predicted": low + 0.025,
                     "observed": right / 40, "interval": ends})  # fmt: skip
    held_out = {
        "rankings": 300, "prompts": 150, "pairs": 400, "right": 298, "accuracy": 0.745, "interval": [0.7, 0.785],
        "interval_over_prompts": [0.69, 0.79], "calibration": bins, "calibration_error": 0.031,
        "length_correlation": 0.21, "longer_is_better": 0.58, "longer_is_preferred": 0.64, "reward_deviation": 1.3,
    }  # fmt: skip
    figures = {**ended, "data": {**DATA, "rankings": 2000, "pairs": 2600}, "held_out": held_out, "shift": 0.1}
    write("reward", figures, learning(noise, start=0.693, end=0.41, accuracy=0.8))
    lines = learning(noise, start=0.693, end=0.5, accuracy=0.76)
    for line in lines:
        line |= {"chosen_reward": 0.002 * line["step"], "rejected_reward": -0.004 * line["step"]}
    write("dpo", {**ended, "data": {**DATA, "rankings": 2000, "pairs": 2600}}, lines)
    lines = []
    for step in range(1, 201):
        done = 1 - math.exp(-step / 50)
        lines.append({
            "kind": "train", "step": step, "reward": 0.5 + 0.4 * done + noise.gauss(0, 0.04), "kl": 0.09 * done,
            "entropy": 0.9 - 0.6 * done + noise.gauss(0, 0.02), "length": 9 - 2 * done + noise.gauss(0, 0.4),
            "clip_fraction": 0.05 + abs(noise.gauss(0, 0.02)), "generating": 0.62, "seconds": step * 0.9,
        })  # fmt: skip
        if step % 25 == 0:
            lines.append(
                {"kind": "validation", "step": step, "right": round(200 * (0.5 + 0.38 * done)) / 200, "n": 200}
            )
    lines.append({"kind": "sample", "step": 200, "prompt": "2 + 2?", "text": "4"})
    prompts = {"sources": ["plurals"], "bad": 1, "problems": ["perguntas.jsonl:3: not JSON"]}
    write("rl", {"steps": 200, "seconds": 180.0, "prompts": prompts}, lines)
    (folder / "gains.json").write_text(json.dumps(gains_json(), ensure_ascii=False), encoding="utf-8")
    return folder


if __name__ == "__main__":
    from fake_run import make_run

    print(add_stages(make_run(Path(sys.argv[1]))))
