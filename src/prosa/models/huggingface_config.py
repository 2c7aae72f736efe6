"""The configuration of our decoder as the ``config.json`` of the Hugging Face architecture it equals, and back.

The key ``prosa`` holds what the architecture has no field for: which positions stand in GPT-2's table, the dropout, and
the fingerprint of the tokenizer whose ids the model knows (no part of its shape).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from prosa.core.config import from_mapping
from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.models.gpt import INIT_STD, GPTConfig
from prosa.tokenizers.protocol import Tokenizer

SPEEDRUN = "prosa-speedrun"  # no architecture of transformers: our own field names
ARCHITECTURES = {"gpt2": "GPT2LMHeadModel", "qwen3": "Qwen3ForCausalLM", "llama": "LlamaForCausalLM"}
OTHERS = ("prosa-recurrent", "prosa-feedforward")
"""Language models that are no decoders: ``language_model.py`` has their folders."""
SCORED = {
    "gpt2": "GPT2ForSequenceClassification",
    "qwen3": "Qwen3ForSequenceClassification",
    "llama": "LlamaForSequenceClassification",
    SPEEDRUN: "ProsaForSequenceClassification",
}
"""Architectures of a decoder with a head of a few outputs (``scored.py``)."""


def to_config(config: GPTConfig, *, tokenizer: Tokenizer | None, dtype: torch.dtype) -> dict[str, Any]:
    """``config.json`` for this shape; the tokenizer's end of text both begins and ends a text."""
    end_of_text = None if tokenizer is None else tokenizer.end_of_text
    if config.shape == "speedrun":
        own = {"prosa": {} if tokenizer is None else {"tokenizer": tokenizer.fingerprint}}
        return {"model_type": SPEEDRUN, "eos_token_id": end_of_text, **dataclasses.asdict(config), **own}
    model_type = "gpt2" if config.shape == "classic" else "qwen3" if config.qk_norm else "llama"
    common = {
        "architectures": [ARCHITECTURES[model_type]],
        "model_type": model_type,
        "vocab_size": config.vocab_size,
        "tie_word_embeddings": config.tied,
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
        "pad_token_id": None,
        "dtype": str(dtype).removeprefix("torch."),
        "initializer_range": INIT_STD,
        "use_cache": True,
    }
    prosa: dict[str, Any] = {"prosa": {"positions": config.positions, "dropout": config.dropout}}
    if tokenizer is not None:
        prosa["prosa"]["tokenizer"] = tokenizer.fingerprint
    if model_type == "gpt2":
        return {
            **common,
            "n_positions": config.context,
            "n_embd": config.d_model,
            "n_layer": config.n_layer,
            "n_head": config.n_head,
            "n_inner": config.d_ff,
            "activation_function": "gelu_new",
            "layer_norm_epsilon": config.norm_eps,
            "embd_pdrop": config.dropout,
            "attn_pdrop": config.dropout,
            "resid_pdrop": config.dropout,
            **prosa,
        }
    return {
        **common,
        "max_position_embeddings": config.context,
        "hidden_size": config.d_model,
        "intermediate_size": config.d_ff,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "num_key_value_heads": config.n_kv_head,
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "attention_bias": False,
        "attention_dropout": 0.0,
        **({"mlp_bias": False} if model_type == "llama" else {"use_sliding_window": False, "sliding_window": None}),
        **prosa,
    }


