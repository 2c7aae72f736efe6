"""Adapters as folders in the form of PEFT (github.com/huggingface/peft): ``adapter_config.json`` and the tensors.

Names and shapes are those of the Hugging Face model that the base model's folder is. GPT-2's layout has queries, keys
and values in one matrix: adapters of rank r on them become one of rank 3 r, whose B is block-diagonal. Reading goes the
other way for any adapter: the rows of B are shared out, with all of A for each.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from prosa.align.lora import LoraLinear, adapters
from prosa.core.errors import UserError
from prosa.core.files import read_json, write_json, writing
from prosa.core.language import tr
from prosa.models.gpt import GPT
from prosa.models.huggingface_weights import linear_layers

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."


def save_adapter(model: GPT, folder: Path, *, base: str, dropout: float = 0.0) -> None:
    """Write the model's adapters; ``base`` is the base model's folder or name.

    Raises:
        UserError: the folder cannot be written.
        ValueError: the model has no adapters.
    """
    ours = adapters(model)
    if not ours:
        raise ValueError("the model has no adapters")
    weights: dict[str, Tensor] = {}
    ranks: dict[str, int] = {}
    alphas: dict[str, float] = {}
    for theirs, names in linear_layers(model.config).items():
        parts = [ours.get(name) for name in names]
        there = [part for part in parts if part is not None]
        if not there:
            continue
        rows = [model.get_submodule(name) for name in names]
        a = torch.cat([part.a.detach() for part in there]).float().cpu()
        b = torch.zeros(sum(_out(row) for row in rows), len(a))
        row = column = 0
        for layer, part in zip(rows, parts, strict=True):
            if part is not None:
                b[row : row + _out(layer), column : column + len(part.a)] = part.b.detach().float().cpu()
                column += len(part.a)
            row += _out(layer)
        weights[f"{PREFIX}{theirs}.lora_A.weight"], weights[f"{PREFIX}{theirs}.lora_B.weight"] = a, b
        ranks[theirs.rpartition(".")[2]] = len(a)
        alphas[theirs.rpartition(".")[2]] = there[0].scale * len(a)
    rank, alpha = min(ranks.values()), min(alphas.values())
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": {name: r for name, r in ranks.items() if r != rank},
        "alpha_pattern": {name: x for name, x in alphas.items() if x != alpha},
        "lora_dropout": dropout,
        "target_modules": sorted(ranks),
        "fan_in_fan_out": model.config.shape == "classic",
        "bias": "none",
        "inference_mode": True,
    }
    with writing(folder / WEIGHTS) as temporary:
        try:
            save_file(weights, temporary, metadata={"format": "pt"})
        except SafetensorError as error:
            raise OSError(str(error)) from error
    write_json(folder / CONFIG, config)


def load_adapter(model: GPT, folder: Path) -> None:
    """Give ``model`` the adapters of a folder, in place, over its own weights.

    Raises:
        UserError: a file is missing or damaged, it is no LoRA, or it belongs to another base model.
    """
    config = read_json(folder / CONFIG)
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise _bad(folder, tr("it is no LoRA adapter", "não é um adaptador LoRA"))
    other = [name for name in ("use_rslora", "use_dora", "lora_bias") if config.get(name)]
    if other or not isinstance(config.get("lora_alpha"), int | float):
        what = ", ".join(other) or "lora_alpha"
        raise _bad(folder, tr(f"{what} is not supported so", f"{what} assim não é aceito"))
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise _bad(folder, str(error)) from error
    pairs: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in weights.items():
        layer, _, kind = name.removeprefix(PREFIX).partition(".lora_")
        pairs[layer][kind.partition(".")[0]] = tensor.float()
    if not pairs:
        raise _bad(folder, tr("it has no tensors", "não tem tensores"))
    layers = linear_layers(model.config)
    good: list[tuple[str, nn.Linear, Tensor, Tensor, float]] = []
    for theirs, pair in pairs.items():
        names = layers.get(theirs)
        if names is None or set(pair) != {"A", "B"} or any(tensor.ndim != 2 for tensor in pair.values()):
            raise _bad(folder, tr(f"this model has no layer {theirs}", f"este modelo não tem a camada {theirs}"))
        a, rows = pair["A"], [model.get_submodule(name) for name in names]
        wanted = (sum(_out(row) for row in rows), _in(rows[0]))
        if (len(pair["B"]), a.shape[1]) != wanted or pair["B"].shape[1] != len(a):
            found = (len(pair["B"]), a.shape[1])
            raise _bad(folder, tr(f"{theirs} is {found}, not {wanted}", f"{theirs} é {found}, e não {wanted}"))
        scale = _of(config, "alpha_pattern", theirs, "lora_alpha") / len(a)
        for name, row, b in zip(names, rows, torch.split(pair["B"], [_out(row) for row in rows]), strict=True):
            assert isinstance(row, nn.Linear)
            good.append((name, row, a, b, scale))
    for name, row, a, b, scale in good:  # all or nothing
        adapted = LoraLinear(row, len(a), scale)
        with torch.no_grad():
            adapted.a.copy_(a)
            adapted.b.copy_(b)
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, adapted)


def _of(config: dict[str, Any], patterns: str, layer: str, default: str) -> float:
    """A setting of one layer: PEFT's patterns are ends of names."""
    for end, value in (config.get(patterns) or {}).items():
        if layer == end or layer.endswith("." + end):
            return float(value)
    return float(config[default])


def _out(layer: nn.Module) -> int:
    linear = layer.base if isinstance(layer, LoraLinear) else layer
    assert isinstance(linear, nn.Linear)
    return linear.out_features


def _in(layer: nn.Module) -> int:
    assert isinstance(layer, nn.Linear)
    return layer.in_features


def _bad(folder: Path, why: str) -> UserError:
    return UserError(
        tr(f"the adapter {folder} cannot be used: {why}.", f"o adaptador {folder} não pode ser usado: {why}."),
        tr("Use it with the base model that it was trained on.", "Use-o com o modelo base com que foi treinado."),
    )
