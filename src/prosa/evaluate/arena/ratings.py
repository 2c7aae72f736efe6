"""One number a model, from who beat whom: online Elo, and Bradley-Terry by maximum likelihood, both on Elo's scale.

A model rated a is expected to take this share of the points from one rated b (Elo 1978, The Rating of Chessplayers):

    E(a, b) = 1 / (1 + 10^((b - a) / 400))

Only differences have a meaning; the mean of all ratings is set to 1000. Elo goes through the comparisons once, in their
order, and each moves points from one model to the other: r ← r + K (points - E). Bradley-Terry (1952, Biometrika 39)
asks for the ratings that make all outcomes together most likely, ties counting as half a win for either; their order is
no matter. For models that do not change between comparisons it is the better figure (Chiang et al. 2024, Chatbot Arena,
arXiv 2403.04132).

That optimum exists only where no group of models won every comparison against the rest (Ford 1957). Where one did, its
distance is unbounded: each pair that met then gets one more prompt, won by half by either (tally.py), that gives all a
finite rating, and the interval is open on the side where the data set no bound. Groups that never met have no ratings
on one scale: an error. Intervals are a Bayesian bootstrap over prompts (resample.py).

Shapes: M models, ... any number of tallies at once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.evaluate.arena.comparison import Comparison
from prosa.evaluate.arena.resample import DRAWS, interval, prompt_weights
from prosa.evaluate.arena.tally import tally

START = 1000.0
SCALE = 400 / math.log(10)  # Elo points a nat of log-odds
K = 4.0  # of Chatbot Arena's leaderboard
TOLERANCE = 1e-10  # nats
QUADRATIC = 1e-3  # nats: from here on a round of Newton's method squares the error
MAX_ROUNDS = 500  # points that span 15 powers of ten take 62


@dataclass(frozen=True)
class Rating:
    """A model's rating and its 95 % interval; an end is infinite where the data set no bound."""

    model: str
    rating: float
    interval: tuple[float, float]
    comparisons: int  # that it was in

    def to_json(self) -> dict[str, Any]:
        """The plain values; an open end of the interval is null."""
        ends = [end if math.isfinite(end) else None for end in self.interval]
        return {"model": self.model, "rating": self.rating, "interval": ends, "comparisons": self.comparisons}


