"""Comparisons as arrays: the points of every model against every other on each prompt, and what they might have been.

A win is a point, a tie half a point for either. Where one model always won, resampled prompts are unanimous too, and
would say that it cannot lose. So every draw also has one prompt that nobody saw, for each pair that met: half of its
weight is won and half lost, Gamma(½) each, with as many comparisons as a prompt of the pair has on average. For
independent wins and losses, w and l, the share of points is then drawn from Beta(w + ½, l + ½): the interval is that of
Jeffreys, which keeps its level where normal intervals fail (Brown, Cai & DasGupta 2001, Statistical Science 16).

Shapes: P prompts, M models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.evaluate.arena.comparison import Comparison
from prosa.evaluate.arena.resample import DRAWS, drawn_sums


@dataclass(frozen=True)
class Tally:
    """Points by prompt. Models and prompts are in the order of their names: the order of the comparisons is no matter.

    Attributes:
        models: names, M of them.
        prompts: ids, P of them.
        points: [p, i, j] are the points of model i against model j on prompt p, (P, M, M).
    """

    models: tuple[str, ...]
    prompts: tuple[str, ...]
    points: NDArray[np.float64]

    @property
    def wins(self) -> NDArray[np.float64]:
        """[i, j]: the points of i against j over all prompts, (M, M)."""
        total: NDArray[np.float64] = self.points.sum(axis=0)
        return total

    @property
    def compared(self) -> NDArray[np.float64]:
        """[i, j]: comparisons of i with j, (M, M)."""
        return self.wins + self.wins.T

    @property
    def prompts_of_pair(self) -> NDArray[np.int64]:
        """[i, j]: prompts on which i and j were compared, (M, M)."""
        met: NDArray[np.int64] = (self.points + self.points.transpose(0, 2, 1) > 0).sum(axis=0)
        return met

    @property
    def unseen(self) -> NDArray[np.float64]:
        """[i, j]: comparisons of the prompt that nobody saw, the mean of the pair's prompts; 0: never met, (M, M)."""
        return self.compared / np.maximum(self.prompts_of_pair, 1)

    def draws(self, seed: int) -> NDArray[np.float64]:
        """``wins`` as they might have been, (DRAWS, M, M); everyone that met has some points."""
        unseen = self.unseen
        halves = np.random.default_rng([seed, len(self.prompts)]).standard_gamma(0.5, (DRAWS, *unseen.shape))
        return drawn_sums(self.points, seed) + halves * unseen


def tally(comparisons: Sequence[Comparison]) -> Tally:
    """Add up the points.

    Raises:
        UserError: there is no comparison.
    """
    if not comparisons:
        raise UserError(tr("there is no comparison.", "não há nenhuma comparação."))
    models = sorted({name for c in comparisons for name in (c.first, c.second)})
    prompts = sorted({c.prompt_id for c in comparisons})
    at_model, at_prompt = ({name: i for i, name in enumerate(names)} for names in (models, prompts))
    points = np.zeros((len(prompts), len(models), len(models)))
    for c in comparisons:
        p, i, j = at_prompt[c.prompt_id], at_model[c.first], at_model[c.second]
        points[p, i, j] += c.points
        points[p, j, i] += 1 - c.points
    return Tally(tuple(models), tuple(prompts), points)
