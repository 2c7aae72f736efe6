"""The rung that reads both ways: BERT over bytes (Devlin et al. 2018), trained as the other networks for as long.

It foresees 15 % of the bytes, hidden among the others, and learns from those alone. What it knows of a text is its
pseudo-likelihood (``evaluate/masked.py``): each byte told from all others, before and after. So its figure is lower
than any left-to-right model's could be, is not comparable, and stands apart. A byte takes a pass of its own, so it is
measured on fewer of them, the first of each document.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from prosa.data.mask_config import MaskConfig
from prosa.data.shards import TokenStream
from prosa.tokenizers.bytes import BYTES

if TYPE_CHECKING:
    from prosa.data.batches import Batch
    from prosa.data.masking import Maskable, MaskedBatches
    from prosa.models.bert import MaskedLM
    from prosa.pipeline.ladder_measure import HeldOut
    from prosa.pipeline.ladder_text import Distribution

MASK = BYTES + 1  # after the bytes and the end of a text
MOST_BYTES = 10_000  # measured


def build(shape: Mapping[str, Any], context: int) -> "MaskedLM":
    """The model, with weights drawn from torch's generator."""
    from prosa.models.bert import Bert, BertConfig, MaskedLM

    return MaskedLM(Bert(BertConfig(MASK + 1, context, **shape)))


def _maskable() -> "Maskable":
    from prosa.data.masking import Maskable
    from prosa.tokenizers.frame import Frame

    nothing = np.zeros(MASK + 1, np.bool_)
    return Maskable(Frame(), MASK, np.arange(MASK + 1) < BYTES, nothing, nothing)


def batches_of(stream: TokenStream, *, context: int, batch_size: int, seed: int) -> "MaskedBatches":
    """The windows that the others are trained on too, masked.

    Raises:
        UserError: the text is shorter than a window.
    """
    from prosa.data.masking import MaskedBatches

    return MaskedBatches(stream, _maskable(), MaskConfig(), context=context, batch_size=batch_size, seed=seed)


def windows(stream: TokenStream, *, context: int, batch_size: int, most: int) -> "Iterator[Batch]":
    """Windows to look at during training, masked alike each time."""
    from prosa.data.masking import masked_held_out

    return masked_held_out(stream, _maskable(), MaskConfig(), context=context, batch_size=batch_size, max_windows=most)


def nats(model: Any, held: "HeldOut") -> list[float]:
    """Of each unit, the sum over bytes of -ln p(byte | all others of its window)."""
    from prosa.evaluate.masked import pseudo_losses

    return held.nats(pseudo_losses(model, held.documents, mask=MASK))


def distribution_of(model: Any) -> "Distribution":
    """What would stand at the end of a text: the next byte as this model can say it, with nothing after it."""
    import torch

    @torch.no_grad()
    def distribution(ids: list[int]) -> NDArray[np.float64]:
        device = next(model.parameters()).device
        window = torch.tensor([[*ids[1 - model.config.context :], MASK]], device=device)
        logits = model.head(model.hidden(window)[0, -1]).double()
        p: NDArray[np.float64] = torch.softmax(logits, dim=-1).cpu().numpy()
        return p[:MASK]

    return distribution