def is_scored(mapping: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is of a decoder with a head of a few outputs."""
    named = mapping.get("architectures")
    return isinstance(named, list) and any(str(name).endswith("ForSequenceClassification") for name in named)


class Fields:
    """``config.json`` read field by field, with the defaults of ``transformers``."""

    def __init__(self, mapping: Mapping[str, Any], where: str) -> None:
        self.mapping = mapping
        self.where = where

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        value = self.mapping.get(name)
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool):
            raise UserError(
                tr(
                    f"{self.where}: field {name} is {value!r}, expected a whole number.",
                    f"{self.where}: o campo {name} é {value!r}, esperava um número inteiro.",
                )
            )
        return value

    def real(self, name: str, default: float, mapping: Mapping[str, Any] | None = None) -> float:
        """A number."""
        value = (self.mapping if mapping is None else mapping).get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise UserError(
                tr(
                    f"{self.where}: field {name} is {value!r}, expected a number.",
                    f"{self.where}: o campo {name} é {value!r}, esperava um número.",
                )
            )
        return float(value)

    def must(self, name: str, *supported: Any) -> None:
        """The field is absent, null or one of ``supported``."""
        value = self.mapping.get(name)
        if value is not None and value not in supported:
            raise UserError(
                tr(
                    f"{self.where}: {name} {value!r} is not supported, only {supported[0]!r}.",
                    f"{self.where}: {name} {value!r} não é suportado, só {supported[0]!r}.",
                )
            )

    def part(self, name: str) -> Mapping[str, Any]:
        """An object; empty where there is none."""
        value = self.mapping.get(name)
        return value if isinstance(value, Mapping) else {}


def from_config(mapping: Mapping[str, Any], where: str) -> GPTConfig:
    """The shape that a ``config.json`` describes.

    Raises:
        UserError: another architecture, an option that ours lacks, or a field that is missing or not a number.
    """
    model_type = mapping.get("model_type")
    known = (*ARCHITECTURES, SPEEDRUN)
    if not isinstance(model_type, str) or model_type not in known:
        raise unknown(tr(f"model_type in {where}", f"model_type em {where}"), str(model_type), known)
    fields = Fields(mapping, where)
    if model_type == SPEEDRUN:
        own = {field.name for field in dataclasses.fields(GPTConfig)}
        config = from_mapping(GPTConfig, {name: value for name, value in mapping.items() if name in own}, where)
    else:
        config = _from_gpt2(fields) if model_type == "gpt2" else _from_modern(fields, model_type)
    try:
        config.check()
    except UserError as error:
        raise UserError(f"{where}: {error.what}", error.hint) from None
    return config


def _from_gpt2(fields: Fields) -> GPTConfig:
    fields.must("activation_function", "gelu_new", "gelu_pytorch_tanh")
    fields.must("scale_attn_weights", True)
    fields.must("scale_attn_by_inverse_layer_idx", False)
    fields.must("add_cross_attention", False)
    d_model = fields.whole("n_embd", 768)
    return GPTConfig(
        vocab_size=fields.whole("vocab_size", 50257),
        context=fields.whole("n_positions", 1024),
        n_layer=fields.whole("n_layer", 12),
        n_head=fields.whole("n_head", 12),
        d_model=d_model,
        d_ff=fields.whole("n_inner", 4 * d_model),
        shape="classic",
        positions=fields.part("prosa").get("positions", "learned"),
        tied=fields.mapping.get("tie_word_embeddings", True) is not False,
        dropout=fields.real("resid_pdrop", 0.1),
        norm_eps=fields.real("layer_norm_epsilon", 1e-5),
    )


def _from_modern(fields: Fields, model_type: str) -> GPTConfig:
    fields.must("hidden_act", "silu")
    fields.must("attention_bias", False)
    fields.must("mlp_bias", False)
    fields.must("use_sliding_window", False)
    rope = fields.part("rope_parameters") or fields.part("rope_scaling")
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise UserError(
            tr(
                f"{fields.where}: rotary positions of type {kind!r} are not supported, only 'default'.",
                f"{fields.where}: posições rotativas do tipo {kind!r} não são suportadas, só 'default'.",
            )
        )
    n_head = fields.whole("num_attention_heads")
    return GPTConfig(
        vocab_size=fields.whole("vocab_size"),
        context=fields.whole("max_position_embeddings"),
        n_layer=fields.whole("num_hidden_layers"),
        n_head=n_head,
        d_model=fields.whole("hidden_size"),
        n_kv_head=fields.whole("num_key_value_heads", n_head),
        head_dim=fields.whole("head_dim", 128 if model_type == "qwen3" else 0),
        d_ff=fields.whole("intermediate_size"),
        qk_norm=model_type == "qwen3",
        tied=fields.mapping.get("tie_word_embeddings", False) is True,
        dropout=fields.real("dropout", 0.0, fields.part("prosa")),
        norm_eps=fields.real("rms_norm_eps", 1e-6),
        rope_theta=fields.real("rope_theta", fields.real("rope_theta", 10000.0), rope),
    )
