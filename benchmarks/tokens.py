"""Tokens a second in training: Prosa beside nanoGPT, nanochat, litgpt and transformers, whole steps, one run.

    .venv/bin/python benchmarks/tokens.py --nanogpt PATH --nanochat PATH --python RIVALS_PYTHON      # some 10 minutes

Two shapes over 65 characters: `small`, nanoGPT's for a CPU (4 layers x 128, context 64, batch 12), for which Prosa and
the rivals may choose their batch (Prosa's recipes take 2,048 tokens; each rival is measured at both, the faster
counts), and `medium` (6 x 384, context 256, batch 64). A step is forward, backward, clipping and the contestant's own
optimizer on random ids. Each contestant is a process of its own; the rounds go through all contestants in turn, and the
median over all rounds counts. The share of the peak is model FLOPs (6 N + 12 L C T a token) over the best matrix
product in bfloat16 seen in the same run. The rivals' Python needs torch, transformers and litgpt; a rival without a
path or package is left out, and said so.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

SHAPES = {"small": (4, 4, 128, 64), "medium": (6, 6, 384, 256)}  # layers, heads, width, context
BATCHES = {"small": (12, 32), "medium": (64,)}
V = 65
TARGETS = {"small": ("nanogpt eager", 2.5), "medium": ("the fastest rival", 1.2)}
Step = Callable[[], None]


def _clip_and_step(model: Any, loss: Any, optimizer: Any) -> None:
    import torch

    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def nanogpt(variant: str, path: str, shape: tuple[int, ...], batch: int) -> Step:
    """nanoGPT's model and optimizer."""
    import torch

    sys.path.insert(0, path)
    from model import GPT, GPTConfig  # type: ignore[import-not-found]

    n_layer, n_head, width, context = shape
    config = GPTConfig(
        block_size=context, vocab_size=V, n_layer=n_layer, n_head=n_head, n_embd=width, dropout=0.0, bias=False
    )
    model = GPT(config)
    optimizer = model.configure_optimizers(0.1, 1e-3, (0.9, 0.99), "cpu")
    run = model if variant == "eager" else torch.compile(model)
    x = torch.randint(V, (batch, context + 1))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in variant):
            _, loss = run(x[:, :-1].contiguous(), x[:, 1:].contiguous())
        _clip_and_step(model, loss, optimizer)

    return step


def nanochat(variant: str, path: str, shape: tuple[int, ...], batch: int) -> Step:
    """nanochat's model and optimizer, compiled in bfloat16 as it trains."""
    os.environ["NANOCHAT_DTYPE"] = "bfloat16"
    import torch

    sys.path.insert(0, path)
    from nanochat.gpt import GPT, GPTConfig  # type: ignore[import-not-found]

    n_layer, n_head, width, context = shape
    config = GPTConfig(
        sequence_len=context, vocab_size=V, n_layer=n_layer, n_head=n_head, n_kv_head=n_head, n_embd=width,
        window_pattern="L",
    )  # fmt: skip
    model = GPT(config)
    model.init_weights()
    optimizer = model.setup_optimizer()
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
    run = torch.compile(model, dynamic=False)
    x = torch.randint(V, (batch, context + 1))

    def step() -> None:
        loss = run(x[:, :-1].contiguous(), x[:, 1:].contiguous())
        loss.backward()
        optimizer.step()
        model.zero_grad(set_to_none=True)

    return step


def litgpt(variant: str, path: str, shape: tuple[int, ...], batch: int) -> Step:
    """litgpt's model in GPT-2's shape, AdamW."""
    import torch
    from litgpt.model import GPT, Config  # type: ignore[import-not-found]

    n_layer, n_head, width, context = shape
    config = Config(
        block_size=context, padded_vocab_size=V, vocab_size=V, n_layer=n_layer, n_head=n_head, n_embd=width, bias=False
    )
    model = GPT(config)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    run = model if variant == "eager" else torch.compile(model)
    x = torch.randint(V, (batch, context + 1))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in variant):
            logits = run(x[:, :-1].contiguous())
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), x[:, 1:].flatten())
        _clip_and_step(model, loss, optimizer)

    return step


def transformers(variant: str, path: str, shape: tuple[int, ...], batch: int) -> Step:
    """transformers' GPT-2, AdamW."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    n_layer, n_head, width, context = shape
    config = GPT2Config(
        vocab_size=V, n_positions=context, n_embd=width, n_layer=n_layer, n_head=n_head, resid_pdrop=0, embd_pdrop=0,
        attn_pdrop=0, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    run = model if variant == "eager" else torch.compile(model)
    x = torch.randint(V, (batch, context + 1))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in variant):
            logits = run(x[:, :-1].contiguous(), use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), x[:, 1:].flatten())
        _clip_and_step(model, loss, optimizer)

    return step


def prosa(variant: str, path: str, shape: tuple[int, ...], batch: int) -> Step:
    """Our step as the loop does it, in bfloat16: variant is the model's shape, "compiled" and "adamw" where so."""
    import torch

    from prosa.data.batches import Batch
    from prosa.models.gpt import GPT, GPTConfig
    from prosa.train.config import TrainConfig
    from prosa.train.objectives import NextToken
    from prosa.train.optimizers import Optimizer
    from prosa.train.step import normalise
    from prosa.train.threads import leaving_cores_free
    from prosa.train.workers import Workers

    kind, *how = variant.split()
    n_layer, n_head, width, context = shape
    model = GPT(GPTConfig(V, context, n_layer, n_head, width, shape=kind))  # type: ignore[arg-type]
    optimizer = Optimizer(model, TrainConfig(steps=1, optimizer="adamw" if "adamw" in how else "muon"))
    workers = Workers(model, torch.get_num_threads(), "bfloat16", compiled="compiled" in how)
    objective = NextToken(1 << 20)
    x = torch.randint(V, (batch, context + 1))
    data = Batch(x[:, :-1].contiguous(), x[:, 1:].contiguous())

    def step() -> None:
        with leaving_cores_free():
            losses = workers.accumulate(objective, data, micro_batch=batch)
            normalise(model, losses.targets, 1.0)
            optimizer.step()
            model.zero_grad(set_to_none=True)

    return step


