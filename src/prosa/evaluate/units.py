"""What intervals are drawn over: documents, which are drawn independently; of a single one, equal runs of its tokens.

Runs say how steady a figure is within that text, and nothing of other texts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

MAX_RUNS, MIN_RUN = 32, 16  # a single document is cut into at most 32 runs, of at least 16 tokens


@dataclass(frozen=True)
class Units:
    """How the tokens of some documents fall into units, the same for every predictor of them."""

    over: Literal["documents", "windows"]
    runs: int = 1  # of each document

    def sums(self, values: Iterable[NDArray[Any]]) -> NDArray[np.float64]:
        """The sum over each unit, (U,) float64, of one value a token, (n,) a document."""
        parts = (part for document in values for part in np.array_split(document, self.runs))
        return np.array([part.sum() for part in parts], dtype=np.float64)


def units_of(documents: Sequence[NDArray[np.int64]]) -> Units:
    """Documents where there are several; else the runs of the one, a single run where it is too short to cut."""
    if len(documents) > 1:
        return Units("documents")
    return Units("windows", max(1, min(MAX_RUNS, len(documents[0]) // MIN_RUN)))
