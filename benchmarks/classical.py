"""TF-IDF with three linear classifiers, written out with scikit-learn's defaults, for where it is not installed.

    tf-idf   word counts x (ln((1 + n) / (1 + df)) + 1), each text divided by its length; lower case
    naive Bayes           log P(word | class) = log (sum + 1) / (all sums + words)
    logistic regression   min  w w / 2 + sum log(1 + exp(-y (x w + b)))
    linear SVM            min (w w + b b) / 2 + sum max(0, 1 - y (x w + b))^2

The last two are convex, with one minimum; it is found until no part of the gradient is above 1e-6. Labels are 0 and 1.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Says = Callable[[Sequence[str]], list[int]]


class TfIdf:
    """Texts as vectors; the words and their weights are those of ``texts``."""

    def __init__(self, texts: Sequence[str]) -> None:
        words = [set(_words(text)) for text in texts]
        self.place = {word: n for n, word in enumerate(sorted(set().union(*words)))}
        found = Counter(word for of_text in words for word in of_text)
        self.idf = np.array([np.log((1 + len(texts)) / (1 + found[word])) + 1 for word in self.place])

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """(texts, words) float64."""
        counts = np.zeros((len(texts), len(self.place)))
        for row, text in zip(counts, texts, strict=True):
            for word in _words(text):
                if word in self.place:
                    row[self.place[word]] += 1
        return F.normalize(torch.from_numpy(counts * self.idf))


def _words(text: str) -> list[str]:
    return re.findall(r"\b\w\w+\b", text.lower())


def naive_bayes(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and bias: above 0 is class 1."""
    log_p = [torch.log((x[y == c].sum(0) + 1) / (x[y == c].sum() + x.shape[1])) for c in (0, 1)]
    return log_p[1] - log_p[0], torch.log((y == 1).sum() / (y == 0).sum())


def logistic_regression(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """As ``naive_bayes``."""
    sign = 2 * y - 1
    return _minimum(x, lambda w, b: w @ w / 2 + F.softplus(-sign * (x @ w + b)).sum())


def linear_svm(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """As ``naive_bayes``."""
    sign = 2 * y - 1
    return _minimum(x, lambda w, b: (w @ w + b * b) / 2 + F.relu(1 - sign * (x @ w + b)).square().sum())


def _minimum(x: Tensor, loss: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    w, b = x.new_zeros(x.shape[1]).requires_grad_(), x.new_zeros(()).requires_grad_()
    search = torch.optim.LBFGS(
        [w, b], max_iter=1000, tolerance_grad=1e-6, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def gradient() -> Tensor:
        search.zero_grad()
        value = loss(w, b)
        value.backward()
        return value

    search.step(gradient)
    gradient()
    assert w.grad is not None
    assert b.grad is not None
    assert max(w.grad.abs().max(), b.grad.abs()) <= 1e-6, "not the minimum"
    return w.detach(), b.detach()


def fitted(texts: Sequence[str], labels: Sequence[int]) -> dict[str, Says]:
    """The three classifiers of texts."""
    vectors = TfIdf(texts)
    x, y = vectors(texts), torch.tensor(labels)

    def says(weights: Tensor, bias: Tensor) -> Says:
        return lambda texts: (vectors(texts) @ weights + bias > 0).long().tolist()

    return {
        "naive Bayes": says(*naive_bayes(x, y)),
        "logistic regression": says(*logistic_regression(x, y)),
        "linear SVM": says(*linear_svm(x, y)),
    }
