"""A mixture of language models: p(w) = Σ_k λ_k p_k(w), the λ by expectation-maximisation (Jelinek & Mercer 1980).

Different models are wrong in different places: a neural one interpolated with n-gram counts usually beats both. The
weights must be fitted on text that none of the models was trained on, and that is not the text of the final figure.

Shapes: K models, n tokens.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def mix(log_probs: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Log-probability (nats) that the mixture gives to each token.

    Args:
        log_probs: of each model for the same tokens, (K, n), or (K, n, V) for whole distributions.
        weights: (K,), not negative, summing to 1.
    """
    each, w = np.asarray(log_probs, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if w.shape != each.shape[:1] or (w < 0).any() or not np.isclose(w.sum(), 1):
        raise ValueError(f"weights {w} must be {len(each)} non-negative numbers that sum to 1")
    used = w > 0
    mixed: NDArray[np.float64] = np.logaddexp.reduce(each[used].T + np.log(w[used]), axis=-1).T
    return mixed


def fit_weights(log_probs: ArrayLike, *, tolerance: float = 1e-9, rounds: int = 10_000) -> NDArray[np.float64]:
    """The weights (K,) under which the mixture gives these tokens the lowest loss.

    Each round sets λ_k to the mean share of model k in p(w); the loss is convex in λ and never rises.

    Args:
        log_probs: of each model for the same held-out tokens, (K, n).
        tolerance: stop when the loss falls by less in a round, in nats a token.
    """
    each = np.asarray(log_probs, dtype=np.float64)
    if each.ndim != 2 or not each.size:
        raise ValueError(f"log_probs must be (models, tokens), not {each.shape}")
    p = np.exp(each - each.max(axis=0))  # a factor a token changes no share
    weights: NDArray[np.float64] = np.full(len(each), 1 / len(each))
    last = -np.inf
    for _ in range(rounds):
        share = weights[:, None] * p
        total = share.sum(axis=0)
        weights = (share / total).mean(axis=1)
        likelihood = float(np.log(total).mean())
        if likelihood - last < tolerance:
            break
        last = likelihood
    weights /= weights.sum()
    return weights
