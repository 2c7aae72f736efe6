"""``prosa doctor``: what this machine has for the work, what is missing, and how to get it."""

import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from prosa.core.device import choose_device
from prosa.core.environment import cpu_name
from prosa.core.language import number, size, tr

OPTIONAL = {"pypdf": ".pdf", "trafilatura": ".html", "pyarrow": ".parquet"}
ENOUGH_DISK = 2_000_000_000  # bytes: a small run with its checkpoints


@dataclass(frozen=True)
class Check:
    """One thing looked at: ``status`` is ok, warn (works with less) or bad (something will fail)."""

    key: str  # in --json
    name: str  # as shown
    status: Literal["ok", "warn", "bad"]
    found: str
    advice: str = ""


def doctor() -> list[Check]:
    """Look at Python, torch, processor, memory, disk, compiler, GPU and the optional readers.

    Returns:
        One line a thing; nothing is changed.
    """
    return [_python(), _torch(), _processor(), _memory(), _disk(), _compiler(), _gpu(), *_readers()]


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    return Check("python", "Python", "ok" if ok else "bad", platform.python_version(), "" if ok else "Python >= 3.11")


def _torch() -> Check:
    try:
        import torch
    except ImportError as error:
        return Check("torch", "PyTorch", "bad", str(error), "make install")
    threads = torch.get_num_threads()
    return Check("torch", "PyTorch", "ok", f"{torch.__version__}, {threads} thread{'s' * (threads != 1)}")


def _processor() -> Check:
    from prosa.train.speed import matmul_peak

    parts = [f"{cpu_name()}, {os.cpu_count()} " + tr("cores", "núcleos")]
    import torch

    for dtype in (torch.float32, torch.bfloat16):
        peak = matmul_peak(torch.device("cpu"), dtype)
        parts.append(f"{str(dtype).removeprefix('torch.')} {number(peak / 1e9)} GFLOP/s")
    return Check("processor", tr("Processor", "Processador"), "ok", "; ".join(parts))


def _memory() -> Check:
    from prosa.train.memory import free_memory

    free = free_memory(choose_device("cpu"))
    name = tr("Memory", "Memória")
    if free is None:
        return Check("memory", name, "warn", tr("cannot tell on this system", "não dá para saber neste sistema"))
    return Check("memory", name, "ok" if free > 2e9 else "warn", size(free) + tr(" free", " livres"))


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    advice = "" if free >= ENOUGH_DISK else tr("free at least 2 GB", "libere pelo menos 2 GB")
    return Check("disk", tr("Disk", "Disco"), "warn" if advice else "ok", size(free) + tr(" free", " livres"), advice)


def _compiler() -> Check:
    found = shutil.which("gcc") or shutil.which("clang") or shutil.which("cl")
    name = tr("C compiler", "Compilador C")
    if found:
        return Check("compiler", name, "ok", found)
    return Check(
        "compiler",
        name,
        "warn",
        tr("none", "nenhum"),
        tr("only needed for --train.compile", "só é preciso para --train.compile"),
    )


def _gpu() -> Check:
    import torch

    if torch.cuda.is_available():
        return Check("gpu", "GPU", "ok", torch.cuda.get_device_name())
    return Check("gpu", "GPU", "warn", tr("none: training runs on the CPU", "nenhuma: o treino usa o processador"))


def _readers() -> list[Check]:
    def check(module: str, suffix: str) -> Check:
        there = importlib.util.find_spec(module) is not None
        return Check(
            suffix,
            suffix,
            "ok" if there else "warn",
            module if there else tr("not installed", "não instalado"),
            "" if there else "pip install 'prosa[docs]'",
        )

    return [check(module, suffix) for module, suffix in OPTIONAL.items()]


def as_json(checks: list[Check]) -> dict[str, Any]:
    """The checks as ``{key: {status, found, advice}}``."""
    return {check.key: {"status": check.status, "found": check.found, "advice": check.advice} for check in checks}
