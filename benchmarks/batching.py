"""Many clients at a time beside one at a time and ``transformers``' continuous batching, on the same random weights.

    .venv/bin/python benchmarks/batching.py                     # 30M: 2 minutes on two quiet cores
    .venv/bin/python benchmarks/batching.py --size 124M --clients 8 --repeats 2
    .venv/bin/python benchmarks/batching.py --clients 8 --precision int8 --no-rival

Every client is a thread that asks for one completion (``generate/service.py``), each of a prompt of its
own of 16 to 48 tokens; texts do not end before ``--tokens``. "Sequential" is the same service with one client, who asks
for one text after another, as many as take a like time; "offline" is one call of ``Engine.generate``. ``transformers``'
manager lives through all rounds, has its attention by SDPA and pages of 256 tokens. All are warmed up; turns are taken,
figures are medians; greedy, two threads. Time to first token: from asking to the token, every request of every round.
"Prefix": seconds to the first token of a prompt of 1,000 tokens, and of a second one that differs in its last token,
without those of the step that makes the token itself.
"""

import argparse
import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from decoding import Numbers, random_model, verdict

from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling
from prosa.generate.service import Service
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model

SIZES = {
    "10M": GPTConfig(vocab_size=4096, context=1024, n_layer=6, n_head=6, d_model=384),
    "30M": GPTConfig(vocab_size=16384, context=1024, n_layer=8, n_head=8, d_model=512),
    "124M": GPTConfig(vocab_size=50257, context=1024, n_layer=12, n_head=12, d_model=768),
}
GREEDY = Sampling(temperature=0)
SEQUENTIAL = 4
"""Requests that are made one after another; more would take long and tell the same."""

Prompts = list[list[int]]


