"""How good a reward model is on rankings it has not seen: pair accuracy, calibration, and whether it just counts words.

    accuracy      share of pairs whose better answer has the higher reward (equal rewards are wrong)
    calibration   pairs by confidence c = σ(|r(a) - r(b)|), in [1/2, 1]: the share of each bin that is right, beside
                  the bin's mean c; expected calibration error = Σ (n of the bin / n) |share - mean c|
                  (Guo et al. 2017, arXiv 1706.04599)
    length        correlation of reward and tokens of the answer, both less their ranking's mean; the share of pairs
                  that "the longer is better" gets right, and the share in which the model prefers the longer

Wilson's interval takes pairs as independent. Those of a prompt are not, so that where prompts have more than one the
interval of the accuracy is also computed over prompts, by the bootstrap.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from prosa.core.interval import bootstrap_ratio, wilson

if TYPE_CHECKING:
    from prosa.data.preference_batches import PreferenceBatch

BINS = 10


@dataclass(frozen=True)
class Scored:
    """A ranking's answers as a reward model sees them."""

    prompt: bytes
    """What tells prompts apart: its ids."""
    rewards: tuple[float, ...]
    lengths: tuple[int, ...]
    """Tokens of each answer."""
    pairs: tuple[tuple[int, int], ...]
    """A better and a worse answer each."""


@dataclass(frozen=True)
class Bin:
    """Pairs of like confidence."""

    low: float
    high: float
    n: int
    right: int
    predicted: float
    """Mean confidence."""
    observed: float
    """Share that is right."""
    interval: tuple[float, float]
    """Of ``observed``, Wilson's, 95 %."""


@dataclass(frozen=True)
class Quality:
    """What was measured."""

    rankings: int
    prompts: int
    pairs: int
    right: int
    accuracy: float
    interval: tuple[float, float]
    """Wilson's, 95 %, over pairs."""
    interval_over_prompts: tuple[float, float] | None
    """By the bootstrap, 95 %; None where every prompt has one pair, or there is one prompt."""
    calibration: tuple[Bin, ...]
    """Bins with at least one pair."""
    calibration_error: float
    length_correlation: float | None
    """None where all answers of a ranking are equally long, or equally good to the model."""
    longer_is_better: float
    """Share of pairs whose better answer is the longer; equally long is half right."""
    longer_is_preferred: float
    """Share of pairs in which the longer answer has the higher reward; equally long counts half."""
    reward_deviation: float
    """Standard deviation of all rewards."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def score_batches(model: Any, batches: "Iterable[PreferenceBatch]") -> list[Scored]:
    """The rankings of ``batches`` as ``model`` scores them, in their order."""
    import torch

    from prosa.align.reward import rewards_of
    from prosa.data.batches import IGNORE
    from prosa.train.step import rows

    found = []
    device = next(model.parameters()).device
    with torch.no_grad():
        for batch in batches:
            given: Any = rows(batch, 0, len(batch.inputs), device)
            rewards, answer_BKT = rewards_of(model, given).cpu(), batch.targets != IGNORE
            for row, ids in enumerate(batch.inputs):
                there = batch.ends[row] >= 0
                begins = int(answer_BKT[row, 0].int().argmax()) + 1  # a target is at the token before it
                found.append(
                    Scored(
                        ids[0, :begins].numpy().tobytes(),
                        tuple(rewards[row][there].tolist()),
                        tuple(answer_BKT[row][there].sum(-1).tolist()),
                        tuple((i, j) for i, j in batch.pairs[row].tolist() if i >= 0),
                    )
                )
    return found


def quality(scored: Sequence[Scored]) -> Quality:
    """The figures of rankings; there is at least one pair."""
    difference = np.array([s.rewards[i] - s.rewards[j] for s in scored for i, j in s.pairs])
    longer = np.sign([s.lengths[i] - s.lengths[j] for s in scored for i, j in s.pairs])
    right = difference > 0
    n, n_right = len(difference), int(right.sum())
    names = {prompt: n for n, prompt in enumerate(dict.fromkeys(s.prompt for s in scored))}
    prompt_of = np.array([names[s.prompt] for s in scored for _ in s.pairs])
    of_prompt = np.bincount(prompt_of, minlength=len(names))
    bins, error = _calibration(difference)
    return Quality(
        rankings=len(scored),
        prompts=len(names),
        pairs=n,
        right=n_right,
        accuracy=n_right / n,
        interval=wilson(n_right, n),
        interval_over_prompts=bootstrap_ratio(np.bincount(prompt_of, right, len(names)), of_prompt)
        if of_prompt.max() > 1
        else None,
        calibration=bins,
        calibration_error=error,
        length_correlation=_correlation(scored),
        longer_is_better=float((1 + longer).mean() / 2),
        longer_is_preferred=float((1 + longer * np.sign(difference)).mean() / 2),
        reward_deviation=float(np.std([reward for s in scored for reward in s.rewards])),
    )


def _calibration(difference: NDArray[np.float64]) -> tuple[tuple[Bin, ...], float]:
    confidence, right = 1 / (1 + np.exp(-np.abs(difference))), difference > 0
    edges = np.linspace(0.5, 1, BINS + 1)
    place = np.minimum((BINS * (2 * confidence - 1)).astype(int), BINS - 1)
    bins = []
    for b in range(BINS):
        there = place == b
        n, n_right = int(there.sum()), int(right[there].sum())
        if n:
            predicted = float(confidence[there].mean())
            low, high = float(edges[b]), float(edges[b + 1])
            bins.append(Bin(low, high, n, n_right, predicted, n_right / n, wilson(n_right, n)))
    return tuple(bins), sum(b.n * abs(b.observed - b.predicted) for b in bins) / len(difference)


def _correlation(scored: Sequence[Scored]) -> float | None:
    rewards = np.concatenate([np.array(s.rewards) - np.mean(s.rewards) for s in scored])
    lengths = np.concatenate([np.array(s.lengths) - np.mean(s.lengths) for s in scored])
    scale = float(np.sqrt((rewards**2).sum() * (lengths**2).sum()))
    return float((rewards * lengths).sum() / scale) if scale > 0 else None