CONTESTANTS = {
    "nanogpt": ("eager", "compile", "compile bf16"),
    "nanochat": ("compile",),
    "litgpt": ("eager", "compile bf16"),
    "transformers": ("eager", "compile bf16"),
    "prosa": ("modern", "speedrun", "speedrun adamw", "speedrun compiled"),
}


def flops(shape: tuple[int, ...]) -> float:
    """FLOPs a token of the plain decoder: 12 C^2 weights a layer and the head."""
    n_layer, _, width, context = shape
    return 6.0 * (12 * n_layer * width**2 + V * width) + 12.0 * n_layer * width * context


def measure(name: str, variant: str, path: str, shape: str, batch: int) -> None:
    """In the process of one contestant: print the seconds of each step after the first three."""
    import torch

    torch.manual_seed(0)
    times: list[float] = []
    with ExitStack() as stack:
        if name == "prosa":  # as its training loop does
            from prosa.train.heap import keeping_freed_memory

            stack.enter_context(keeping_freed_memory())
        step = globals()[name](variant, path, SHAPES[shape], batch)
        for _ in range(3):
            step()
        while len(times) < 3 or (sum(times) < 4 and len(times) < 60):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
    print(json.dumps(times))


def peak() -> float:
    """The best bfloat16 matrix product, FLOP/s."""
    import torch

    from prosa.train.speed import matmul_peak

    return matmul_peak(torch.device("cpu"), torch.bfloat16, 2.0)


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nanogpt", default="")
    parser.add_argument("--nanochat", default="")
    parser.add_argument("--python", default=sys.executable, help="the Python of the rivals")
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--only", nargs="+", help="contestants by the beginning of their names")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        name, variant, path, shape, batch = asked.one
        measure(name, variant, path, shape, int(batch))
        return
    paths = {"nanogpt": asked.nanogpt, "nanochat": asked.nanochat}
    figures: dict[str, Any] = {}
    for shape in asked.shapes:
        times: dict[tuple[str, int], list[float]] = {}
        broken: set[tuple[str, int]] = set()
        for _ in range(asked.rounds):
            for name, variants in CONTESTANTS.items():
                if name in paths and not paths[name]:
                    continue
                for variant in variants:
                    if asked.only and not f"{name} {variant}".startswith(tuple(asked.only)):
                        continue
                    for batch in BATCHES[shape]:
                        key = (f"{name} {variant}", batch)
                        if key in broken:
                            continue
                        python = sys.executable if name == "prosa" else asked.python
                        words = [name, variant, paths.get(name) or "-", shape, str(batch)]
                        done = subprocess.run(
                            [python, __file__, "--one", *words], capture_output=True, text=True, check=False
                        )
                        if done.returncode:
                            broken.add(key)
                            print(f"left out: {key[0]}: {done.stderr.strip().splitlines()[-1]}", flush=True)
                        else:
                            times.setdefault(key, []).extend(json.loads(done.stdout.splitlines()[-1]))
        best = peak()
        speed = {key: key[1] * SHAPES[shape][3] / statistics.median(found) for key, found in times.items()}
        published = speed.get(("nanogpt eager", BATCHES[shape][0]), float("nan"))
        rivals = max((s for (name, _), s in speed.items() if not name.startswith("prosa")), default=float("nan"))
        print(f"\n{shape}: {SHAPES[shape]}, peak {best / 1e9:.0f} GFLOP/s (bfloat16)")
        for (name, batch), tokens in sorted(speed.items(), key=lambda item: -item[1]):
            share = tokens * flops(SHAPES[shape]) / best
            print(
                f"  {name:26} batch {batch:3}  {tokens:9,.0f} tokens/s  {tokens / published:5.2f} x nanoGPT eager  "
                f"{tokens / rivals:5.2f} x fastest rival  {share:5.1%} of the peak"
            )
        ours = max(s for (name, _), s in speed.items() if name.startswith("prosa"))
        against, target = TARGETS[shape]
        ratio = ours / (published if shape == "small" else rivals)
        print(
            f"  target: {target} x {against}; measured {ratio:.2f}: {'reached' if ratio >= target else 'NOT reached'}"
        )
        figures[shape] = {"peak": best, "speed": {f"{n}, batch {b}": s for (n, b), s in speed.items()}, "ratio": ratio}
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
