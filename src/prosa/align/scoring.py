"""What a model with a head of a few outputs says of texts: in training batches, and of sequences of any lengths."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prosa.align.packed import Ragged, packed_hidden
from prosa.models.scored import Scored

if TYPE_CHECKING:
    from prosa.data.labelled_batches import LabelledBatch
    from prosa.models.cnn import TextCNN

TOKENS_AT_ONCE = 16_384  # of a batch that is scored, padding included


def outputs_of(model: Any, batch: Ragged) -> Tensor:
    """The outputs of the sequences that are there, in their order: (N, n) float32.

    Args:
        model: has ``hidden``, ``head`` and ``reads_first`` as ``models.scored.ScoredGPT``.
    """
    hidden_MC, place_BKT = packed_hidden(model, batch, both_sides=model.reads_first)
    there_BK = batch.ends >= 0
    places_NT, ends_N = place_BKT[there_BK], batch.ends[there_BK]
    stands_N = places_NT[:, 0] if model.reads_first else places_NT.gather(1, ends_N[:, None]).squeeze(1)
    outputs: Tensor = model.head(hidden_MC[stands_N]).float()
    return outputs


def text_outputs(network: Any, batch: "LabelledBatch") -> Tensor:
    """The outputs of a network that reads each text alone, as it stands: (B, n) float32.

    Args:
        network: has ``hidden(ids, ends)`` and ``head`` as ``models.cnn.TextCNN``.
    """
    outputs: Tensor = network.head(network.hidden(batch.inputs[:, 0], batch.ends[:, 0])).float()
    return outputs


@torch.no_grad()
def score_sequences(network: "Scored | TextCNN", sequences: Sequence[Sequence[int]]) -> Tensor:
    """The outputs of sequences of ids, (S, n) on the CPU; one's do not depend on the others but for rounding.

    Raises:
        UserError: a sequence is longer than the context.
        ValueError: a sequence is empty.
    """
    if not all(len(ids) for ids in sequences):
        raise ValueError("an empty sequence has no last token")
    device = next(network.parameters()).device
    found = torch.zeros(len(sequences), len(network.config.labels))
    order = sorted(range(len(sequences)), key=lambda n: len(sequences[n]), reverse=True)
    while order:
        longest = len(sequences[order[0]])
        at_once = max(1, TOKENS_AT_ONCE // longest)
        now, order = order[:at_once], order[at_once:]
        ids = torch.zeros(len(now), longest, dtype=torch.int64)
        for row, n in zip(ids, now, strict=True):
            row[: len(sequences[n])] = torch.as_tensor(sequences[n])
        ends = torch.tensor([len(sequences[n]) - 1 for n in now])
        found[torch.tensor(now)] = network(ids.to(device), ends.to(device)).float().cpu()
    return found
