"""What goes on inside a model while it reads: attention weights, and the residual stream read layer by layer.

Both are taken by hooks while the model itself runs, and nothing of it is changed.

    logit lens (nostalgebraist 2020):  logits[l] = head(norm(x[l])),  x[l] the residual stream after l blocks

so that logits[n_layer] are the model's own, and logits[0] are those of the embeddings alone. (In the speedrun shape
x[0] is what goes into the first block.)

Shapes: L layers, H heads, T tokens, C = d_model, V = vocab_size.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from prosa.models.gpt import GPT
from prosa.nn.attention import Attention


@torch.no_grad()
def attention_maps(model: nn.Module, ids: Sequence[int]) -> Tensor:
    """How much each token of ``ids`` looks at each in every head of every layer: (L, H, T, T) float32, rows sum to 1.

    Layers are the model's ``Attention`` modules in the order in which it calls them. [l, h, i, j]: token i at token j.

    Raises:
        UserError: the text is longer than the model's context.
    """
    found: list[Tensor] = []

    def look(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        assert isinstance(module, Attention)
        found.append(module.weights(*args[:3], **{key: kwargs[key] for key in ("by", "mask") if key in kwargs})[0])

    hooks = [
        module.register_forward_pre_hook(look, with_kwargs=True)
        for module in model.modules()
        if isinstance(module, Attention)
    ]
    try:
        model(_row(model, ids))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(found).float().cpu()


@torch.no_grad()
def residual_stream(model: GPT, ids: Sequence[int]) -> Tensor:
    """The residual stream before the first block and after each: (L + 1, T, C).

    Raises:
        UserError: the text is longer than the model's context.
    """
    found: list[Tensor] = []
    first = model.blocks[0].register_forward_pre_hook(lambda block, args: found.append(args[0][0].clone()))
    hooks = [
        first,
        *(block.register_forward_hook(lambda block, args, out: found.append(out[0])) for block in model.blocks),
    ]
    try:
        model.hidden(_row(model, ids))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(found)


@torch.no_grad()
def logit_lens(model: GPT, ids: Sequence[int]) -> Tensor:
    """The final norm and the head on each layer's residual stream: (L + 1, T, V); the last are the model's logits."""
    return torch.cat([model.head(model.norm(x_TC[None])) for x_TC in residual_stream(model, ids)])


def _row(model: nn.Module, ids: Sequence[int]) -> Tensor:
    return torch.tensor([list(ids)], device=next(model.parameters()).device)
