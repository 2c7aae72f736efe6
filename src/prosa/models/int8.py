"""A model with matrices of 8 bits (nn/int8.py), for serving on a CPU."""

from dataclasses import replace

from torch import nn

from prosa.models.gpt import GPT
from prosa.nn.int8 import Int8Linear


def to_int8(model: GPT) -> GPT:
    """Replace every linear layer, in place; norms and the embedding table stay, and a tied head becomes its own matrix.

    Such a model can be read with, not trained and not saved.
    """
    for parent in list(model.modules()):
        for name, part in list(parent.named_children()):
            if type(part) is nn.Linear:
                setattr(parent, name, Int8Linear(part.weight, part.bias))
    if model.config.tied:
        model.add_module("unembedding", Int8Linear(model.embedding.weight, None))
        model.config = replace(model.config, tied=False)
    return model.requires_grad_(False)
