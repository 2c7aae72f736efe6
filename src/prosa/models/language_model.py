"""The folder of any language model: a decoder, a recurrent one, a feed-forward one.

A decoder's folder is that of ``huggingface.py``. The others have no counterpart in ``transformers``: ``config.json``
has the fields of their own configuration, and the weights the names that they have here.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prosa.core.config import from_mapping
from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.models import huggingface
from prosa.models.feedforward_lm import FeedForwardConfig, FeedForwardLM
from prosa.models.folder import CONFIG, read_config, read_weights, write_folder
from prosa.models.gpt import GPT
from prosa.models.recurrent import RecurrentConfig, RecurrentLM
from prosa.tokenizers.protocol import Tokenizer

LanguageModel = GPT | RecurrentLM | FeedForwardLM
"""Reads left to right and predicts each next token. What all have: ``config`` with ``vocab_size`` and ``context``,
``hidden(ids_BT, *, documents_BT=None) -> (B, T, C)``, ``head(hidden) -> (..., V)``, ``forward(ids_BT)``: logits."""

OWN: dict[str, tuple[type[Any], type[Any]]] = {
    "prosa-recurrent": (RecurrentConfig, RecurrentLM),
    "prosa-feedforward": (FeedForwardConfig, FeedForwardLM),
}
"""Configuration and model of each ``model_type`` that is ours alone."""


def save_language_model(model: LanguageModel, folder: Path, *, tokenizer: Tokenizer | None = None) -> None:
    """Write the model, in the dtype it has, and the tokenizer when given.

    Raises:
        UserError: the folder cannot be written or the disk is full; files that were there before stay whole.
    """
    if isinstance(model, GPT):
        huggingface.save_model(model, folder, tokenizer=tokenizer)
        return
    model_type = next(name for name, (_, made) in OWN.items() if isinstance(model, made))
    config = {
        "model_type": model_type,
        "eos_token_id": None if tokenizer is None else tokenizer.end_of_text,
        **dataclasses.asdict(model.config),
        "prosa": {} if tokenizer is None else {"tokenizer": tokenizer.fingerprint},
    }
    write_folder(folder, config, {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()})
    if tokenizer is not None:
        tokenizer.save(folder)


def load_language_model(folder: Path) -> LanguageModel:
    """The language model of a folder, whichever it is; on the CPU, in evaluation mode.

    Raises:
        UserError: a file is missing, truncated or altered, or does not fit the configuration (file and tensor are
            named), or the configuration is of no language model.
    """
    mapping = read_config(folder)
    model_type = mapping.get("model_type")
    if model_type not in OWN:
        return huggingface.load_model(folder)
    shape, made = OWN[str(model_type)]
    where = str(folder / CONFIG)
    fields = {field.name for field in dataclasses.fields(shape)}
    config = from_mapping(shape, {name: value for name, value in mapping.items() if name in fields}, where)
    with torch.random.fork_rng(devices=[]):
        model: RecurrentLM | FeedForwardLM = made(config)
    _take(model, *read_weights(folder))
    return model.eval()


def _take(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Put weights into the model, in the dtype they are in.

    Raises:
        UserError: one is missing, of another shape, or not the model's.
    """
    expected = model.state_dict()
    for name in sorted({*expected, *weights}):
        if name not in expected:
            what = tr(f"tensor {name} is not part of this model", f"o tensor {name} não faz parte deste modelo")
        elif name not in weights:
            what = tr(f"tensor {name} is missing", f"falta o tensor {name}")
        elif weights[name].shape != expected[name].shape:
            found, wanted = tuple(weights[name].shape), tuple(expected[name].shape)
            what = tr(f"tensor {name} is {found}, not {wanted}", f"o tensor {name} é {found}, e não {wanted}")
        else:
            continue
        raise UserError(
            f"{where}: {what}.",
            tr(
                "The weights do not belong to this configuration, or were damaged: copy the model folder again.",
                "Os pesos não são desta configuração, ou foram danificados: copie a pasta do modelo de novo.",
            ),
        )
    model.load_state_dict({name: tensor.clone() for name, tensor in weights.items()}, assign=True)