def expected_score(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """The share of points that a model rated ``a`` is expected to take from one rated ``b``."""
    lead = np.subtract(a, b, dtype=np.float64)
    share: NDArray[np.float64] = 1 / (1 + 10 ** (-lead / 400))
    return share


def elo(comparisons: Sequence[Comparison], *, k: float = K, seed: int = 0) -> list[Rating]:
    """Online Elo ratings in the order of ``comparisons``, the best model first.

    In a resampled draw each comparison moves its prompt's weight times the points, in the same order.

    Args:
        k: the most points that a comparison moves.
        seed: of the resampled prompts.

    Raises:
        UserError: there is no comparison.
    """
    table = tally(comparisons)
    at_model, at_prompt = ({name: i for i, name in enumerate(names)} for names in (table.models, table.prompts))
    ratings = np.full((len(table.models), 1 + DRAWS), START)  # the figure, then the draws
    for c in comparisons:
        first, second = ratings[at_model[c.first]], ratings[at_model[c.second]]
        weights = np.append(1.0, prompt_weights(at_prompt[c.prompt_id], seed))
        moved = k * weights * (c.points - expected_score(first, second))
        first += moved
        second -= moved
    intervals = [interval(float(row[0]), row[1:]) for row in ratings]
    return _best_first(table.models, ratings[:, 0], intervals, table.compared)


def bradley_terry(comparisons: Sequence[Comparison], *, seed: int = 0) -> list[Rating]:
    """Bradley-Terry ratings, the best model first.

    Args:
        seed: of the resampled prompts.

    Raises:
        UserError: there is no comparison, or some models never met the others, not even through third ones.
    """
    table = tally(comparisons)
    _check_connected(table.models, table.compared > 0)
    reach = _reach(table.wins > 0)
    above = reach & ~reach.T  # [i, j]: i is above j, and the data do not say by how much at most
    wins = table.wins + (table.unseen / 2 if above.any() else 0)
    ratings, draws = START + SCALE * strengths(wins), START + SCALE * strengths(table.draws(seed))
    intervals = []
    for i, rating in enumerate(ratings):
        low, high = interval(float(rating), draws[:, i])
        intervals.append((-math.inf if above[:, i].any() else low, math.inf if above[i].any() else high))
    return _best_first(table.models, ratings, intervals, table.compared)


def strengths(wins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bradley-Terry's maximum-likelihood strengths: log-odds of winning are differences of strengths, whose mean is 0.

    Newton's method on Σ_ij w_ij ln σ(s_i - s_j). A step of spread d (largest minus smallest entry) is taken by the part
    ln(1 + d) / d: the third derivative along it is at most d times the second, so that the likelihood never falls, and
    near the optimum the step is whole and its spread is squared each round (Sun & Tran-Dinh 2019, Mathematical
    Programming 178, ν = 2).

    Args:
        wins: [i, j] are the points of i against j, (..., M, M); who beats whom must lead from every model to every
            other, otherwise no optimum exists.

    Returns:
        (..., M), in nats, within 1e-10 or, where almost nothing but wins were seen, to the rounding of float64.
    """
    if not _reach(wins > 0).all():
        raise ValueError("some models never won, directly or through others, against some others: no optimum exists")
    losses = np.swapaxes(wins, -1, -2)
    found: NDArray[np.float64] = np.zeros(wins.shape[:-1])
    done, last = np.zeros((*wins.shape[:-2], 1), dtype=np.bool_), math.inf
    for _ in range(MAX_ROUNDS):
        share = 1 / (1 + np.exp(found[..., None, :] - found[..., :, None]))  # [i, j]: σ(s_i - s_j)
        other = np.swapaxes(share, -1, -2)
        slope = (wins * other - losses * share).sum(axis=-1)  # w - n σ, without the difference of large numbers
        curve = (wins + losses) * share * other
        laplacian = curve.sum(axis=-1)[..., None] * np.eye(wins.shape[-1]) - curve
        step = np.linalg.solve(laplacian + 1, slope[..., None])[..., 0]  # + 1: only steps whose mean is 0
        spread = np.ptp(step, axis=-1, keepdims=True)
        done |= (spread < TOLERANCE) | ((last < QUADRATIC) & (spread > last / 2))  # the second: no more than rounding
        if done.all():
            return found
        found += np.where(done, 0, step * np.log1p(spread) / np.maximum(spread, TOLERANCE))
        last = spread
    raise ArithmeticError(f"no optimum in {MAX_ROUNDS} rounds: points that are too uneven for float64")


def _reach(linked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[i, j]: whether links lead from i to j, in any number of steps, none included; (..., M, M)."""
    reach = linked | np.eye(linked.shape[-1], dtype=np.bool_)
    for _ in range(linked.shape[-1].bit_length()):  # each round doubles the steps
        reach = reach @ reach
    return reach


def _check_connected(models: Sequence[str], met: NDArray[np.bool_]) -> None:
    near = _reach(met)[0]
    if not near.all():
        here, there = (", ".join(np.array(models)[side]) for side in (near, ~near))
        raise UserError(
            tr(
                f"({here}) and ({there}) were never compared: they cannot be rated on one scale.",
                f"({here}) e ({there}) nunca foram comparados: não há uma escala comum para eles.",
            ),
            tr("Compare at least one model of either group.", "Compare ao menos um modelo de cada grupo."),
        )


def _best_first(
    models: Sequence[str],
    ratings: NDArray[np.float64],
    intervals: Sequence[tuple[float, float]],
    compared: NDArray[np.float64],
) -> list[Rating]:
    counts = compared.sum(axis=1)
    made = [
        Rating(model, float(rating), ends, round(n))
        for model, rating, ends, n in zip(models, ratings, intervals, counts, strict=True)
    ]
    return sorted(made, key=lambda rating: -rating.rating)
