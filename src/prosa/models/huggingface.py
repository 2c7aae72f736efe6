"""A model as a Hugging Face folder, which ``transformers`` and vLLM open as it is, and back.

``config.json``, ``model.safetensors``, ``generation_config.json`` and, with a tokenizer, its files. Each is written
beside its place and renamed. ``checksums.json`` has the SHA-256 of every tensor, so that an altered one is refused by
name; folders from elsewhere have none and are taken as they are. (In the file's own metadata they would make equal
models unequal files: safetensors writes more than one entry in a random order.)
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
from prosa.models.gpt import GPT
from prosa.models.huggingface_config import from_config, to_config
from prosa.models.huggingface_weights import from_weights, to_weights
from prosa.tokenizers.config import END
from prosa.tokenizers.protocol import Tokenizer

CONFIG = "config.json"
GENERATION_CONFIG = "generation_config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
CHECKSUMS = "checksums.json"


def save_model(model: GPT, folder: Path, *, tokenizer: Tokenizer | None = None) -> None:
    """Write the model, in the dtype it has, and the tokenizer when given, to a Hugging Face model folder.

    Raises:
        UserError: the folder cannot be written or the disk is full; files that were there before stay whole.
    """
    end_of_text = None if tokenizer is None else tokenizer.end_of_text
    config = to_config(model.config, tokenizer=tokenizer, dtype=model.embedding.weight.dtype)
    weights = to_weights(model)
    with writing(folder / WEIGHTS) as temporary:
        try:
            save_file(weights, temporary, metadata={"format": "pt"})
        except SafetensorError as error:
            raise OSError(str(error)) from error
    write_json(folder / CHECKSUMS, {WEIGHTS: {name: _sha256(tensor) for name, tensor in weights.items()}})
    write_json(folder / CONFIG, config)
    turn_end = None if tokenizer is None else tokenizer.special_tokens.get(END)
    ends = end_of_text if turn_end is None else [end_of_text, turn_end]  # of a document; of an assistant's turn
    write_json(folder / GENERATION_CONFIG, {"bos_token_id": end_of_text, "eos_token_id": ends})
    if tokenizer is not None:
        tokenizer.save(folder)


def load_model(folder: Path) -> GPT:
    """A model from a folder of ours or of GPT-2, Qwen3 or Llama shape from elsewhere; on the CPU, in evaluation mode.

    Weights keep the dtype they are stored in.

    Raises:
        UserError: a file is missing, truncated or altered, or does not fit the configuration (file and tensor are
            named), or the configuration asks for what our decoder lacks.
    """
    config = from_config(_mapping(folder / CONFIG), str(folder / CONFIG))
    if (folder / INDEX).is_file() and not (folder / WEIGHTS).is_file():
        shards = _strings(folder / INDEX, "weight_map")
        where, paths = folder / INDEX, [folder / name for name in sorted(set(shards.values()))]
    else:
        where, paths = folder / WEIGHTS, [folder / WEIGHTS]
    weights: dict[str, Tensor] = {}
    for path in paths:
        weights.update(_read_weights(path))
    return from_weights(config, weights, str(where)).eval()


def weights_fingerprint(model: GPT) -> str:
    """16 hex digits of what the model's weights are."""
    sums = {name: _sha256(tensor.cpu()) for name, tensor in to_weights(model).items()}
    return hashlib.sha256(repr(sorted(sums.items())).encode()).hexdigest()[:16]


def saved_tokenizer_fingerprint(folder: Path) -> str | None:
    """The fingerprint of the tokenizer that a model folder was saved with; None where the folder does not tell.

    Raises:
        UserError: ``config.json`` is missing or no JSON object.
    """
    ours = _mapping(folder / CONFIG).get("prosa")
    found = ours.get("tokenizer") if isinstance(ours, Mapping) else None
    return found if isinstance(found, str) else None


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


def _read_weights(path: Path) -> dict[str, Tensor]:
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
        if name not in weights or _sha256(weights[name]) != checksum:
            raise UserError(
                tr(
                    f"{path}: tensor {name} was altered (its checksum differs).",
                    f"{path}: o tensor {name} foi alterado (a soma de verificação não confere).",
                ),
                tr("Copy the model folder again.", "Copie a pasta do modelo de novo."),
            )
    return weights


def _sha256(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.contiguous().view(uint8).numpy().data).hexdigest()
