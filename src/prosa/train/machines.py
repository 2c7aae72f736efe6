"""What processors can do by their makers' data sheets: the plan's denominators. Imports no torch.

``peak`` is dense bfloat16 with float32 sums: data sheets of NVIDIA since Ampere print twice that, "with sparsity".
Bytes are powers of 1,000, as the data sheets have them. Sources, all by the maker:

    v100      Tesla V100 data sheet, 2020: SXM2 32 GB; 125 TFLOPS are float16, it has no bfloat16 (GPT-3's processor)
    a100      A100 Tensor Core GPU data sheet, 2021: SXM 80 GB; a100-40gb from the edition of 2020
    h100      H100 Tensor Core GPU data sheet, 2022: SXM, 1,979 TFLOPS with sparsity
    h200      H200 Tensor Core GPU data sheet, 2024: SXM, 1,979 with sparsity
    b200      HGX and DGX B200 data sheets, 2024: 36 PFLOPS with sparsity, 1,440 GB and 64 TB/s for eight
    l4        L4 Tensor Core GPU data sheet, 2023: 242 with sparsity
    l40s      L40S data sheet, 2023: 733 with sparsity
    rtx3090   GA102 architecture white paper, 2020
    rtx4090   Ada GPU architecture white paper, 2022
    mi300x    AMD Instinct MI300X data sheet, 2023
"""

from dataclasses import dataclass

from prosa.core.errors import unknown
from prosa.core.language import tr

THIS = "this"


@dataclass(frozen=True)
class Machine:
    """One device."""

    name: str
    peak: float
    """FLOP/s of matrix products."""
    memory: int | None
    """Bytes; None: unknown."""
    bandwidth: float | None
    """Bytes/s between processor and memory; None: unknown."""
    gpu: bool = True


_SHEETS = {  # name: TFLOP/s, GB, GB/s
    "v100": (125.0, 32, 900),
    "a100": (312.0, 80, 2039),
    "a100-40gb": (312.0, 40, 1555),
    "h100": (989.5, 80, 3350),
    "h200": (989.5, 141, 4800),
    "b200": (2250.0, 180, 8000),
    "l4": (121.0, 24, 300),
    "l40s": (362.05, 48, 864),
    "rtx3090": (71.0, 24, 936),
    "rtx4090": (165.2, 24, 1008),
    "mi300x": (1307.4, 192, 5300),
}
MACHINES = {name: Machine(name, t * 1e12, gb * 10**9, rate * 1e9) for name, (t, gb, rate) in _SHEETS.items()}


def machine(name: str) -> Machine:
    """The machine of that name.

    Raises:
        UserError: it is not in the table; the nearest is suggested.
    """
    if name not in MACHINES:
        raise unknown(tr("machine", "máquina"), name, [THIS, *MACHINES])
    return MACHINES[name]
