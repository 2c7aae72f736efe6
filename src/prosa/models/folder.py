"""The files of a model folder: ``config.json``, ``model.safetensors`` (or shards with an index), ``checksums.json``.

Each is written beside its place and renamed. ``checksums.json`` has the SHA-256 of every tensor, so that an altered one
is refused by name; folders from elsewhere have none and are taken as they are. (In the file's own metadata they would
make equal models unequal files: safetensors writes more than one entry in a random order.)
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, uint8

from prosa.core.errors import UserError
from prosa.core.files import read_json, write_json, writing
from prosa.core.language import tr

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
CHECKSUMS = "checksums.json"


def write_folder(folder: Path, config: Mapping[str, Any], weights: dict[str, Tensor]) -> None:
    """Write a configuration and named tensors (on the CPU, none sharing memory with another).

    Raises:
        UserError: the folder cannot be written or the disk is full; files that were there before stay whole.
    """
    with writing(folder / WEIGHTS) as temporary:
        try:
            save_file(weights, temporary, metadata={"format": "pt"})
        except SafetensorError as error:
            raise OSError(str(error)) from error
    write_json(folder / CHECKSUMS, {WEIGHTS: {name: tensor_checksum(tensor) for name, tensor in weights.items()}})
    write_json(folder / CONFIG, config)


def read_config(folder: Path) -> Mapping[str, Any]:
    """What ``config.json`` holds.

    Raises:
        UserError: it is missing or no JSON object.
    """
    return _mapping(folder / CONFIG)


def read_weights(folder: Path) -> tuple[dict[str, Tensor], str]:
    """All tensors by name, and the file that messages about them should name.

    Raises:
        UserError: a file is missing, truncated or altered.
    """
    if (folder / INDEX).is_file() and not (folder / WEIGHTS).is_file():
        shards = _strings(folder / INDEX, "weight_map")
        where, paths = folder / INDEX, [folder / name for name in sorted(set(shards.values()))]
    else:
        where, paths = folder / WEIGHTS, [folder / WEIGHTS]
    weights: dict[str, Tensor] = {}
    for path in paths:
        weights.update(_read(path))
    return weights, str(where)


def _mapping(path: Path) -> Mapping[str, Any]:
    value = read_json(path)
    if not isinstance(value, Mapping):
        raise UserError(tr(f"{path}: expected a JSON object.", f"{path}: esperava um objeto JSON."))
    return value


def _strings(path: Path, field: str) -> Mapping[str, str]:
    """The names and strings under ``field`` of a JSON file; none where the field is absent."""
    value = _mapping(path).get(field, {})
    if not isinstance(value, Mapping) or not all(isinstance(entry, str) for entry in value.values()):
        raise UserError(
            tr(
                f"{path}: field {field} must be an object of strings.",
                f"{path}: o campo {field} deve ser um objeto JSON cujos valores são textos.",
            ),
            tr("Copy the model folder again.", "Copie a pasta do modelo de novo."),
        )
    return value


def _read(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, each checked against ``checksums.json`` where there is one."""
    if not path.is_file():
        raise UserError(
            tr(f"{path} is missing.", f"falta {path}."),
            tr(
                "A model folder needs model.safetensors; other formats are not read.",
                "Uma pasta de modelo precisa de model.safetensors; outros formatos não são lidos.",
            ),
        )
    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            tr(f"{path} is truncated or damaged: {error}.", f"{path} está truncado ou danificado: {error}."),
            tr("Copy the model folder again.", "Copie a pasta do modelo de novo."),
        ) from error
    known = _strings(path.parent / CHECKSUMS, path.name) if (path.parent / CHECKSUMS).is_file() else {}
    for name, checksum in known.items():
        if name not in weights or tensor_checksum(weights[name]) != checksum:
            raise UserError(
                tr(
                    f"{path}: tensor {name} was altered (its checksum differs).",
                    f"{path}: o tensor {name} foi alterado (a soma de verificação não confere).",
                ),
                tr("Copy the model folder again.", "Copie a pasta do modelo de novo."),
            )
    return weights


def tensor_checksum(tensor: Tensor) -> str:
    """SHA-256 of a tensor's bytes, hexadecimal; it is on the CPU."""
    return hashlib.sha256(tensor.contiguous().view(uint8).numpy().data).hexdigest()
