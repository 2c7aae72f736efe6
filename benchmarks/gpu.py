"""How much of a GPU's bfloat16 peak Prosa's training step uses, at 124 M and 1.3 B parameters, and where the rest goes.

    PYTHONPATH=src python benchmarks/gpu.py                # under 8 minutes on one GPU; needs torch and numpy only
    PYTHONPATH=src python benchmarks/gpu.py --dry-run      # the same lines with tiny models, on whatever is there

It is the step of ``prosa pretrain`` (``train/step.py``, Muon and AdamW, ``torch.compile``, bfloat16 over float32
weights, gradients summed over micro-batches, clipping) on random ids. FLOPs a token are 6 N + 12 L H Q T
(``train/speed.py``); MFU is FLOPs a second over the dense bfloat16 peak of the device's data sheet; beside it stands
the share of the best matrix product measured in the same run. For each model, while the time lasts:

1. the largest micro-batch that fits uncompiled (it will fit compiled), then, compiled, how fast gradients are at that
   size with several loss chunks, at its double, at its half, and with cuDNN's attention; what does not fit is noted;
2. with the best of these, whole steps: tokens/s (median), MFU, peak memory, loss;
3. a profile: forward, backward and optimizer by the clock, and kernels by kind, in ms of a step and in %.

Goals: MFU of 45 % for both, 55 % at 1.3 B as the stretch. Reported elsewhere: nanochat 41-46 %, torchtitan 8 B 33-39 %.
"""

import argparse
import dataclasses
import gc
import json
import os
import re
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")  # micro-batches of several sizes, less loss

import torch
from torch.autograd import DeviceType
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile

from prosa.data.batches import Batch
from prosa.models.gpt import GPT, GPTConfig
from prosa.train.config import TrainConfig
from prosa.train.objectives import NextToken
from prosa.train.optimizers import Optimizer
from prosa.train.speed import flops_per_token, synchronize
from prosa.train.step import accumulate, computing_in, micro_batches, normalise
from prosa.train.wrapping import Compiled, missing_for_compile

# Dense bfloat16 FLOP/s by words of the device's name (NVIDIA's and AMD's data sheets); the first that fits counts.
PEAKS = (
    ("GB200", 2500e12), ("B200", 2250e12), ("B100", 1750e12), ("GH200", 989e12), ("H200 NVL", 835e12), ("H200", 989e12),
    ("H100 NVL", 835e12), ("H100 PCIe", 756e12), ("H100", 989e12), ("H800", 989e12), ("A100", 312e12), ("A800", 312e12),
    ("A30", 165e12), ("A40", 149.7e12), ("A10", 125e12), ("L40S", 362e12), ("L40", 181e12), ("L4", 121e12),
    ("5090", 209.5e12), ("4090", 165.2e12), ("3090", 71e12), ("MI300X", 1307e12), ("MI325X", 1307e12),
)  # fmt: skip

# Kernels by name (on a CPU, operations); the first that fits counts.
KINDS = (
    ("fused pointwise, norms (Triton)", r"^triton"),
    ("attention", r"flash|fmha|sdpa|scaled_dot_product|attention"),
    ("matrix products", r"gemm|gemv|nvjet|cutlass|cublas|xmma|aten::(add|b|badd)?mm$|aten::linear|mkl"),
    ("softmax, gather, scatter", r"softmax|gather|scatter|index|embedding"),
    ("copies, casts, fills", r"memcpy|memset|copy|aten::(_to|to|fill|zero)|catarray|fillfunctor"),
    ("other pointwise, norms", r"elementwise|norm|reduce|multi_tensor|aten::"),
)


