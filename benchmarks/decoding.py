"""Decoding speed beside ``transformers.generate`` and llama.cpp, on the same random weights, in one run.

    .venv/bin/python benchmarks/decoding.py --rivals-python PATH            # about 6 minutes on two cores
    .venv/bin/python benchmarks/decoding.py --rivals-python PATH --size 124M --precision bfloat16    # a quarter of it

PATH is a Python with ``xllamacpp``, ``gguf`` and ``safetensors`` (all on PyPI); without it llama.cpp is left out.

Models of the modern shape (Qwen3's), written as a model folder, which ``transformers`` opens, and as GGUF. Every
prompt has 16 tokens, and everybody is timed from prompts to finished texts, reading the prompts and preparing the
weights (each ``generate`` call of a fresh engine) included; tokens a second are of new tokens, greedy, two threads.
Runs take turns; figures are medians. ``transformers`` runs eagerly, with a dynamic and a static cache: the faster is
shown. llama.cpp's 16 prompts are 16 slots of its server. "Bound": the bytes of all weights over the speed at which
both cores read a 256 MB tensor, measured in every turn; only matrices that a token reads are counted.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model

SIZES = {
    "10M": GPTConfig(vocab_size=256, context=512, n_layer=6, n_head=6, d_model=384),
    "124M": GPTConfig(vocab_size=50257, context=512, n_layer=12, n_head=12, d_model=768),
}
PROMPT = 16
GREEDY = Sampling(temperature=0)
READ = torch.ones(64 * 2**20)

Run = Callable[[], list[list[int]]]


class Numbers:
    """A tokenizer of ids only: the one part of it that takes time here is turning ids into text."""

    kind = "numbers"
    special_tokens: dict[str, int] = {}  # noqa: RUF012
    end_of_text = None
    unknown = None
    fingerprint = ""

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size

    def decode(self, ids: list[int]) -> str:
        """The text that llama.cpp makes of them here."""
        return "".join(f"t{id}" for id in ids)


def random_model(config: GPTConfig) -> GPT:
    """Weights drawn wide enough for texts that vary; the last id, llama.cpp's end of text, is never the best."""
    torch.manual_seed(0)
    model = GPT(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(std=0.05)
        model.embedding.weight[-1] = 0
    return model


class Llama:
    """The process that runs llama.cpp."""

    def __init__(self, python: Path) -> None:
        script = Path(__file__).with_name("decoding_llama.py")
        self.process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __call__(self, folder: Path, precision: str, prompts: list[list[int]], tokens: int) -> dict[str, Any]:
        """Seconds and ids of one run."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"folder": str(folder), "precision": precision, "prompts": prompts, "tokens": tokens}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def timed(run: Run) -> dict[str, Any]:
    """Seconds and ids of one run."""
    begin = time.perf_counter()
    ids = run()
    return {"seconds": time.perf_counter() - begin, "ids": ids}


def bandwidth() -> float:
    """Bytes a second that both cores read."""
    seconds = []
    for _ in range(4):
        begin = time.perf_counter()
        READ.sum()
        seconds.append(time.perf_counter() - begin)
    return READ.nbytes / min(seconds)


def compare(size: str, precision: str, rows: int, folder: Path, llama: Llama | None, repeats: int, tokens: int) -> None:
    """Measure one case, and print its lines."""
    config, model = SIZES[size], random_model(SIZES[size])
    generator = torch.Generator().manual_seed(rows)
    prompts = torch.randint(0, config.vocab_size - 1, (rows, PROMPT), generator=generator)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()

    engine = Engine(model, Numbers(config.vocab_size), device="cpu", precision=precision)  # type: ignore[arg-type]

    def ours() -> list[list[int]]:
        return [[token.id for token in c.tokens] for c in engine.generate(prompts.tolist(), GREEDY, max_tokens=tokens)]

    def transformers(cache: str) -> list[list[int]]:
        made = theirs.generate(
            prompts, attention_mask=torch.ones_like(prompts), do_sample=False, max_new_tokens=tokens,
            min_new_tokens=tokens, cache_implementation=cache, disable_compile=True, pad_token_id=0,
        )  # fmt: skip
        found: list[list[int]] = made[:, PROMPT:].tolist()
        return found

    caches = ("dynamic", "static")
    cache = min(caches, key=lambda cache: timed(lambda: transformers(cache))["seconds"])
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        "prosa": lambda: timed(ours),
        "transformers": lambda: timed(lambda: transformers(cache)),
    }
    if llama is not None:
        runs["llama.cpp"] = lambda: llama(folder, precision, prompts.tolist(), tokens)
    for name in ("prosa", "llama.cpp"):
        if name in runs:
            runs[name]()
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in runs}
    read = []
    for _ in range(repeats):
        read.append(bandwidth())
        for name, run in runs.items():
            results[name].append(run())

    speed = {name: rows * tokens / statistics.median(r["seconds"] for r in found) for name, found in results.items()}
    print(
        f"\n{size}, {precision}, batch {rows}, {tokens} new tokens; median of {repeats}; "
        f"reads {statistics.median(read) / 1e9:.1f} GB/s"
    )
    written = list(itertools.chain(*results["prosa"][0]["ids"]))
    for name, value in speed.items():
        theirs = itertools.chain(*results[name][0]["ids"])
        same = [a == b for a, b in zip(written, theirs, strict=True)]
        note = (
            ""
            if name == "prosa"
            else f"   prosa is {speed['prosa'] / value:.2f} x; {sum(same)} of {len(same)} tokens the same"
        )
        note += f"   ({cache} cache)" if name == "transformers" else ""
        print(f"  {name:13s} {value:8.1f} tokens/s{note}")
    print(f"  target: >= 2 x transformers                  {verdict(speed['prosa'] / speed['transformers'], 2)}")
    if "llama.cpp" in speed:
        least = 0.8 if rows == 1 else 1.0
        print(
            f"  target: >= {least} x llama.cpp                  {verdict(speed['prosa'] / speed['llama.cpp'], least)}"
        )
    if rows == 1:
        weights = sum(p.numel() for p in model.parameters()) * dtype.itemsize
        share = speed["prosa"] * weights / statistics.median(read)
        print(f"  share of the memory's bound (target at 124M: >= 0.7)   {verdict(share, 0.7)}", flush=True)


def verdict(value: float, least: float) -> str:
    """The figure and whether it meets the target."""
    return f"{value:.2f}  {'met' if value >= least else 'MISSED'}"


def main() -> None:
    """Measure all cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rivals-python", type=Path)
    parser.add_argument("--size", choices=SIZES, action="append")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), action="append")
    parser.add_argument("--batch", type=int, choices=(1, 16), action="append")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=128)
    options = parser.parse_args()
    torch.set_num_threads(2)
    llama = Llama(options.rivals_python) if options.rivals_python else None
    with tempfile.TemporaryDirectory() as temporary:
        for size in options.size or SIZES:
            folder = Path(temporary) / size
            save_model(random_model(SIZES[size]), folder)
            for precision in options.precision or ("float32", "bfloat16"):
                for rows in options.batch or (1, 16):
                    compare(size, precision, rows, folder, llama, options.repeats, options.tokens)


if __name__ == "__main__":
    main()
