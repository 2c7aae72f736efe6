"""LoRA (Hu et al. 2021, arXiv 2106.09685): beside a frozen linear layer, a learned product of two thin matrices.

    y = W x + (alpha / rank) B A x       A: (rank, in), uniform as a linear layer begins; B: (out, rank), zero at first

so that training begins at the base model, and ``merge`` makes one matrix of it: W + (alpha / rank) B A.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr

TARGETS = ("q", "k", "v", "out", "gate", "up", "down", "score")
"""The linear layers of a block, and the head of a reward model or classifier."""


@dataclass(frozen=True)
class LoraConfig:
    """Which layers get an adapter, and of what size."""

    rank: int = 0
    """Rank of the adapters: the base model stays as it is and only they are trained. 0: all weights are trained."""
    alpha: float = 16.0
    """An adapter's output is multiplied by alpha / rank."""
    dropout: float = 0.0
    """Share of an adapter's inputs that are dropped in training."""
    targets: tuple[str, ...] = TARGETS
    """Layers with an adapter: q, k, v, out (attention), gate, up, down (feed-forward), score (a classifier's head)."""

    def __post_init__(self) -> None:
        for name in self.targets:
            if name not in TARGETS:
                raise unknown("lora.targets", name, TARGETS)
        if self.rank < 0 or not 0 < self.alpha < math.inf or not 0 <= self.dropout < 1 or not self.targets:
            raise UserError(
                tr(
                    "lora: rank must be 0 or more, alpha above 0, dropout from 0 to below 1, and targets not empty.",
                    "lora: rank deve ser 0 ou mais, alpha acima de 0, dropout de 0 a menos de 1, e targets não vazio.",
                )
            )


class LoraLinear(nn.Module):
    """A linear layer that stays as it is, and its adapter.

    Args:
        base: its parameters no longer get gradients.
        rank: of this adapter.
        scale: alpha / rank.
    """

    def __init__(self, base: nn.Linear, rank: int, scale: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.scale, self.dropout = scale, nn.Dropout(dropout)
        self.a = nn.Parameter(base.weight.new_empty(rank, base.in_features))
        self.b = nn.Parameter(base.weight.new_zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        y: Tensor = self.base(x) + F.linear(F.linear(self.dropout(x), self.a), self.b) * self.scale
        return y

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The one layer that gives the same: its weight is made anew, the base layer's stays as it was."""
        layer = nn.Linear(self.base.in_features, self.base.out_features, bias=self.base.bias is not None, device="meta")
        change = (self.b.float() @ self.a.float()) * self.scale
        layer.weight = nn.Parameter((self.base.weight.float() + change).to(self.base.weight.dtype))
        if self.base.bias is not None:
            layer.bias = nn.Parameter(self.base.bias.clone())
        return layer


def add_adapters(model: nn.Module, config: LoraConfig) -> int:
    """Give the layers of the blocks their adapters, in place; all other parameters no longer get gradients.

    Returns:
        How many parameters are trained.

    Raises:
        UserError: the model has none of the layers that are asked for.
    """
    found = [
        (module, name, child)
        for module in model.modules()
        for name, child in module.named_children()
        if name in config.targets and isinstance(child, nn.Linear)
    ]
    if not found:
        raise UserError(
            tr(
                f"the model has none of the layers {', '.join(config.targets)}.",
                f"o modelo não tem nenhuma das camadas {', '.join(config.targets)}.",
            )
        )
    model.requires_grad_(False)
    for module, name, child in found:
        setattr(module, name, LoraLinear(child, config.rank, config.alpha / config.rank, config.dropout))
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def adapters(model: nn.Module) -> dict[str, LoraLinear]:
    """The adapted layers by their names in the model."""
    return {name: module for name, module in model.named_modules() if isinstance(module, LoraLinear)}


def merge(model: nn.Module) -> None:
    """Make every adapter a part of its layer, in place: the model is an ordinary one again, and all of it trainable."""
    _replace(model, lambda layer: layer.merged())


def remove(model: nn.Module) -> None:
    """Take the adapters away, in place: what is left is the base model."""
    _replace(model, lambda layer: layer.base)


def _replace(model: nn.Module, by: Callable[[LoraLinear], nn.Linear]) -> None:
    for name, layer in adapters(model).items():
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, by(layer))
    model.requires_grad_(True)
