"""Everything that training on preferences (``align/dpo.py``) can be told. Imports no torch."""

import math
from dataclasses import dataclass
from typing import Literal

from prosa.core.device import PrecisionName
from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.train.config import TrainConfig


@dataclass(frozen=True)
class DpoConfig(TrainConfig):
    """How a model is trained on preferences; what differs from pretraining, and its own."""

    minutes: float = 8.0
    """With steps 0: how long training may take, not counting that all preferences are read once before. 0: no limit."""
    epochs: float = 1.0
    """With steps 0: the most passes over the preferences. 0: no limit."""
    batch_size: int = 16
    """Rankings a step, over the whole step (accumulated micro-batches included)."""
    micro_batch: int = 0
    """Rankings computed at once; a divisor of batch_size. 0: as many as the memory takes."""
    document_mask: bool = False
    """Every answer is in a row of its own and sees no other: always false here."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """adamw, or muon for the hidden matrices with AdamW for the rest."""
    lr: float = 5e-5
    """AdamW's peak learning rate."""
    embedding_lr: float = 0.0
    """AdamW's peak learning rate for the embeddings. 0: the same as lr."""
    schedule: Literal["cosine", "linear", "constant"] = "linear"
    """How the learning rate falls after the warm-up."""
    warmup: float = 0.1
    """Fraction of the steps over which the learning rate rises from 0 to its peak."""
    decay_fraction: float = 0.9
    """With linear: the fraction of the steps, at the end, over which the learning rate falls."""
    precision: PrecisionName = "float32"
    """What the model computes in. Learnt from are small differences between log-probabilities, which bfloat16 blurs;
    auto: bfloat16 where it is measured to be faster."""
    beta: float = 0.1
    """How dear it is to leave the reference: the larger, the closer the model stays."""
    loss: Literal["sigmoid", "ipo"] = "sigmoid"
    """sigmoid: DPO's own. ipo: the difference of better and worse grows to 1 / (2 beta) a token and no further."""
    label_smoothing: float = 0.0
    """With sigmoid: the share of the pairs that are taken to be the wrong way round, from 0 to below 0.5."""
    held_out: float = 0.05
    """Share of the preferences that are not trained on but measured on; the same ones whatever the order."""

    def __post_init__(self) -> None:
        super().__post_init__()
        wrong: list[str] = []
        for ok, name, en, pt in (
            (0 <= self.held_out < 1, "held_out", "from 0 to below 1", "de 0 a menos de 1"),
            (0 < self.beta < math.inf, "beta", "a number above 0", "um número acima de 0"),
            (0 <= self.label_smoothing < 0.5, "label_smoothing", "from 0 to below 0.5", "de 0 a menos de 0,5"),
            (not self.document_mask, "document_mask", "false", "false"),
        ):
            if not ok:
                value = getattr(self, name)
                wrong.append(tr(f"{name} is {value!r} but must be {en}", f"{name} é {value!r}, mas deve ser {pt}"))
        if self.loss == "ipo" and self.label_smoothing:
            wrong.append(tr("label_smoothing is for sigmoid, not ipo", "label_smoothing é para sigmoid, não ipo"))
        if wrong:
            raise UserError("dpo: " + "; ".join(wrong) + ".")
