"""An encoder-decoder as a folder: ``config.json`` (whose ``model_type`` is ours), ``model.safetensors``, its tokenizer.

``transformers`` has neither of the two as they are here: the names are Prosa's.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from prosa.core.config import from_mapping
from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.models.folder import CONFIG, read_config, read_weights, write_folder
from prosa.models.seq2seq import Seq2Seq, Seq2SeqConfig
from prosa.models.transformer import Transformer, TransformerConfig
from prosa.tokenizers.protocol import Tokenizer

TYPES = {"prosa-transformer": (Transformer, TransformerConfig), "prosa-seq2seq": (Seq2Seq, Seq2SeqConfig)}


def save_translator(model: Transformer | Seq2Seq, folder: Path, *, tokenizer: Tokenizer) -> None:
    """Write the model and its tokenizer.

    Raises:
        UserError: the folder cannot be written or the disk is full; files that were there before stay whole.
    """
    (kind,) = (name for name, (made, _) in TYPES.items() if type(model) is made)
    described = {"model_type": kind, **dataclasses.asdict(model.config), "prosa": {"tokenizer": tokenizer.fingerprint}}
    write_folder(folder, described, {name: p.detach().contiguous() for name, p in model.state_dict().items()})
    tokenizer.save(folder)


def load_translator(folder: Path) -> Transformer | Seq2Seq:
    """The model of a folder, on the CPU, in evaluation mode.

    Raises:
        UserError: the folder holds another kind of model; a file is missing, truncated or altered, or does not fit.
    """
    mapping = dict(read_config(folder))
    kind = mapping.pop("model_type", None)
    mapping.pop("prosa", None)
    if kind not in TYPES:
        raise UserError(
            tr(
                f"{folder} holds no translation model (model_type is {kind!r}).",
                f"{folder} não tem um modelo de tradução (model_type é {kind!r}).",
            ),
            tr("Make one with: ", "Faça um com: ") + "prosa train-translation PAIRS.tsv --out RUN",
        )
    made, shape = TYPES[kind]
    config: Any = from_mapping(shape, mapping, str(folder / CONFIG))
    config.check()
    with torch.device("meta"):
        model = made(config)
    weights, where = read_weights(folder)
    _check(model.state_dict(), weights, where)
    model.load_state_dict(weights, assign=True)
    return model.eval()


def _check(expected: Mapping[str, Any], found: Mapping[str, Any], where: str) -> None:
    for name in [*expected, *found]:
        here, there = expected.get(name), found.get(name)
        if here is None or there is None or here.shape != there.shape:
            shapes = [None if t is None else list(t.shape) for t in (here, there)]
            raise UserError(
                tr(
                    f"{where}: tensor {name} has shape {shapes[1]}, and the configuration says {shapes[0]}.",
                    f"{where}: o tensor {name} tem forma {shapes[1]}, e a configuração diz {shapes[0]}.",
                ),
                tr("Copy the model folder again.", "Copie a pasta do modelo de novo."),
            )
