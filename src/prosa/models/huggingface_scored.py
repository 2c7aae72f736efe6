"""A reward model or classifier as a folder that ``transformers`` opens with ``AutoModelForSequenceClassification``.

Names and shapes are the decoder's, and ``score.weight`` (n, C). ``transformers`` takes the output of the last token
that is not ``pad_token_id``: this is ``<|endoftext|>``, with which no text ends. It knows of no bias: ours is in
``config.json`` under ``prosa`` (``score_bias``), since a tensor that it does not know would make it warn.

Of BERT the names are ``huggingface_bert.py``'s, and the head is ``classifier``, with a bias.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.files import read_json, write_json
from prosa.core.language import tr
from prosa.models.bert import Bert
from prosa.models.folder import CONFIG, read_config, read_weights, write_folder
from prosa.models.huggingface_bert import filled, is_bert, read_bert
from prosa.models.huggingface_bert import to_config as bert_config
from prosa.models.huggingface_bert import to_weights as bert_weights
from prosa.models.huggingface_config import SCORED, from_config, is_scored, to_config
from prosa.models.huggingface_weights import from_weights, to_weights, without_initialisation
from prosa.models.scored import Scored, ScoredBert, ScoredGPT
from prosa.tokenizers.protocol import Tokenizer

SCORE = "score.weight"
BERT, CLASSIFIER = "BertForSequenceClassification", "classifier.weight"


def save_scored(model: Scored, folder: Path, *, tokenizer: Tokenizer | None = None) -> None:
    """Write the model, in the dtype it has, and the tokenizer when given.

    Raises:
        UserError: the folder cannot be written or the disk is full; files that were there before stay whole.
    """
    dtype, labels = model.score.weight.dtype, model.config.labels
    names = {
        "id2label": {str(n): label for n, label in enumerate(labels)},
        "label2id": {label: n for n, label in enumerate(labels)},
    }
    if isinstance(model, ScoredBert):
        config = bert_config(model.backbone.config, BERT, tokenizer=tokenizer, dtype=dtype) | names
        write_folder(folder, config, bert_weights(model))
        if tokenizer is not None:
            tokenizer.save(folder)
        return
    config = to_config(model.backbone.config, tokenizer=tokenizer, dtype=dtype) | names
    config |= {"architectures": [SCORED[config["model_type"]]], "pad_token_id": config["eos_token_id"]}
    if model.config.bias:
        config["prosa"] = {**config["prosa"], "score_bias": model.score.bias.detach().tolist()}
    weights = to_weights(model.backbone) | {SCORE: model.score.weight.detach().cpu().contiguous()}
    write_folder(folder, config, weights)
    if tokenizer is not None:
        tokenizer.save(folder)
        _name_padding(folder / "tokenizer_config.json")


def load_scored(folder: Path) -> Scored:
    """A reward model or classifier of ours or from elsewhere; on the CPU, in evaluation mode.

    Raises:
        UserError: it is neither, or as ``load_model``.
    """
    mapping = read_config(folder)
    if not is_scored(mapping):
        raise UserError(
            tr(
                f"{folder} is neither a reward model nor a classifier.",
                f"{folder} não é um modelo de recompensa nem um classificador.",
            ),
            tr(
                "Make one with: prosa reward MODEL --data FILE, or prosa train-classifier FILE --out RUN",
                "Faça um com: prosa reward MODELO --data ARQUIVO, ou prosa train-classifier ARQUIVO --out EXECUÇÃO",
            ),
        )
    if is_bert(mapping):
        shape, tensors, read = read_bert(folder)
        names = _labels(mapping, tensors.get(CLASSIFIER))
        made = without_initialisation(lambda: ScoredBert(Bert(shape), names))
        return filled(made, tensors, read).eval()
    config = dataclasses.replace(from_config(mapping, str(folder / CONFIG)), tied=True)
    weights, where = read_weights(folder)
    score = weights.pop(SCORE, None)
    labels, bias = _labels(mapping, score), _bias(mapping)
    if score is None or score.shape != (len(labels), config.d_model) or (bias is not None and len(bias) != len(labels)):
        found = tr("missing", "ausente") if score is None else str(tuple(score.shape))
        wanted = (len(labels), config.d_model)
        raise UserError(
            tr(
                f"{where}: tensor {SCORE} is {found}, not {wanted}.",
                f"{where}: o tensor {SCORE} é {found}, e não {wanted}.",
            ),
            tr("Copy the model folder again.", "Copie a pasta do modelo de novo."),
        )
    model = ScoredGPT(from_weights(config, weights, where), labels, bias=bias is not None)
    with torch.no_grad():
        model.score.weight.copy_(score)
        if bias is not None:
            model.score.bias.copy_(torch.tensor(bias))
    return model.eval()


def _labels(mapping: Mapping[str, Any], score: Tensor | None) -> list[str]:
    """The outputs' names in their order; ``transformers`` leaves them out where they are LABEL_0, LABEL_1."""
    names = mapping.get("id2label")
    if not isinstance(names, Mapping) or sorted(names) != sorted(str(n) for n in range(len(names))):
        return [f"LABEL_{n}" for n in range(2 if score is None else len(score))]
    return [str(names[str(n)]) for n in range(len(names))]


def _bias(mapping: Mapping[str, Any]) -> list[float] | None:
    ours = mapping.get("prosa")
    found = ours.get("score_bias") if isinstance(ours, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(value, int | float) for value in found):
        return None
    return [float(value) for value in found]


def _name_padding(path: Path) -> None:
    """Let ``transformers`` pad with the token that its models look for."""
    if path.is_file():
        settings = read_json(path)
        if "eos_token" in settings:
            write_json(path, {**settings, "pad_token": settings["eos_token"]})
