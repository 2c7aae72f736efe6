"""Checkpoints: ``checkpoints/step_N/`` with weights, optimizer state and position, whole or absent, never pickled.

    model.safetensors      every weight, float32, a tied one once
    optimizer.safetensors  "parameter/key" -> tensor
    state.json             step, tokens, seconds, data fingerprint, configuration, what "auto" became, threads, ranks
    manifest.json          size and SHA-256 of each

Random numbers have no state to save: dropout is seeded by (seed, step, micro-batch) and a batch is a function of
(seed, step), so the step is all there is.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from prosa.core.errors import UserError
from prosa.core.files import building, damage, read_json
from prosa.core.language import tr
from prosa.core.progress import warn
from prosa.train.optimizers import Optimizer

MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
_NAME = re.compile(r"step_(\d+)")


@dataclass(frozen=True)
class Position:
    """Where training stands; all but the tensors of a checkpoint."""

    step: int
    """Steps done."""
    tokens: int
    """Input tokens seen."""
    seconds: float
    """Wall time since step 0, over all sessions."""
    data_fingerprint: str
    config: dict[str, Any]
    """The TrainConfig as a mapping."""
    model: dict[str, Any]
    """The model's configuration as a mapping (empty where it has none), and "window", the tokens of a sequence."""
    resolved: dict[str, Any]
    """What "auto" became: micro_batch, precision, compile, device."""
    threads: int
    """CPU threads of torch; sums are split over them, so another number gives other last bits."""
    ranks: int = 1
    """Processes; as with threads."""


def weights(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name, shared ones once under their first name; not copies."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, value in model.state_dict(keep_vars=True).items():
        if id(value) not in seen:
            seen.add(id(value))
            found[name] = value.detach()
    return found


def step_folders(folder: Path) -> list[Path]:
    """The checkpoints in ``folder``, good or not, newest first."""
    if not folder.is_dir():
        return []
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found, reverse=True)]


def save_checkpoint(folder: Path, model: nn.Module, optimizer: Optimizer, position: Position, keep: int) -> Path:
    """Write ``folder/step_N`` and, once it is whole, remove all but the newest ``keep`` (and any of later steps).

    Raises:
        UserError: it cannot be written (a full disk, say); the checkpoints before are as they were.
    """
    path = folder / f"step_{position.step}"
    with building(path) as temporary:
        try:
            save_file({k: v.contiguous() for k, v in weights(model).items()}, temporary / MODEL)
            save_file({k: v.contiguous() for k, v in optimizer.state().items()}, temporary / OPTIMIZER)
        except SafetensorError as error:  # its way to say "no space left on device"
            raise OSError(str(error)) from error
        (temporary / STATE).write_text(json.dumps(position.__dict__, indent=2) + "\n", encoding="utf-8")
    steps = {p: int(p.name.removeprefix("step_")) for p in step_folders(folder)}
    later = [p for p, step in steps.items() if step > position.step]  # of a future that this run went back from
    earlier = [p for p, step in steps.items() if step < position.step]
    for old in later + earlier[keep - 1 :]:
        shutil.rmtree(old, ignore_errors=True)
    return path


def newest_good(folder: Path) -> Path | None:
    """The newest checkpoint whose files are all there and unaltered; a bad one is warned of by name and passed over."""
    for path in step_folders(folder):
        wrong = damage(path)
        if wrong is None:
            return path
        warn(
            tr(
                f"checkpoint {path} is not used: {wrong}. Trying the one before.",
                f"o checkpoint {path} não será usado: {wrong}. Tentando o anterior.",
            )
        )
    return None


def read_position(path: Path) -> Position:
    """The position of a checkpoint.

    Raises:
        UserError: ``state.json`` is not one of this version.
    """
    try:
        return Position(**read_json(path / STATE))
    except TypeError as error:
        raise UserError(
            tr(
                f"{path / STATE} was written by another version of Prosa ({error}).",
                f"{path / STATE} foi gravado por outra versão da Prosa ({error}).",
            )
        ) from error


def load_checkpoint(path: Path, model: nn.Module, optimizer: Optimizer) -> None:
    """Copy a checkpoint's weights and optimizer state into ``model`` and ``optimizer``, where they are.

    Raises:
        UserError: the checkpoint is of another model; the first difference is named.
    """
    saved, here = load_file(path / MODEL), weights(model)
    for name in sorted(saved.keys() | here.keys()):
        a, b = saved.get(name), here.get(name)
        if a is None or b is None or a.shape != b.shape:
            raise UserError(
                tr(
                    f"{path} is a checkpoint of another model: {name} is {_shape(a)} there and {_shape(b)} here.",
                    f"{path} é um checkpoint de outro modelo: {name} é {_shape(a)} lá e {_shape(b)} aqui.",
                ),
                tr(
                    "Train with the configuration it was started with, or start anew with --force.",
                    "Treine com a configuração com que ele começou, ou comece de novo com --force.",
                ),
            )
    with torch.no_grad():
        for name, value in here.items():
            value.copy_(saved[name])
    optimizer.load_state(load_file(path / OPTIMIZER))


def _shape(tensor: Tensor | None) -> str:
    return tr("absent", "ausente") if tensor is None else str(tuple(tensor.shape))


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed save left behind (unfinished folders, never named ``step_N``)."""
    for path in folder.glob(".step_*.tmp"):
        shutil.rmtree(path, ignore_errors=True)
