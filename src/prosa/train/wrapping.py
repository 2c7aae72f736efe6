"""What is put around a model to run it: ``torch.compile`` and activation checkpointing. The model knows of neither."""

import hashlib
import json
import os
import platform
import shutil
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def missing_for_compile(device: torch.device) -> str | None:
    """What ``torch.compile`` lacks on this machine, or None. Its C++ code needs a compiler and Python's headers."""
    if device.type == "cuda":
        return None
    names = [os.environ.get("CXX", ""), "g++", "clang++", "cl"]
    if not any(name and shutil.which(name) for name in names):
        return "g++ / clang++"
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return None if header.is_file() else str(header)


def compiled_before(what: Mapping[str, Any]) -> Path:
    """A file beside torch's own cache of compiled code; it is there when ``what`` was compiled here before."""
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    described = json.dumps([torch.__version__, platform.machine(), what], sort_keys=True, default=str)
    return Path(cache_dir()) / f"prosa-{hashlib.sha256(described.encode()).hexdigest()[:16]}"


class Compiled:
    """A model whose ``hidden`` is compiled; all else is the model's own. The model itself stays as it was.

    Args:
        threads: CPU threads that the compiled code uses; 0: all.
    """

    def __init__(self, model: nn.Module, threads: int = 0) -> None:
        self._model = model
        options = {"cpp.threads": threads} if threads else None
        self.hidden: Callable[..., Tensor] = torch.compile(model.hidden, options=options)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def blocks(model: nn.Module) -> list[nn.Module]:
    """The model's blocks: the modules of its longest ``ModuleList``."""
    lists = [list(m) for m in model.modules() if isinstance(m, nn.ModuleList)]
    return max(lists, key=len, default=[])


@contextmanager
def recomputing(model: nn.Module, on: bool) -> Iterator[None]:
    """While inside, blocks keep only their input for the backward pass (Chen et al. 2016, arXiv 1604.06174)."""
    wrapped = blocks(model) if on else []
    for block in wrapped:
        block.forward = partial(_recomputed, block.forward)
    try:
        yield
    finally:
        for block in wrapped:
            del block.forward


@contextmanager
def not_recomputing(model: nn.Module) -> Iterator[list[nn.Module]]:
    """While inside, what ``recomputing`` does is off; gives the blocks it was on for."""
    saved = {block: vars(block).pop("forward") for block in blocks(model) if "forward" in vars(block)}
    try:
        yield list(saved)
    finally:
        for block, forward in saved.items():
            block.forward = forward


def _recomputed(forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*args, **kwargs)
    return checkpoint(forward, *args, use_reentrant=False, **kwargs)
