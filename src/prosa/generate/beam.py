"""Beam search: of the texts that a decoder may write, the likeliest it finds by keeping the best few at each step.

    score(y) = log P(y | x) / lp(y)        lp(y) = ((5 + |y|) / 6)^α        |y| counts the end      (Wu et al. 2016,
                                                                            GNMT, arXiv 1609.08144, 7)

A step extends every text of a sentence's beam by every token and keeps the likeliest; one that ends is put aside, and
the beam is then one narrower. It is over when all have ended, or when none can still beat the best that did: its
logarithm can only fall, and is at best divided by the penalty of the longest text allowed. With α = 0 long texts are at
a disadvantage, since each token makes them less likely.

A beam of 1 is greedy: always the likeliest token. Shapes: B sentences, K beam, R = B K rows, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from prosa.models.encoder_decoder import EncoderDecoder


@dataclass(frozen=True)
class Hypothesis:
    """A text that was found."""

    ids: tuple[int, ...]
    """Without the end."""
    log_prob: float
    """Of the text, with its end if it has one."""
    score: float
    """The logarithm over the length penalty."""
    ended: bool
    """False: the longest text allowed was reached before its end."""


def length_penalty(length: int, alpha: float) -> float:
    """lp of a text of so many tokens."""
    return float(((5 + length) / 6) ** alpha)


@torch.no_grad()
def beam_search(
    model: EncoderDecoder,
    sources: Sequence[Sequence[int]],
    *,
    beam: int = 4,
    alpha: float = 0.6,
    max_tokens: int | Sequence[int],
    device: torch.device | str = "cpu",
) -> list[list[Hypothesis]]:
    """What the model writes for each source, best first, at most ``beam`` each.

    Args:
        model: in evaluation mode, on ``device``.
        sources: ids, without their end.
        max_tokens: the longest text, with its end; for all, or one each.
    """
    if not sources:
        return []
    end, vocabulary = model.config.end, model.config.vocab_size
    count = len(sources)
    limits = [max_tokens] * count if isinstance(max_tokens, int) else list(max_tokens)
    longest = max(map(len, sources)) + 1
    source_BS = torch.full((count, longest), end)
    for row, ids in enumerate(sources):
        source_BS[row, : len(ids)] = torch.tensor(ids, dtype=torch.int64)
    lengths_B = torch.tensor([len(ids) + 1 for ids in sources])
    state = model.begin(source_BS.to(device), lengths_B.to(device), beam)
    found: list[list[Hypothesis]] = [[] for _ in sources]
    texts: list[list[tuple[int, ...]]] = [[()] * beam for _ in sources]
    sums_BK = torch.full((count, beam), -torch.inf, device=device)
    sums_BK[:, 0] = 0.0  # of equal beginnings, one
    last_R = torch.full((count * beam,), end, device=device)
    for length in range(1, max(limits) + 1):
        log_probs_RV = model.step(state, last_R).float().log_softmax(-1)
        totals = (sums_BK[:, :, None] + log_probs_RV.view(count, beam, vocabulary)).flatten(1)
        best_BK, index_BK = totals.topk(min(beam, totals.shape[1]), dim=1)
        rows = torch.arange(count * beam).view(count, beam)
        next_ids = torch.full((count, beam), end)
        sums = torch.full((count, beam), -torch.inf)
        for b, (values, places) in enumerate(zip(best_BK.tolist(), index_BK.tolist(), strict=True)):
            width = beam - sum(h.ended for h in found[b])
            live = 0
            kept: list[tuple[int, ...]] = []
            for value, place in zip(values[:width], places[:width], strict=True):
                if value == -torch.inf:
                    break
                parent, token = divmod(place, vocabulary)
                text = texts[b][parent]
                if token == end or length == limits[b]:
                    ids = text if token == end else (*text, token)
                    score = value / length_penalty(length, alpha)
                    found[b].append(Hypothesis(ids, value, score, token == end))
                    continue
                rows[b, live], next_ids[b, live], sums[b, live] = b * beam + parent, token, value
                kept.append((*text, token))
                live += 1
            if live and _cannot_be_beaten(found[b], float(sums[b, 0]), limits[b], alpha):
                sums[b], kept = -torch.inf, []
            texts[b] = kept + [()] * (beam - len(kept))
        if not torch.isfinite(sums).any():
            break
        sums_BK, last_R = sums.to(device), next_ids.flatten().to(device)
        state.reorder(rows.flatten().to(device))
    return [sorted(hypotheses, key=lambda h: -h.score) for hypotheses in found]


def _cannot_be_beaten(found: Sequence[Hypothesis], best_sum: float, limit: int, alpha: float) -> bool:
    best = max((h.score for h in found), default=-torch.inf)
    return best >= best_sum / length_penalty(limit, max(0.0, alpha))
