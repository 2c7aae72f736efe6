"""Where tensors live and in what precision a model computes; the one place that asks torch what there is."""

from typing import TYPE_CHECKING, Literal

from prosa.core.errors import UserError
from prosa.core.language import tr

if TYPE_CHECKING:
    import torch

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
PrecisionName = Literal["auto", "float32", "bfloat16"]
ReadingPrecisionName = Literal["auto", "float32", "bfloat16", "int8"]
"""Of a model that is only read with."""


def choose_device(name: DeviceName = "auto") -> "torch.device":
    """``auto``: CUDA, else Apple's MPS, else the CPU.

    Raises:
        UserError: the device asked for is not there.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(option for option in ("cuda", "mps", "cpu") if there[option])
    if not there[name]:
        raise UserError(
            tr(f"device {name} is not available here.", f"o dispositivo {name} não está disponível aqui."),
            tr("Use --device cpu or auto.", "Use --device cpu ou auto."),
        )
    return torch.device(name)
