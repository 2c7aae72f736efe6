"""The weights of our decoder by their Hugging Face names and shapes, and back.

| our shape                | ``model_type`` | what differs                                                            |
|--------------------------|----------------|-------------------------------------------------------------------------|
| classic                  | ``gpt2``       | linear weights transposed (Conv1D); queries, keys and values in one     |
| modern                   | ``qwen3``      | names only                                                              |
| modern without QK-norm   | ``llama``      | names only                                                              |
| speedrun                 | ``prosa-speedrun`` | nothing: no other program has it                                    |

Sinusoidal positions, or none, become GPT-2's position table: the values they have, or zeros.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.models.gpt import GPT, GPTConfig, fixed_positions

M = TypeVar("M", bound=nn.Module)

HEAD = "lm_head.weight"
TABLE = "transformer.wpe.weight"
_NOT_WEIGHTS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")  # buffers that old folders hold

_CLASSIC_BLOCK = {
    "ln_1": ("attention_norm",),
    "attn.c_attn": ("attention.q", "attention.k", "attention.v"),
    "attn.c_proj": ("attention.out",),
    "ln_2": ("feedforward_norm",),
    "mlp.c_fc": ("feedforward.up",),
    "mlp.c_proj": ("feedforward.down",),
}
_MODERN_BLOCK = {
    "input_layernorm": "attention_norm",
    "self_attn.q_proj": "attention.q",
    "self_attn.k_proj": "attention.k",
    "self_attn.v_proj": "attention.v",
    "self_attn.o_proj": "attention.out",
    "self_attn.q_norm": "attention.q_norm",
    "self_attn.k_norm": "attention.k_norm",
    "post_attention_layernorm": "feedforward_norm",
    "mlp.gate_proj": "feedforward.gate",
    "mlp.up_proj": "feedforward.up",
    "mlp.down_proj": "feedforward.down",
}


class _NoInitialisation(TorchFunctionMode):
    """Nothing of ``torch.nn.init`` is done: for a tensor without memory it would load torch's compiler, a second."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(function, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return function(*args, **kwargs)


def without_initialisation(make: Callable[[], M]) -> M:
    """A model of which only names and shapes are there."""
    with torch.device("meta"), _NoInitialisation():
        return make()


def _without_values(config: GPTConfig) -> GPT:
    return without_initialisation(lambda: GPT(config))


@dataclass(frozen=True)
class _Part:
    """How one Hugging Face tensor is made of ours: concatenated along the first axis, then transposed or not."""

    ours: tuple[str, ...]
    transposed: bool = False


def _layout(config: GPTConfig) -> dict[str, _Part]:
    """The Hugging Face name of every tensor of this shape → how it is made of ours."""
    parts: dict[str, _Part] = {}
    if config.shape == "speedrun":
        return {name: _Part((name,)) for name in _without_values(config).state_dict()}
    if config.shape == "classic":
        parts["transformer.wte.weight"] = _Part(("embedding.weight",))
        if config.positions == "learned":
            parts[TABLE] = _Part(("position_embedding.weight",))
        for layer in range(config.n_layer):
            for theirs, ours in _CLASSIC_BLOCK.items():
                for kind in ("weight", "bias"):
                    parts[f"transformer.h.{layer}.{theirs}.{kind}"] = _Part(
                        tuple(f"blocks.{layer}.{name}.{kind}" for name in ours),
                        transposed=kind == "weight" and not theirs.startswith("ln"),
                    )
        for kind in ("weight", "bias"):
            parts[f"transformer.ln_f.{kind}"] = _Part((f"norm.{kind}",))
    else:
        parts["model.embed_tokens.weight"] = _Part(("embedding.weight",))
        for layer in range(config.n_layer):
            for theirs, name in _MODERN_BLOCK.items():
                if config.qk_norm or not theirs.startswith(("self_attn.q_norm", "self_attn.k_norm")):
                    parts[f"model.layers.{layer}.{theirs}.weight"] = _Part((f"blocks.{layer}.{name}.weight",))
        parts["model.norm.weight"] = _Part(("norm.weight",))
    if not config.tied:
        parts[HEAD] = _Part(("unembedding.weight",))
    return parts


def linear_layers(config: GPTConfig) -> dict[str, tuple[str, ...]]:
    """The Hugging Face name of every linear layer of the blocks → ours that it is made of, one below the other."""
    return {
        theirs.removesuffix(".weight"): tuple(name.removesuffix(".weight") for name in part.ours)
        for theirs, part in _layout(config).items()
        if part.ours[0].startswith("blocks.") and theirs.endswith(".weight") and "norm" not in part.ours[0]
    }


def _fixed_table(config: GPTConfig, dtype: torch.dtype) -> Tensor | None:
    """The position table (context, C) that stands for sinusoidal positions or none."""
    if config.positions == "none":
        return torch.zeros(config.context, config.d_model, dtype=dtype)
    if config.positions == "sinusoidal":
        return fixed_positions(torch.arange(config.context)[None], config.d_model)[0].to(dtype)
    return None


