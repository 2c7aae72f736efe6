"""How well texts are classified, whatever classifies them: accuracy, the confusion matrix, each class's figures.

    precision = right / all that were said to be of the class        recall = right / all that are of it
    F1 = 2 precision recall / (precision + recall)                   macro F1 = mean of the classes' F1

Where nothing was said to be of a class its precision is 0, as in scikit-learn. Always saying the commonest class is the
figure that an accuracy is to be compared with.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prosa.core.interval import wilson


@dataclass(frozen=True)
class ClassFigures:
    """One class."""

    label: str
    n: int
    """Texts that are of it."""
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Classification:
    """What was measured."""

    n: int
    right: int
    accuracy: float
    interval: tuple[float, float]
    """Of the accuracy, Wilson's, 95 %."""
    commonest: float
    """Share of the commonest class: the accuracy of always saying it."""
    macro_f1: float
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Texts by what they are (row) and what they were said to be (column)."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def macro_f1_interval(
    truth: Sequence[int], said: NDArray[np.int64], classes: int, *, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of macro F1 over texts that are drawn anew (percentile bootstrap, Efron 1979).

    Args:
        said: (R, N), what was said of each text in each of R repeats: a text is drawn with all that was said of it.
    """
    patterns, counts = np.unique(np.vstack([np.asarray(truth)[None], said]), axis=1, return_counts=True)
    hits = patterns[1:] == patterns[:1]  # (R, P), for P different patterns
    of_it_PK = (patterns[0][:, None] == np.arange(classes)).astype(float)
    hit_PK = of_it_PK * hits.mean(0)[:, None]
    said_PK = (patterns[1:, :, None] == np.arange(classes)).mean(0)
    draws = np.random.default_rng(seed).multinomial(len(truth), counts / len(truth), resamples)
    both = draws @ (of_it_PK + said_PK)
    f1 = np.divide(2 * (draws @ hit_PK), both, out=np.zeros_like(both), where=both > 0).mean(1)
    low, high = np.quantile(f1, [0.025, 0.975])
    return float(low), float(high)


def classification(truth: Sequence[int], said: Sequence[int], labels: Sequence[str]) -> Classification:
    """The figures of texts whose label's number is ``truth`` and was said to be ``said``; at least one text."""
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (np.asarray(truth), np.asarray(said)), 1)
    n, right = len(truth), int(np.trace(confusion))
    classes = []
    for c, label in enumerate(labels):
        hit, of_it, said_to_be = (int(x) for x in (confusion[c, c], confusion[c].sum(), confusion[:, c].sum()))
        precision, recall = hit / max(1, said_to_be), hit / max(1, of_it)
        classes.append(ClassFigures(label, of_it, precision, recall, 2 * hit / max(1, of_it + said_to_be)))
    return Classification(
        n=n,
        right=right,
        accuracy=right / n,
        interval=wilson(right, n),
        commonest=int(confusion.sum(1).max()) / n,
        macro_f1=sum(c.f1 for c in classes) / len(classes),
        classes=tuple(classes),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )
