"""BERT as a Hugging Face folder (``model_type: bert``), which ``transformers`` opens as it is, and back.

| ours          | architecture                    | beside embeddings and blocks                                  |
|---------------|---------------------------------|---------------------------------------------------------------|
| ``Bert``      | ``BertModel``                   | the pooler                                                    |
| ``MaskedLM``  | ``BertForMaskedLM``             | the masked head; its decoder is the embedding, stored once    |
| ``ScoredBert``| ``BertForSequenceClassification`` | the pooler and ``classifier`` (models/huggingface_scored.py)  |

Folders of the original (``BertForPreTraining``) hold all; what a reader does not need it leaves out.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.models.bert import Bert, BertConfig, MaskedLM
from prosa.models.folder import CONFIG, read_config, read_weights, write_folder
from prosa.models.gpt import INIT_STD
from prosa.models.huggingface_config import Fields
from prosa.models.huggingface_weights import bad_weights, without_initialisation
from prosa.tokenizers.protocol import Tokenizer

M = TypeVar("M", bound=nn.Module)

MODEL_TYPE = "bert"
MASKED = ("BertForMaskedLM", "BertForPreTraining")
PREFIX, DECODER = "bert.", "cls.predictions.decoder."

_EMBEDDINGS = {
    "embedding": "embeddings.word_embeddings",
    "position_embedding": "embeddings.position_embeddings",
    "type_embedding": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
    "pooler": "pooler.dense",
}
_BLOCK = {
    "attention.q": "attention.self.query",
    "attention.k": "attention.self.key",
    "attention.v": "attention.self.value",
    "attention.out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "feedforward.up": "intermediate.dense",
    "feedforward.down": "output.dense",
    "feedforward_norm": "output.LayerNorm",
}
_HEADS = {
    "transform": "cls.predictions.transform.dense",
    "transform_norm": "cls.predictions.transform.LayerNorm",
    "bias": "cls.predictions.bias",
    "score": "classifier",
}


def save_bert(model: Bert | MaskedLM, folder: Path, *, tokenizer: Tokenizer | None = None) -> None:
    """Write the model, in the dtype it has, and the tokenizer when given.

    Raises:
        UserError: the folder cannot be written or the disk is full; files that were there before stay whole.
    """
    backbone = model.backbone if isinstance(model, MaskedLM) else model
    architecture = "BertForMaskedLM" if isinstance(model, MaskedLM) else "BertModel"
    config = to_config(model.config, architecture, tokenizer=tokenizer, dtype=backbone.embedding.weight.dtype)
    write_folder(folder, config, to_weights(model))
    if tokenizer is not None:
        tokenizer.save(folder)


def load_bert(folder: Path) -> Bert:
    """The encoder of a folder, with the pooler where it has one; on the CPU, in evaluation mode.

    Raises:
        UserError: another architecture, or a file is missing, damaged or does not fit (it is named).
    """
    config, weights, where = read_bert(folder)
    pooler = any(name.removeprefix(PREFIX).startswith("pooler.") for name in weights)
    return filled(without_initialisation(lambda: Bert(config, pooler=pooler)), weights, where).eval()


def load_masked(folder: Path) -> MaskedLM:
    """The masked language model of a folder; on the CPU, in evaluation mode.

    Raises:
        UserError: it is no masked language model, or as ``load_bert``.
    """
    mapping = read_config(folder)
    if not is_masked(mapping):
        raise UserError(
            tr(f"{folder} is no masked language model: ", f"{folder} não é um modelo de linguagem mascarado: ")
            + tr(
                f"it is {_described(mapping)}, and has nothing that fills blanks.",
                f"é {_described(mapping)}, e não tem o que preencha lacunas.",
            ),
            tr(
                "Make one with: prosa pretrain-bert FOLDER --out RUN",
                "Faça um com: prosa pretrain-bert PASTA --out EXECUÇÃO",
            ),
        )
    config, weights, where = read_bert(folder)
    return filled(without_initialisation(lambda: MaskedLM(Bert(config, pooler=False))), weights, where).eval()


def is_bert(mapping: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is of BERT, whatever its head."""
    return mapping.get("model_type") == MODEL_TYPE


def is_masked(mapping: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is of BERT with the head that fills what is masked."""
    named = mapping.get("architectures")
    return is_bert(mapping) and isinstance(named, list) and any(name in MASKED for name in named)


def _described(mapping: Mapping[str, Any]) -> str:
    named = mapping.get("architectures")
    return str(named[0]) if isinstance(named, list) and named else str(mapping.get("model_type"))


def to_config(
    config: BertConfig, architecture: str, *, tokenizer: Tokenizer | None, dtype: torch.dtype
) -> dict[str, Any]:
    """``config.json`` for this shape."""
    padding = None if tokenizer is None else tokenizer.special_tokens.get("[PAD]")
    return {
        "architectures": [architecture],
        "model_type": MODEL_TYPE,
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context,
        "hidden_size": config.d_model,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "intermediate_size": config.d_ff,
        "type_vocab_size": config.token_types,
        "hidden_act": "gelu",
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.dropout,
        "layer_norm_eps": config.norm_eps,
        "initializer_range": INIT_STD,
        "position_embedding_type": "absolute",
        "pad_token_id": padding,
        "tie_word_embeddings": True,
        "dtype": str(dtype).removeprefix("torch."),
        "prosa": {} if tokenizer is None else {"tokenizer": tokenizer.fingerprint},
    }


def from_config(mapping: Mapping[str, Any], where: str) -> BertConfig:
    """The shape that a ``config.json`` describes; fields that are absent have BERT base's values.

    Raises:
        UserError: another architecture, an option that ours lacks, or a field that is no number.
    """
    if not is_bert(mapping):
        raise unknown(
            tr(f"model_type in {where}", f"model_type em {where}"), str(mapping.get("model_type")), (MODEL_TYPE,)
        )
    fields = Fields(mapping, where)
    fields.must("hidden_act", "gelu")
    fields.must("position_embedding_type", "absolute")
    fields.must("is_decoder", False)
    fields.must("add_cross_attention", False)
    fields.must("tie_word_embeddings", True)
    config = BertConfig(
        vocab_size=fields.whole("vocab_size", 30522),
        context=fields.whole("max_position_embeddings", 512),
        n_layer=fields.whole("num_hidden_layers", 12),
        n_head=fields.whole("num_attention_heads", 12),
        d_model=fields.whole("hidden_size", 768),
        d_ff=fields.whole("intermediate_size", 3072),
        token_types=fields.whole("type_vocab_size", 2),
        dropout=fields.real("hidden_dropout_prob", 0.1),
        norm_eps=fields.real("layer_norm_eps", 1e-12),
    )
    try:
        config.check()
    except UserError as error:
        raise UserError(f"{where}: {error.what}", error.hint) from None
    return config


def to_weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights by their Hugging Face names, on the CPU; a lone encoder's have no ``bert.`` before them."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return {theirs_of(name): tensor for name, tensor in state.items()}


def theirs_of(ours: str) -> str:
    """The Hugging Face name of one of our tensors."""
    prefix = PREFIX if ours.startswith("backbone.") else ""
    module, _, kind = ours.removeprefix("backbone.").rpartition(".")
    if module.startswith("blocks."):
        _, layer, part = module.split(".", 2)
        return f"{prefix}encoder.layer.{layer}.{_BLOCK[part]}.{kind}"
    if module in _EMBEDDINGS:
        return f"{prefix}{_EMBEDDINGS[module]}.{kind}"
    return f"{_HEADS[module]}.{kind}" if module in _HEADS else _HEADS.get(kind, f"{module}.{kind}")


def read_bert(folder: Path) -> tuple[BertConfig, dict[str, Tensor], str]:
    """The shape, the tensors, and the file that messages about them should name."""
    config = from_config(read_config(folder), str(folder / CONFIG))
    weights, where = read_weights(folder)
    return config, weights, where


def filled(model: M, weights: Mapping[str, Tensor], where: str) -> M:
    """A model of which only shapes are there, with its weights of those that were read.

    Raises:
        UserError: a tensor is missing, of another shape, or not of BERT.
    """
    left = {_modern(name): tensor for name, tensor in weights.items()}
    state: dict[str, Tensor] = {}
    for ours, expected in model.state_dict().items():
        theirs = theirs_of(ours)
        others = (theirs.removeprefix(PREFIX), PREFIX + theirs)
        name = next((name for name in (theirs, *others) if name in left), None)
        if name is None:
            raise bad_weights(where, tr(f"tensor {theirs} is missing", f"falta o tensor {theirs}"))
        tensor = left.pop(name)
        if tensor.shape != expected.shape:
            found, wanted = tuple(tensor.shape), tuple(expected.shape)
            raise bad_weights(
                where, tr(f"tensor {name} is {found}, not {wanted}", f"o tensor {name} é {found}, e não {wanted}")
            )
        state[ours] = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor)  # memory of its own, not the file's
    _check_tied(left, state, where)
    foreign = _foreign(left)
    if foreign:
        raise bad_weights(
            where,
            tr(f"tensor {foreign} is not part of this model", f"o tensor {foreign} não faz parte deste modelo"),
        )
    model.load_state_dict(state, assign=True)
    return model


def _check_tied(left: dict[str, Tensor], state: Mapping[str, Tensor], where: str) -> None:
    """Old folders store the decoder a second time: it must be the embedding."""
    for theirs, ours in ((f"{DECODER}weight", "backbone.embedding.weight"), (f"{DECODER}bias", "bias")):
        if theirs in left and ours in state and not torch.equal(left[theirs], state[ours]):
            raise bad_weights(
                where,
                tr(
                    f"the head is tied to the embedding, but tensor {theirs} differs from it",
                    f"a saída é atada ao embedding, mas o tensor {theirs} difere dele",
                ),
            )


def _foreign(names: Iterable[str]) -> str | None:
    """A tensor that BERT has nowhere."""
    heads = ("cls.", "pooler.", "classifier.", "embeddings.position_ids")
    return next((name for name in sorted(names) if not name.removeprefix(PREFIX).startswith(heads)), None)


def _modern(name: str) -> str:
    """Folders of 2018 call a norm's parts gamma and beta."""
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