@dataclasses.dataclass(frozen=True)
class Case:
    """A model, the sequences of a step, and the micro-batches to try, from the largest."""

    name: str
    shape: GPTConfig
    sequences: int
    sizes: tuple[int, ...]
    chunks: tuple[int, ...]
    steps: int = 10


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is tried."""

    micro_batch: int
    chunk: int
    attention: str = "torch's choice"
    compiled: bool = True


CASES = (
    Case("124m", GPTConfig(50304, 1024, 12, 12, 768), 512, (128, 64, 32, 16, 8), (2048, 8192, 32768), 8),
    Case("1.3b", GPTConfig(50304, 2048, 24, 16, 2048), 128, (32, 16, 8, 4, 2, 1), (2048, 8192, 32768), 6),
)
TINY = (
    Case("tiny", GPTConfig(512, 32, 1, 2, 64), 8, (2,), (32, 64), 2),
    Case("tiny again", GPTConfig(512, 32, 1, 2, 64), 4, (2,), (32, 64), 2),
)


class OutOfTime(BaseException):
    """The time is up, wherever the program was: compilers catch every ``Exception``."""


class Clock:
    """Seconds left of a budget; at its end ``OutOfTime`` is raised in the midst of whatever runs."""

    def __init__(self, seconds: float) -> None:
        self._end = time.perf_counter() + seconds
        signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    @staticmethod
    def _ring(number: int, frame: Any) -> None:
        raise OutOfTime

    def left(self) -> float:
        """Seconds left."""
        return self._end - time.perf_counter()

    def stop(self) -> None:
        """The work is done."""
        signal.setitimer(signal.ITIMER_REAL, 0)


def say(text: str) -> None:
    """A line at once."""
    print(text, flush=True)


def data_sheet_peak(device: torch.device) -> float | None:
    """Dense bfloat16 FLOP/s of the device, None where it is not in the table."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    words = set(re.split(r"[\s-]+", name.lower()))
    return next((peak for key, peak in PEAKS if words.issuperset(key.lower().split())), None)


def measured_peak(device: torch.device, sizes: tuple[int, ...]) -> float:
    """The best FLOP/s of square bfloat16 products, ten in a row so that launching them costs nothing."""
    best = 0.0
    for size in sizes:
        a, b = (torch.randn(size, size, device=device).bfloat16() for _ in range(2))
        for _ in range(3):
            seconds = timed(lambda a=a, b=b: [a @ b for _ in range(10)], device)
            best = max(best, 10 * 2 * size**3 / seconds)
    return best