def to_weights(model: GPT) -> dict[str, Tensor]:
    """The model's weights by their Hugging Face names, on the CPU, none sharing memory with another."""
    state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    weights: dict[str, Tensor] = {}
    for theirs, part in _layout(model.config).items():
        tensor = torch.cat([state[name] for name in part.ours])
        weights[theirs] = tensor.t().contiguous() if part.transposed else tensor
    table = _fixed_table(model.config, state["embedding.weight"].dtype)
    if table is not None:
        weights[TABLE] = table
    return weights


def from_weights(config: GPTConfig, weights: Mapping[str, Tensor], where: str) -> GPT:
    """A model of this shape with these weights, named with or without ``transformer.`` or ``model.`` before.

    Raises:
        UserError: the shape cannot be built, or a tensor is missing, of another shape, or not of this architecture;
            the tensor is named, and ``where`` says what was read.
    """
    model = _without_values(config)
    expected = model.state_dict()
    left = {name: tensor for name, tensor in weights.items() if not name.endswith(_NOT_WEIGHTS)}

    def take(name: str, shape: tuple[int, ...]) -> Tensor:
        short = name.partition(".")[2]
        key = short if short in left and name not in left and name != HEAD else name
        if key not in left:
            raise bad_weights(where, tr(f"tensor {name} is missing", f"falta o tensor {name}"))
        tensor = left.pop(key)
        if tensor.shape != shape:
            found = tuple(tensor.shape)
            raise bad_weights(
                where, tr(f"tensor {key} is {found}, not {shape}", f"o tensor {key} é {found}, e não {shape}")
            )
        return tensor

    state: dict[str, Tensor] = {}
    for theirs, part in _layout(config).items():
        rows = [expected[name].shape[0] for name in part.ours]
        shape = (sum(rows), *expected[part.ours[0]].shape[1:])
        tensor = take(theirs, shape[::-1] if part.transposed else shape)
        pieces = torch.split(tensor.t() if part.transposed else tensor, rows)
        # memory of its own, free of the file and of its neighbours
        state.update(
            (name, torch.empty(p.shape, dtype=p.dtype).copy_(p)) for name, p in zip(part.ours, pieces, strict=True)
        )
    table = _fixed_table(config, state["embedding.weight"].dtype)
    if table is not None and not torch.allclose(take(TABLE, tuple(table.shape)).to(table.dtype), table, atol=1e-6):
        kind = config.positions
        raise bad_weights(
            where,
            tr(f"tensor {TABLE} does not hold {kind} positions", f"o tensor {TABLE} não contém posições {kind}"),
        )
    if config.tied and HEAD in left and not torch.equal(left.pop(HEAD), state["embedding.weight"]):
        raise bad_weights(
            where,
            tr(
                f"the head is tied to the embedding, but tensor {HEAD} differs from it",
                f"a saída é atada ao embedding, mas o tensor {HEAD} difere dele",
            ),
        )
    if left:
        name = min(left)
        raise bad_weights(
            where, tr(f"tensor {name} is not part of this model", f"o tensor {name} não faz parte deste modelo")
        )
    model.load_state_dict(state, assign=True)
    return model


def from_gpt2_state_dict(state: Mapping[str, Tensor], *, n_head: int = 0, dropout: float = 0.0) -> GPT:
    """A model from GPT-2's own state dict (``transformer.wte.weight``, or ``wte.weight``, …).

    Args:
        n_head: the state dict does not say; 0: heads of 64, as in every published GPT-2.

    Raises:
        UserError: a tensor is missing or does not fit.
    """
    where = tr("GPT-2 state dict", "state dict do GPT-2")
    names = {name.removeprefix("transformer."): tensor for name, tensor in state.items()}
    for name in ("wte.weight", "wpe.weight", "h.0.mlp.c_fc.weight"):
        if name not in names:
            raise bad_weights(where, tr(f"tensor {name} is missing", f"falta o tensor {name}"))
    vocab_size, d_model = names["wte.weight"].shape
    head = names.get(HEAD)
    config = GPTConfig(
        vocab_size=vocab_size,
        context=len(names["wpe.weight"]),
        n_layer=1 + max(int(name.split(".")[1]) for name in names if name.startswith("h.")),
        n_head=n_head or d_model // 64,
        d_model=d_model,
        d_ff=names["h.0.mlp.c_fc.weight"].shape[1],
        shape="classic",
        tied=head is None or torch.equal(head, names["wte.weight"]),
        dropout=dropout,
    )
    return from_weights(config, state, where)


def bad_weights(where: str, what: str) -> UserError:
    """The error for weights that do not fit: ``where`` says what was read."""
    return UserError(
        f"{where}: {what}.",
        tr(
            "The weights do not belong to this configuration, or were damaged: copy the model folder again.",
            "Os pesos não são desta configuração, ou foram danificados: copie a pasta do modelo de novo.",
        ),
    )
