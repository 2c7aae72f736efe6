"""Linear classifiers of texts learnt from counts: naive Bayes in closed form, logistic regression and a linear support
vector machine by scikit-learn (the extra ``eval``). The formulas stand in ``models.linear_text``.
"""

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.core.progress import warn
from prosa.models.bag_of_words import Bag, BagConfig, Rows
from prosa.models.linear_text import LinearMethod, LinearText

MOST_STEPS = 2000  # of a solver


@dataclass(frozen=True)
class LinearConfig:
    """How naive-bayes, logistic and svm learn."""

    c: float = 0.0
    """logistic, svm: how much an error weighs against large weights (C). 0: 10 for logistic, 1 for svm."""
    smoothing: float = 1.0
    """naive-bayes: what is added to every count (a); with 0 a word that a class never had would exclude it."""

    def __post_init__(self) -> None:
        if not (0 <= self.c < float("inf") and 0 < self.smoothing < float("inf")):
            raise UserError(
                tr(
                    f"linear: c is {self.c} but must be 0 or more; smoothing is {self.smoothing} but must be above 0.",
                    f"linear: c é {self.c}, mas deve ser 0 ou mais; smoothing é {self.smoothing}, mas deve ser acima "
                    "de 0.",
                )
            )


def fit_linear(
    method: LinearMethod,
    texts: Sequence[str],
    numbers: Sequence[int],
    labels: Sequence[str],
    *,
    bag: BagConfig = BagConfig(),
    linear: LinearConfig = LinearConfig(),
    seed: int = 0,
) -> LinearText:
    """Learn a classifier.

    Args:
        texts: what to learn from.
        numbers: which of ``labels`` each is of; every label occurs.
        seed: of the svm's solver, which goes through the texts in a drawn order.

    Raises:
        UserError: scikit-learn is missing, or no n-gram occurs often enough.
    """
    features = bag.features
    if features == "auto":
        features = "counts" if method == "naive-bayes" else "tf-idf"
    if method != "naive-bayes":
        _sklearn("linear_model", method)  # before the work
    found = Bag.of(texts, features, bag)
    rows, y_N = found.rows(texts), np.asarray(numbers, np.int64)
    if method == "naive-bayes":
        weight, bias = _naive_bayes(rows, y_N, len(found.terms), len(labels), linear.smoothing)
    else:
        weight, bias = _by_sklearn(method, rows, y_N, len(found.terms), linear.c, seed)
    return LinearText(method, tuple(labels), found, weight.astype(np.float32), bias.astype(np.float32))


def _naive_bayes(
    rows: Rows, y_N: NDArray[np.int64], terms: int, classes: int, smoothing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(V, K) ln P(t | c), (K,) ln P(c)."""
    class_of = np.repeat(y_N, np.diff(rows.starts))
    counts = np.bincount(rows.columns * classes + class_of, weights=rows.values, minlength=terms * classes)
    counts_VK = counts.reshape(terms, classes) + smoothing
    return np.log(counts_VK / counts_VK.sum(0)), np.log(np.bincount(y_N, minlength=classes) / len(y_N))


def _by_sklearn(
    method: LinearMethod, rows: Rows, y_N: NDArray[np.int64], terms: int, c: float, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(V, K or 1) and (K or 1,)."""
    from scipy.sparse import csr_matrix

    if method == "logistic":
        model = _sklearn("linear_model", method).LogisticRegression(C=c or 10.0, max_iter=MOST_STEPS)
    else:
        model = _sklearn("svm", method).LinearSVC(C=c or 1.0, max_iter=MOST_STEPS, random_state=seed % 2**32)
    with warnings.catch_warnings(record=True) as met:
        warnings.simplefilter("always")
        model.fit(csr_matrix((rows.values, rows.columns, rows.starts), (len(rows), terms)), y_N)
    if any("converge" in str(warning.message) for warning in met):
        warn(
            tr(
                f"{method} did not settle in {MOST_STEPS} steps; a smaller --linear.c helps.",
                f"{method} não se acomodou em {MOST_STEPS} passos; um --linear.c menor ajuda.",
            )
        )
    return model.coef_.T, model.intercept_


def _sklearn(part: str, method: LinearMethod) -> Any:
    try:
        return importlib.import_module(f"sklearn.{part}")
    except ModuleNotFoundError as error:
        raise UserError(
            tr(f"{method} needs the package scikit-learn.", f"{method} exige o pacote scikit-learn."),
            "pip install 'prosa[eval]'",
        ) from error
