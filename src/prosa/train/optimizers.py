"""AdamW (``adamw.py``) for some parameters and Muon (``muon.py``) for others, as one optimizer.

Four roles of parameters, by where they are in the model:
    embedding   tables of ``nn.Embedding``            AdamW at embedding_lr, no decay
    vector      norms, biases, scalars (below 2-D)    AdamW at lr, no decay
    hidden      matrices of the blocks (a ModuleList) AdamW or Muon, decay
    output      other matrices, an untied head        AdamW at lr, decay
Muon is meant for hidden matrices only.
The state is kept by parameter name, so that a checkpoint is plain named tensors.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.train.adamw import AdamW
from prosa.train.config import TrainConfig
from prosa.train.muon import Muon

ROLES = ("embedding", "vector", "hidden", "output")


def roles(model: nn.Module) -> dict[str, list[str]]:
    """The names of ``model``'s trainable parameters (a tied one once), by role."""
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    blocks = {
        id(p) for m in model.modules() if isinstance(m, nn.ModuleList) for p in m.parameters() if p.ndim == 2
    } - embeddings
    found: dict[str, list[str]] = {role: [] for role in ROLES}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if id(parameter) in embeddings:
            found["embedding"].append(name)
        elif parameter.ndim < 2:
            found["vector"].append(name)
        else:
            found["hidden" if id(parameter) in blocks else "output"].append(name)
    return found


class Optimizer:
    """One step for all parameters, whichever of the two does it; learning rates follow one factor.

    Args:
        model: its trainable parameters are updated in place.
    """

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        self.names = {id(p): name for name, p in model.named_parameters()}
        named = dict(model.named_parameters())
        peaks = {"embedding": config.embedding_lr or config.lr, "vector": config.lr, "hidden": config.lr}
        adam, muon = [], []
        for role, members in roles(model).items():
            if not members:
                continue
            group = {
                "params": [named[name] for name in members],
                "lr": peaks.get(role, config.lr),
                "weight_decay": config.weight_decay if role in ("hidden", "output") else 0.0,
            }
            if role == "hidden" and config.optimizer == "muon":
                muon.append({**group, "lr": config.muon_lr})
            else:
                adam.append(group)
        self.parts: list[AdamW | Muon] = []
        if adam:
            self.parts.append(AdamW(adam, config.betas))
        if muon:
            self.parts.append(Muon(muon))
        self._peaks = [[group["lr"] for group in part.param_groups] for part in self.parts]

    def set_lr(self, factor: float) -> None:
        """Set every group's learning rate to ``factor`` times its peak."""
        for part, peaks in zip(self.parts, self._peaks, strict=True):
            for group, peak in zip(part.param_groups, peaks, strict=True):
                group["lr"] = peak * factor

    def step(self) -> None:
        """Update the parameters from their ``.grad``."""
        for part in self.parts:
            part.step()

    def state_bytes(self) -> int:
        """Bytes the state will take once there is one: two moments for AdamW, one momentum for Muon."""
        return sum(
            part.state_tensors * p.numel() * p.element_size()
            for part in self.parts
            for group in part.param_groups
            for p in group["params"]
        )

    def state(self) -> dict[str, Tensor]:
        """The state as ``{"parameter/key": tensor}``; empty before the first step. The tensors are not copies."""
        return {
            f"{self.names[id(p)]}/{key}": value
            for part in self.parts
            for p, entries in part.state.items()
            for key, value in entries.items()
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over a state that ``state()`` gave, by copies (memory of a file may be aligned otherwise: other sums).

        Raises:
            UserError: it is not this optimizer's state for this model.
        """
        entries: dict[str, dict[str, Tensor]] = {}
        for path, value in state.items():
            name, _, key = path.rpartition("/")
            entries.setdefault(name, {})[key] = value
        names = {self.names[id(p)]: p for part in self.parts for group in part.param_groups for p in group["params"]}
        if state and set(entries) != set(names):
            different = sorted(set(entries) ^ set(names))
            raise UserError(
                tr(
                    f"the optimizer's saved state is for other parameters ({different[0]} is in only one of them).",
                    f"o estado salvo do otimizador é de outros parâmetros ({different[0]} só existe em um deles).",
                )
            )
        for part in self.parts:
            for group in part.param_groups:
                for p in group["params"]:
                    saved = entries.get(self.names[id(p)], {})
                    part.state[p] = {k: torch.empty_like(v, device=p.device).copy_(v) for k, v in saved.items()}
            if not state:
                part.state.clear()
