"""What a row's own settings do to its logits before the sampler sees them.

    logits → repetition penalty → presence and frequency penalties → bias → grammar

The penalties of OpenAI's API count the tokens written so far, not the prompt's:

    logit_j ← logit_j - c_j · frequency_penalty - [c_j > 0] · presence_penalty

A grammar removes what may not come next, after all else: no bias brings it back.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from prosa.generate.logits import penalize_repetition
from prosa.generate.row import Row


def adjust(logits: Tensor, rows: Sequence[Row]) -> Tensor:
    """The logits that each row's token is chosen by.

    Args:
        logits: (B, V) float32, as the model gives them; not changed.
    """
    if not any(row.sampling.adjusts for row in rows):
        return logits
    logits = logits.clone()
    for one, row in zip(logits, rows, strict=True):
        settings = row.sampling
        if settings.repetition_penalty != 1:
            seen = torch.zeros(len(one), dtype=torch.bool)
            seen[list(row.seen)] = True
            one.copy_(penalize_repetition(one, seen.to(one.device), settings.repetition_penalty))
        if row.counts and (settings.frequency_penalty or settings.presence_penalty):
            ids = torch.tensor(list(row.counts), device=one.device)
            counts = torch.tensor(list(row.counts.values()), dtype=one.dtype, device=one.device)
            one[ids] -= counts * settings.frequency_penalty + settings.presence_penalty
        for id, bias in settings.logit_bias:
            one[id] += bias
        if row.matcher is not None:
            one.masked_fill_(~row.matcher.allowed(len(one)).to(one.device), -torch.inf)
    return logits
