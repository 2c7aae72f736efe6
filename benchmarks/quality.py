"""Quality a second: nanoGPT's published CPU run on tiny Shakespeare against Prosa's recipe `shakespeare`, by wall time.

    .venv/bin/python benchmarks/quality.py --nanogpt PATH      # 30 minutes; --seeds 1 --skip-long: 4

What nanoGPT needs in all (its published command for a CPU, as a process, from start to end) is the time W. Prosa gets
the same text, split and characters, and everything of its own is counted: starting Python, encoding, choosing how to
compute, training, saving, and the validation. Validation is over the whole split, in non-overlapping windows of the
training context, every target counted. A target is reached when the mean of the seeds reaches it and the longest of the
runs stays within the time. Three questions:

    in W          how low does the validation loss get?                       target 1.52
    1.886         in which share of W is nanoGPT's end (1.886) reached?       target 1/8
    1.4697        nanoGPT's published GPU result: within 5 W?                 target 1.4697
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TEXT = ROOT / "data" / "english" / "tinyshakespeare.txt"
NANOGPT = (
    "train.py config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=20 --log_interval=100 "
    "--block_size=64 --batch_size=12 --n_layer=4 --n_head=4 --n_embd=128 --max_iters=2000 --lr_decay_iters=2000 "
    "--dropout=0.0"
)
STARTING = 9.5  # seconds of W that are not training: imports, encoding, saving, the validation
SHORT_STARTING = 5.0  # where nothing is chosen by measuring


def ours(seconds: float, seed: int, out: Path, overrides: dict[str, dict[str, Any]]) -> float:
    """Train with the recipe for ``seconds`` and give the validation loss in nats a character."""
    import dataclasses

    import torch

    from prosa.corpus.document import Document
    from prosa.data.batches import validation_batches
    from prosa.data.prepare import prepare_tokens
    from prosa.models.huggingface import load_model
    from prosa.pipeline.pretrain import pretrain
    from prosa.pipeline.recipe import load_recipe
    from prosa.pipeline.samples import SampleConfig
    from prosa.tokenizers.train import train as train_tokenizer
    from prosa.train.objectives import NextToken

    recipe = load_recipe("shakespeare")
    model = dataclasses.replace(recipe.model, **overrides.get("model", {}))
    settings = {"minutes": seconds / 60, "seed": seed, "eval_every": 10**9, **overrides.get("train", {})}
    text = TEXT.read_text(encoding="utf-8")
    cut = int(0.9 * len(text))
    tokenizer = train_tokenizer([text], recipe.tokenizer)
    parts = {"train": [Document(text[:cut], "train")], "held_out": [Document(text[cut:], "validation")]}
    prepare_tokens({"shakespeare": (parts, 1.0)}, tokenizer, out / "data")
    trained = pretrain(
        data=out / "data",
        out=out,
        model=model,
        train=dataclasses.replace(recipe.train, **settings),
        sample=SampleConfig(prompts=()),
    )
    network, objective = load_model(trained.folder), NextToken()
    nats, targets = 0.0, 0
    with torch.no_grad():
        context = network.config.context
        for batch in validation_batches(tokenizer.encode(text[cut:]), context=context, batch_size=2048 // context):
            loss, count, _ = objective(network, batch)
            nats, targets = nats + float(loss), targets + count
    assert targets == len(text) - cut - 1
    return nats / targets


def in_a_process(seconds: float, seed: int, overrides: dict[str, Any]) -> tuple[float, float]:
    """``ours`` in a new process: (validation loss, wall seconds from start to end)."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--train", str(seconds), str(seed), folder, json.dumps(overrides)]
        start = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return float(done.stdout.split()[-1]), time.perf_counter() - start


def nanogpt(path: Path, python: str) -> tuple[float, float]:
    """nanoGPT's run: (its last validation loss, wall seconds)."""
    data = path / "data" / "shakespeare_char"
    (data / "input.txt").write_text(TEXT.read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run([python, "prepare.py"], cwd=data, check=True, stdout=subprocess.DEVNULL)
    start = time.perf_counter()
    done = subprocess.run([python, *NANOGPT.split()], cwd=path, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - start
    lines = [line for line in done.stdout.splitlines() if "val loss" in line]
    return float(lines[-1].split()[-1]), seconds


def main() -> None:
    """Print the table; with ``--json`` write the figures to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nanogpt", type=Path, help="a checkout of nanoGPT")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs nanoGPT")
    parser.add_argument("--wall", type=float, help="W in seconds, in place of running nanoGPT")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--skip-long", action="store_true", help="leave the run of 5 W out")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--train", nargs=4, metavar=("SECONDS", "SEED", "OUT", "OVERRIDES"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.train:
        seconds, seed, out, overrides = asked.train
        print(ours(float(seconds), int(seed), Path(out), json.loads(overrides)))
        return
    if asked.wall:
        reached, wall = 1.8857, asked.wall
    elif asked.nanogpt:
        reached, wall = nanogpt(asked.nanogpt.resolve(), asked.python)
    else:
        parser.error("give --nanogpt PATH, or --wall SECONDS")
    figures: dict[str, Any] = {"nanogpt": {"validation": reached, "seconds": wall}}
    print(f"nanoGPT: {reached:.4f} in W = {wall:.1f} s", flush=True)
    plans = {"W": (wall - STARTING, 1.52, wall)}
    plans |= {f"W/{n}": (wall / n - SHORT_STARTING, 1.886, wall / n) for n in (8, 6, 5, 4)}
    if not asked.skip_long:
        plans["5 W"] = (5 * wall - STARTING, 1.4697, 5 * wall)
    done = False
    for name, (seconds, target, limit) in plans.items():
        if done and name.startswith("W/"):  # the shortest is known
            continue
        runs = [in_a_process(max(1.0, seconds), seed, OVERRIDES.get(name, {})) for seed in range(asked.seeds)]
        losses = [loss for loss, _ in runs]
        longest = max(took for _, took in runs)
        spread = f" ± {statistics.stdev(losses):.4f}" if len(losses) > 1 else ""
        verdict = "reached" if statistics.mean(losses) <= target and longest <= limit else "NOT reached"
        print(
            f"{name}: validation {statistics.mean(losses):.4f}{spread} ({', '.join(f'{x:.4f}' for x in losses)}), "
            f"target {target}; longest {longest:.1f} s of {limit:.1f} s: {verdict}",
            flush=True,
        )
        if verdict == "reached" and name.startswith("W/"):
            done = True
        figures[name] = {"target": target, "limit": limit, "losses": losses, "seconds": [took for _, took in runs]}
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


SHORT = {
    "model": {"context": 64, "n_layer": 2, "n_head": 2},
    "train": {
        "batch_size": 32,
        "precision": "bfloat16",
        "workers": 2,
        "muon_lr": 0.08,
        "lr": 0.02,
        "embedding_lr": 0.1,
        "decay_fraction": 0.7,
    },
}
OVERRIDES: dict[str, dict[str, Any]] = {
    "W": {"train": {"precision": "bfloat16", "workers": 2}},  # what the dry run would find, in 2 s
    **dict.fromkeys(("W/8", "W/6", "W/5", "W/4"), SHORT),
    "5 W": {"model": {"d_model": 192, "n_head": 3}, "train": {"batch_size": 16, "weight_decay": 1.0}},
}
"""What differs from the recipe for the shorter and the longer run."""

if __name__ == "__main__":
    main()