def timed(work: Callable[[], Any], device: torch.device) -> float:
    """Seconds that ``work`` takes on the device."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def peak_bytes(device: torch.device) -> int:
    """The most memory held at once by tensors since the last ``reset`` (on a CPU: by the process)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Bench:
    """A model with its optimizer, and what can be measured of it."""

    def __init__(self, case: Case, device: torch.device, clock: Clock) -> None:
        self.case, self.device, self.clock = case, device, clock
        torch.manual_seed(0)
        with torch.device(device):
            self.model = GPT(case.shape).train()
        self.optimizer = Optimizer(self.model, TrainConfig(batch_size=case.sequences, optimizer="muon"))
        self.runner: Any = self.model
        self.running: tuple[int, str] | None = None  # what the compiled model was made for
        self.notes: list[dict[str, Any]] = []

    def batch(self, sequences: int) -> Batch:
        """Random ids, in ordinary memory as ``data/batches.py`` leaves them."""
        ids = torch.randint(self.case.shape.vocab_size, (sequences, self.case.shape.context + 1))
        return Batch(ids[:, :-1], ids[:, 1:])

    def prepare(self, setting: Setting) -> None:
        """Compile anew where the setting needs it: a second size in the same compiled model would be a slower one."""
        if not setting.compiled:
            self.runner, self.running = self.model, None
        elif self.running != (setting.micro_batch, setting.attention):
            torch._dynamo.reset()
            self.runner, self.running = Compiled(self.model), (setting.micro_batch, setting.attention)

    def gradients(self, setting: Setting, sequences: int) -> float:
        """Seconds of forward and backward passes over so many sequences."""
        batch, objective = self.batch(sequences), NextToken(setting.chunk)
        with attention(setting.attention):
            return timed(
                lambda: accumulate(
                    self.runner, objective, batch, micro_batch=setting.micro_batch, precision="bfloat16", seed=0, step=0
                ),
                self.device,
            )

    def update(self, targets: int) -> None:
        """What follows the gradients in a step."""
        normalise(self.model, targets, 1.0)
        self.optimizer.step()
        self.model.zero_grad(set_to_none=True)

    def clear(self) -> None:
        """Give back what the last trial held."""
        self.model.zero_grad(set_to_none=True)
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)

    def attempt(self, setting: Setting) -> float | None:
        """Tokens a second of gradients (no optimizer), None where it does not run; noted either way."""
        note: dict[str, Any] = dataclasses.asdict(setting)
        start = time.perf_counter()
        try:
            self.prepare(setting)
            self.gradients(setting, setting.micro_batch)  # compiles
            if not self.optimizer.state():
                self.update(setting.micro_batch * self.case.shape.context)  # its state takes its place
            self.gradients(setting, setting.micro_batch)
            note["warm_up_seconds"] = time.perf_counter() - start
            sequences = 2 * setting.micro_batch
            note["tokens_per_second"] = sequences * self.case.shape.context / self.gradients(setting, sequences)
            note["peak_gb"] = peak_bytes(self.device) / 1e9
        except Exception as error:  # out of memory, or a compiler that fails: the next setting
            note["failed"] = f"{type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}"
            torch._dynamo.reset()
            self.running = None
        self.clear()
        self.notes.append(note)
        outcome = f"{note['tokens_per_second']:,.0f} tokens/s" if "tokens_per_second" in note else note["failed"]
        say(f"  {setting}: {outcome} ({self.clock.left():.0f} s left)")
        return note.get("tokens_per_second")

    def search(self, until: float) -> tuple[Setting, float]:
        """The fastest setting found before ``until`` seconds are left, with its tokens a second."""
        case = self.case
        tried: dict[Setting, float] = {}
        for size in case.sizes:
            plain = Setting(size, case.chunks[0], compiled=False)
            if speed := self.attempt(plain):
                tried[plain] = speed
                break
        if not tried:
            raise MemoryError(f"{case.name}: not even one sequence fits")

        def best() -> Setting:
            return max(tried, key=lambda s: tried[s])

        def consider(setting: Setting) -> None:
            spent = max(note.get("warm_up_seconds", 0.0) for note in self.notes)
            if self.clock.left() - 1.5 * spent > until and setting.micro_batch in case.sizes and setting not in tried:
                speed = self.attempt(setting)
                if speed is not None:
                    tried[setting] = speed

        fits = best().micro_batch
        for chunk in case.chunks:
            consider(Setting(fits, chunk))
        chunk = best().chunk
        consider(Setting(2 * fits, chunk))
        consider(Setting(fits // 2, chunk))
        consider(dataclasses.replace(best(), attention="cudnn"))
        return best(), tried[best()]

    def steps(self, setting: Setting, until: float) -> dict[str, Any]:
        """Whole steps: the median's seconds, and what follows from it."""
        self.prepare(setting)
        batch, objective, context = self.batch(self.case.sequences), NextToken(setting.chunk), self.case.shape.context
        seconds, losses = [], []

        def step() -> None:
            found = accumulate(
                self.runner, objective, batch, micro_batch=setting.micro_batch, precision="bfloat16", seed=0, step=0
            )
            losses.append(found.mean)
            self.update(found.targets)

        with attention(setting.attention):
            first = timed(step, self.device)
            for _ in range(self.case.steps):
                if self.clock.left() - first < until and seconds:
                    break
                seconds.append(timed(step, self.device))
        median = statistics.median(seconds)
        return {
            "step_seconds": median,
            "steps": len(seconds),
            "step_seconds_min_max": [min(seconds), max(seconds)],
            "tokens_per_step": self.case.sequences * context,
            "tokens_per_second": self.case.sequences * context / median,
            "peak_gb": peak_bytes(self.device) / 1e9,
            "loss_first_last": [losses[0], losses[-1]],
        }

    def phases(self, setting: Setting) -> dict[str, float]:
        """Milliseconds of a step in each phase, by the clock, the device waited for after each."""
        micros = self.case.sequences // setting.micro_batch
        part = next(micro_batches(self.batch(setting.micro_batch), setting.micro_batch, self.device))
        found: dict[str, float] = {}

        def forward() -> None:
            with computing_in("bfloat16", self.device):
                found["loss"], found["targets"], _ = NextToken(setting.chunk)(self.runner, part)

        with attention(setting.attention):
            forward_s = timed(forward, self.device)
            backward_s = timed(lambda: torch.autograd.backward(found["loss"]), self.device)
        targets = int(found["targets"])
        return {
            "forward, with the loss and its gradient": 1000 * forward_s * micros,
            "backward": 1000 * backward_s * micros,
            "norm and clipping": 1000 * timed(lambda: normalise(self.model, targets, 1.0), self.device),
            "optimizer": 1000 * timed(self.optimizer.step, self.device),
        }

    def kernels(self, setting: Setting) -> dict[str, float]:
        """Milliseconds of a step in each kind of kernel: of two micro-batches, scaled, and of one update."""
        micros = self.case.sequences // setting.micro_batch
        # The profiler's first use costs seconds: not in what is counted.
        with profiled(self.device):
            self.gradients(setting, setting.micro_batch)
        with profiled(self.device) as seen:
            self.gradients(setting, 2 * setting.micro_batch)
        groups = {kind: ms * micros / 2 for kind, ms in by_kind(seen, self.device).items()}
        with profiled(self.device) as seen:
            self.update(self.case.shape.context)
            synchronize(self.device)
        groups["optimizer, clipping"] = sum(by_kind(seen, self.device).values())
        return dict(sorted(groups.items(), key=lambda item: -item[1]))


def attention(name: str) -> Any:
    """A context in which attention is torch's choice, or cuDNN's with the others behind it."""
    if name != "cudnn":
        return nullcontext()
    order = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
    return sdpa_kernel(order, set_priority=True)


@contextmanager
def profiled(device: torch.device) -> Iterator[list[Any]]:
    """Gives a list that holds the profiler's averages when the context is left."""
    activities = [ProfilerActivity.CUDA] if device.type == "cuda" else [ProfilerActivity.CPU]
    seen: list[Any] = []
    with profile(activities=activities) as profiler:
        yield seen
    seen.extend(profiler.key_averages())


def by_kind(seen: list[Any], device: torch.device) -> dict[str, float]:
    """Milliseconds by kind of kernel; those of no kind are "other". Named ranges, which hold kernels, are left out."""
    groups: dict[str, float] = {}
    for entry in seen:
        if entry.is_user_annotation or (device.type == "cuda" and entry.device_type != DeviceType.CUDA):
            continue
        us = entry.self_device_time_total if device.type == "cuda" else entry.self_cpu_time_total
        kind = next((kind for kind, names in KINDS if re.search(names, entry.key, re.IGNORECASE)), "other")
        groups[kind] = groups.get(kind, 0.0) + us / 1000
    return groups


def run(
    case: Case, device: torch.device, clock: Clock, peaks: dict[str, float | None], budget: float
) -> dict[str, Any]:
    """All figures of a model, in about ``budget`` seconds."""
    end = clock.left() - budget  # what must be left for the models after this one
    say(f"{case.name}:")
    bench = Bench(case, device, clock)
    parameters = sum(p.numel() for p in bench.model.parameters())
    result: dict[str, Any] = {
        "model": case.name,
        "shape": dataclasses.asdict(case.shape),
        "parameters": parameters,
        "flops_per_token": flops_per_token(bench.model, case.shape.context),
        "trials": bench.notes,
    }
    try:
        setting, speed = bench.search(end + 0.35 * budget)
        result["setting"] = dataclasses.asdict(setting)
        tokens = case.sequences * case.shape.context
        say(f"  best: {setting}; a step will take about {tokens / speed:.1f} s")
        result |= bench.steps(setting, end + 0.12 * budget)
        rate = result["tokens_per_second"] * result["flops_per_token"]
        result["mfu"] = rate / peaks["data_sheet"] if peaks["data_sheet"] else None
        result["share_of_measured_peak"] = rate / peaks["measured"] if peaks["measured"] else None
        result["phases_ms"] = bench.phases(setting)
        bench.clear()
        result["kernels_ms"] = bench.kernels(setting)
        result["kernels_ms"]["device idle"] = 1000 * result["step_seconds"] - sum(result["kernels_ms"].values())
    except OutOfTime:
        result["failed"] = "out of time"
    except Exception as error:
        result["failed"] = f"{type(error).__name__}: {error}"
    return result


def table(result: dict[str, Any]) -> str:
    """A model's figures for people."""
    lines = [f"\n{result['model']}: {result['parameters'] / 1e6:,.1f} M parameters, "
             f"{result['flops_per_token'] / 1e9:.2f} GFLOP a token"]  # fmt: skip
    if "step_seconds" in result:
        s = result["setting"]
        mfu = f"{result['mfu']:.1%}" if result["mfu"] else "unknown (device not in the table)"
        share = f"{result['share_of_measured_peak']:.1%}"
        lines += [
            f"  micro-batch {s['micro_batch']} x {result['shape']['context']} tokens, "
            f"{result['tokens_per_step']:,} tokens a step, loss chunk {s['chunk']}, "
            f"{'compiled' if s['compiled'] else 'not compiled'}, "
            f"attention: {s['attention']}",
            f"  {result['tokens_per_second']:,.0f} tokens/s (median of {result['steps']} steps), "
            f"MFU {mfu}, {share} of the measured matrix peak, peak memory {result['peak_gb']:.1f} GB",
            f"  loss {result['loss_first_last'][0]:.3f} -> {result['loss_first_last'][1]:.3f} (random ids)",
        ]
        total = 1000 * result["step_seconds"]
        for part in ("phases_ms", "kernels_ms"):
            lines += [f"  {name:<42} {ms:9.1f} ms {ms / total:7.1%}" for name, ms in result.get(part, {}).items()]
            lines.append("  " + "-" * 62)
    if "failed" in result:
        lines.append(f"  stopped: {result['failed']}")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="tiny models: every line, no figure that means anything")
    parser.add_argument("--models", nargs="+", choices=[case.name for case in CASES], help="which of them (both)")
    parser.add_argument("--seconds", type=float, default=450, help="time for all of it")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    if not (torch.cuda.is_available() or arguments.dry_run):
        parser.error("no GPU here; --dry-run goes through the program without one")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    clock = Clock(arguments.seconds)
    cases = TINY if arguments.dry_run else [c for c in CASES if c.name in (arguments.models or (c.name,))]
    sizes = (128, 256) if arguments.dry_run else (4096, 8192, 16384)
    peaks = {"data_sheet": data_sheet_peak(device), "measured": measured_peak(device, sizes)}
    report: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "missing_for_compile": missing_for_compile(device),
        "peak_flops": peaks,
        "models": [],
    }
    say(json.dumps(report))
    try:
        for number, case in enumerate(cases):
            if clock.left() < 5:
                break
            share = clock.left() * (0.4 if number + 1 < len(cases) else 1)  # 1.3 B compiles and steps for longer
            report["models"].append(run(case, device, clock, peaks, share))
            say(table(report["models"][-1]))
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()
            if arguments.json:
                arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    except OutOfTime:
        say("out of time")
    clock.stop()


if __name__ == "__main__":
    main()
