"""How often one model's answer is better than another's: win rate = (wins + ½ ties) / comparisons, for each pair.

The difference, (wins - losses) / comparisons = 2 · win rate - 1, is above zero when the first model is better.
Intervals are a Bayesian bootstrap over prompts (resample.py) with a prompt that nobody saw (tally.py).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prosa.evaluate.arena.comparison import Comparison
from prosa.evaluate.arena.resample import interval
from prosa.evaluate.arena.tally import tally


@dataclass(frozen=True)
class WinRate:
    """The first model against the second; ``interval`` is the 95 % interval of ``rate``."""

    first: str
    second: str
    wins: int
    ties: int
    losses: int
    prompts: int
    rate: float
    interval: tuple[float, float]

    @property
    def difference(self) -> float:
        """(wins - losses) / comparisons."""
        return 2 * self.rate - 1

    @property
    def difference_interval(self) -> tuple[float, float]:
        """The 95 % interval of ``difference``."""
        low, high = self.interval
        return 2 * low - 1, 2 * high - 1

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval of the difference is above zero: the first model is better, and not by chance."""
        return self.difference_interval[0] > 0

    def to_json(self) -> dict[str, Any]:
        """The plain values."""
        return {
            "first": self.first,
            "second": self.second,
            "wins": self.wins,
            "ties": self.ties,
            "losses": self.losses,
            "prompts": self.prompts,
            "rate": self.rate,
            "interval": list(self.interval),
            "difference": self.difference,
            "difference_interval": list(self.difference_interval),
            "above_zero": self.above_zero,
        }


def win_rates(comparisons: Sequence[Comparison], *, seed: int = 0) -> list[WinRate]:
    """The win rate of each pair that met, the pairs and their two models in the order in which they first appear.

    Args:
        seed: of the resampled prompts.

    Raises:
        UserError: there is no comparison.
    """
    table = tally(comparisons)
    rates, prompts, draws = table.wins / np.maximum(table.compared, 1), table.prompts_of_pair, table.draws(seed)
    outcomes: dict[tuple[str, str], Counter[float]] = {}  # of each pair: how often the first has 1, ½ and 0 points
    for c in comparisons:
        turned = (c.second, c.first) in outcomes
        pair, points = ((c.second, c.first), 1 - c.points) if turned else ((c.first, c.second), c.points)
        outcomes.setdefault(pair, Counter())[points] += 1
    found = []
    for (first, second), count in outcomes.items():
        i, j = table.models.index(first), table.models.index(second)
        rate, drawn = float(rates[i, j]), draws[:, i, j] / (draws[:, i, j] + draws[:, j, i])
        ends = interval(rate, drawn)
        found.append(WinRate(first, second, count[1], count[0.5], count[0], int(prompts[i, j]), rate, ends))
    return found