def prompts_of(config: GPTConfig, n: int, seed: int) -> Prompts:
    """Random prompts without a common beginning."""
    torch.manual_seed(seed)
    return [torch.randint(0, config.vocab_size - 1, (16 + 32 * i // max(n - 1, 1),)).tolist() for i in range(n)]


def offline(engine: Engine, prompts: Prompts, tokens: int) -> float:
    """Tokens a second."""
    begin = time.perf_counter()
    engine.generate(prompts, GREEDY, max_tokens=tokens)
    return len(prompts) * tokens / (time.perf_counter() - begin)


def served(service: Service, prompts: Prompts, tokens: int) -> tuple[float, list[float]]:
    """Tokens a second, and each request's seconds to its first token."""
    first = []

    def client(prompt: list[int]) -> None:
        begin = time.perf_counter()
        stream = service.submit(prompt, GREEDY, max_tokens=tokens)
        for n, _ in enumerate(stream):
            if n == 0:
                first.append(time.perf_counter() - begin)

    threads = [threading.Thread(target=client, args=(prompt,)) for prompt in prompts]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(prompts) * tokens / (time.perf_counter() - begin), first


def sequential(service: Service, prompts: Prompts, tokens: int) -> float:
    """Tokens a second."""
    begin = time.perf_counter()
    for prompt in prompts:
        service.submit(prompt, GREEDY, max_tokens=tokens).completion()
    return len(prompts) * tokens / (time.perf_counter() - begin)


def prefix(service: Service, config: GPTConfig, seed: int) -> tuple[float, float, int]:
    """Seconds to the first token of a long prompt, and of a second one that begins alike; tokens the second read.

    The step that makes the token, which takes as long as the next one, is not counted.
    """
    torch.manual_seed(seed)
    long = torch.randint(0, config.vocab_size - 1, (1000,)).tolist()
    seconds = []
    for last in (1, 2):
        times = [time.perf_counter()]
        stream = service.submit([*long[:-1], last], GREEDY, max_tokens=4)
        times += [time.perf_counter() for _ in stream]
        step = min(b - a for a, b in itertools.pairwise(times[1:]))
        seconds.append(times[1] - times[0] - step)
    return seconds[0], seconds[1], stream.prompt_tokens - stream.reused


def rival(model: GPT, clients: int) -> Callable[[Prompts, int], float]:
    """``transformers``: tokens a second of some prompts."""
    from transformers import AutoModelForCausalLM, GenerationConfig
    from transformers.generation.configuration_utils import ContinuousBatchingConfig

    with tempfile.TemporaryDirectory() as folder:
        save_model(model, Path(folder))
        theirs: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="sdpa"
        ).eval()
    settings = ContinuousBatchingConfig(num_blocks=clients + 8, max_batch_tokens=512)

    def run(prompts: Prompts, tokens: int) -> float:
        greedy = GenerationConfig(do_sample=False, max_new_tokens=tokens, eos_token_id=-1, pad_token_id=0)
        begin = time.perf_counter()
        made = theirs.generate_batch(
            prompts,
            generation_config=greedy,
            continuous_batching_config=settings,
            persistent_manager=True,
            warmup=False,
            progress_bar=False,
        )
        seconds = time.perf_counter() - begin
        assert sum(len(one.generated_tokens) for one in made.values()) == len(prompts) * tokens
        return len(prompts) * tokens / seconds

    return run


def measure(size: str, clients: int, repeats: int, tokens: int, precision: Any, *, beside: bool) -> None:
    """Measure one case, and print its lines."""
    config = SIZES[size]
    model = random_model(config)
    theirs = rival(model, clients) if beside else None
    engine = Engine(model, Numbers(config.vocab_size), device="cpu", precision=precision)
    few = min(clients, SEQUENTIAL)
    figures: dict[str, list[float]] = {"sequential": [], "offline": [], "served": [], "transformers": []}
    waits: list[float] = []
    again = []
    with Service(engine) as service:  # its thread sleeps while the others are measured
        for round_ in range(repeats + 1):
            prompts, n = prompts_of(config, clients, 10 + round_), tokens if round_ else 4
            if not round_:  # lays the weights out
                engine.generate(prompts, GREEDY, max_tokens=32)
            rates = {"sequential": sequential(service, prompts_of(config, few, 50 + round_), n)}
            rates["offline"] = offline(engine, prompts, n)
            rates["served"], first = served(service, prompts, n)
            if theirs is not None:
                rates["transformers"] = theirs(prompts, n)
            if round_:
                waits += first
                again.append(prefix(service, config, round_))
                for name, rate in rates.items():
                    figures[name].append(rate)
    speeds = {name: statistics.median(values) for name, values in figures.items() if values}
    waits.sort()
    late = waits[min(len(waits) - 1, int(0.95 * len(waits)))]
    whole, second = (statistics.median(seconds[i] for seconds in again) for i in (0, 1))
    print(f"\n{size}, {precision}, {clients} clients, {tokens} new tokens each; median of {repeats}")
    for name, value in speeds.items():
        print(f"  {name:13s}{value:8.1f} tokens/s")
    ratio = speeds["served"] / speeds["sequential"]
    print(f"  served / sequential   {verdict(ratio, 4) + ' (target at 8: >= 4)' if clients == 8 else f'{ratio:.2f}'}")
    print(f"  served / offline      {verdict(speeds['served'] / speeds['offline'], 0.9)} (target: >= 0.9)")
    if beside:
        print(f"  served / transformers {speeds['served'] / speeds['transformers']:.2f}")
    print(f"  first token           median {statistics.median(waits):.3f} s, 95th percentile {late:.3f} s")
    print(
        f"  prefix of 1,000       {whole:.3f} s, then {second:.3f} s: {100 * second / whole:.1f} % (target: <= 5 %), "
        f"{again[0][2]} token read",
        flush=True,
    )


def main() -> None:
    """Measure all cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="30M")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--precision", choices=["float32", "bfloat16", "int8"], default="float32")
    parser.add_argument("--no-rival", action="store_true", help="without transformers")
    options = parser.parse_args()
    torch.set_num_threads(2)
    for clients in options.clients:
        rival_too = not options.no_rival
        measure(options.size, clients, options.repeats, options.tokens, options.precision, beside=rival_too)


if __name__ == "__main__":
    main()
