"""Many clients at a time beside one request at a time, on the same random weights, in one run.

    .venv/bin/python benchmarks/batching.py                     # 30M: some minutes on two quiet cores
    .venv/bin/python benchmarks/batching.py --size 10M --tokens 16 --clients 1 8

Every client is a thread that asks for one completion (``generate/service.py``), each of a prompt of its
own of 16 to 48 tokens; texts do not end before ``--tokens``. "Sequential" is what the same engine does with the same
requests one after another (``Engine.generate``), on as many as take a like time, and "offline" all of a round in one
call. Turns are taken, figures are medians; greedy, float32. Time to first token: from asking to the token, every
request of every round. "Prefix": seconds to the first token of a prompt of 1,000 tokens, and of a second one that
differs in its last token only.
"""

import argparse
import statistics
import threading
import time

import torch
from decoding import Numbers, random_model, verdict

from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling
from prosa.generate.service import Service
from prosa.models.gpt import GPTConfig

SIZES = {
    "10M": GPTConfig(vocab_size=4096, context=1024, n_layer=6, n_head=6, d_model=384),
    "30M": GPTConfig(vocab_size=16384, context=1024, n_layer=8, n_head=8, d_model=512),
    "124M": GPTConfig(vocab_size=50257, context=1024, n_layer=12, n_head=12, d_model=768),
}
GREEDY = Sampling(temperature=0)
SEQUENTIAL = 8
"""Requests that are made one after another; more would take long and tell the same."""

Prompts = list[list[int]]


def prompts_of(config: GPTConfig, n: int, seed: int) -> Prompts:
    """Random prompts without a common beginning."""
    torch.manual_seed(seed)
    return [torch.randint(0, config.vocab_size - 1, (16 + 32 * i // max(n - 1, 1),)).tolist() for i in range(n)]


def sequential(engine: Engine, prompts: Prompts, tokens: int) -> float:
    """Tokens a second."""
    begin = time.perf_counter()
    for prompt in prompts:
        engine.generate([prompt], GREEDY, max_tokens=tokens)
    return len(prompts) * tokens / (time.perf_counter() - begin)


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


def prefix(service: Service, config: GPTConfig) -> tuple[float, float, int]:
    """Seconds to the first token of a long prompt, and of a second one that begins alike; tokens the second read."""
    (long,) = prompts_of(config, 1, 99)
    long = (long * 100)[:1000]
    seconds = []
    for last in (1, 2):
        begin = time.perf_counter()
        stream = service.submit([*long[:-1], last], GREEDY, max_tokens=1)
        stream.completion()
        seconds.append(time.perf_counter() - begin)
    return seconds[0], seconds[1], stream.prompt_tokens - stream.reused


def measure(size: str, clients: int, repeats: int, tokens: int) -> None:
    """Measure one case, and print its lines."""
    config = SIZES[size]
    engine = Engine(random_model(config), Numbers(config.vocab_size), device="cpu", precision="float32")
    figures: dict[str, list[float]] = {"sequential": [], "offline": [], "served": []}
    waits: list[float] = []
    with Service(engine) as service:  # its thread sleeps while the others are measured
        served(service, prompts_of(config, min(clients, 2), 1), 2)  # lays the weights out
        for round_ in range(repeats):
            prompts = prompts_of(config, clients, 10 + round_)
            few = prompts_of(config, min(clients, SEQUENTIAL), 10 + round_)
            figures["sequential"].append(sequential(engine, few, tokens))
            figures["offline"].append(offline(engine, prompts, tokens))
            speed, first = served(service, prompts, tokens)
            figures["served"].append(speed)
            waits += first
        again = prefix(service, config)
    speeds = {name: statistics.median(values) for name, values in figures.items()}
    waits.sort()
    late = waits[min(len(waits) - 1, int(0.95 * len(waits)))]
    print(f"\n{size}, {clients} clients, {tokens} new tokens each; median of {repeats}")
    for name, value in speeds.items():
        print(f"  {name:11s}{value:8.1f} tokens/s")
    ratio = speeds["served"] / speeds["sequential"]
    print(f"  served / sequential   {verdict(ratio, 4) + ' (target at 8: >= 4)' if clients == 8 else f'{ratio:.2f}'}")
    print(f"  served / offline      {verdict(speeds['served'] / speeds['offline'], 0.9)} (target: >= 0.9)")
    print(f"  first token           median {statistics.median(waits):.3f} s, 95th percentile {late:.3f} s")
    print(f"  prefix of 1,000       {again[0]:.3f} s, then {again[1]:.3f} s, {again[2]} tokens read", flush=True)


def main() -> None:
    """Measure all cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="30M")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(2)
    for clients in options.clients:
        measure(options.size, clients, options.repeats, options.tokens)


if __name__ == "__main__":
    main()
