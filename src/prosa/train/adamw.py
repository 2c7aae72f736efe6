"""AdamW (Loshchilov & Hutter, arXiv 1711.05101): torch's fused operation, which is what ``torch.optim.AdamW`` calls.

    m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
    p = p - lr decay p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)

The class itself would bring torch's compiler with it, and so a second to every start.
"""

from typing import Any

import torch
from torch import Tensor

EPS = 1e-8


class AdamW:
    """AdamW with decoupled weight decay.

    Args:
        groups: parameter groups, each with its ``params``, ``lr`` and ``weight_decay``.
        betas: decay rates of the two moments.
    """

    state_tensors = 2
    """How many copies of the parameters the state is."""

    def __init__(self, groups: list[dict[str, Any]], betas: tuple[float, float]) -> None:
        self.param_groups, self.betas = groups, betas
        self.state: dict[Tensor, dict[str, Tensor]] = {}

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters that have a gradient; the state is kept under torch's names."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            states = [self._of(p) for p in parameters]
            steps = [state["step"] for state in states]
            torch._foreach_add_(steps, 1)
            torch._fused_adamw_(
                parameters,
                [p.grad for p in parameters],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                steps,
                lr=group["lr"],
                beta1=self.betas[0],
                beta2=self.betas[1],
                weight_decay=group["weight_decay"],
                eps=EPS,
                amsgrad=False,
                maximize=False,
            )
            torch.autograd.graph.increment_version(parameters)  # the fused operation leaves it; the engine looks at it

    def _of(self, p: Tensor) -> dict[str, Tensor]:
        if not self.state.get(p):
            zeros = {name: torch.zeros_like(p) for name in ("exp_avg", "exp_avg_sq")}
            self.state[p] = {"step": torch.zeros((), device=p.device), **zeros}
        return self.state[p]
