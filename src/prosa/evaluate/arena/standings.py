"""What a contest says of its models: win rates, ratings, and how far its judge can be trusted."""

from dataclasses import dataclass
from typing import Any

from prosa.evaluate.arena.contest import Contest
from prosa.evaluate.arena.ratings import Rating, bradley_terry, elo
from prosa.evaluate.arena.win_rates import WinRate, win_rates


@dataclass(frozen=True)
class Standings:
    """Every figure of a contest; the best model is first in the ratings."""

    contest: Contest
    win_rates: tuple[WinRate, ...]
    bradley_terry: tuple[Rating, ...]
    elo: tuple[Rating, ...]

    def to_json(self) -> dict[str, Any]:
        """The plain values; the comparisons themselves are only counted."""
        return {
            "judges": sorted({comparison.judge for comparison in self.contest.comparisons}),
            "comparisons": len(self.contest.comparisons),
            "prompts": len({comparison.prompt_id for comparison in self.contest.comparisons}),
            "without_verdict": self.contest.without_verdict,
            "unreadable": list(self.contest.unreadable),
            "both_orders": self.contest.both_orders,
            "flips": self.contest.flips,
            "flip_rate": self.contest.flip_rate,
            "win_rates": [rate.to_json() for rate in self.win_rates],
            "bradley_terry": [rating.to_json() for rating in self.bradley_terry],
            "elo": [rating.to_json() for rating in self.elo],
        }


def standings(contest: Contest, *, seed: int = 0) -> Standings:
    """Compute them.

    Args:
        seed: of the resampled prompts, the same for all intervals.

    Raises:
        UserError: there is no comparison, or some models never met the others.
    """
    played = contest.comparisons
    return Standings(
        contest,
        tuple(win_rates(played, seed=seed)),
        tuple(bradley_terry(played, seed=seed)),
        tuple(elo(played, seed=seed)),
    )
