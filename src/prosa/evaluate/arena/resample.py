"""What prompts might have been drawn instead: the Bayesian bootstrap over prompts (Rubin 1981, Annals of Statistics 9).

Efron's bootstrap counts how often each prompt is drawn again; Rubin's gives each a weight that is exponential with mean
1, and the figure is computed anew from the weighted prompts, many times; the percentiles are the interval. Both agree
on many prompts. Rubin's never leaves a prompt out, so that a figure that exists for the data exists in every draw: with
counts, a model's only defeat is missing from 37 % of the draws, and its Bradley-Terry rating is infinite there.

All that was judged on one prompt has one weight: comparisons of the same prompt are not independent. A prompt's weights
depend on the seed and its number alone, so that figures drawn apart are drawn together, and differences are paired.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

DRAWS = 1000
LEVEL = 0.95


def prompt_weights(prompt: int, seed: int) -> NDArray[np.float64]:
    """The weights of prompt number ``prompt`` in every draw, (DRAWS,), exponential with mean 1."""
    return np.random.default_rng([seed, prompt]).standard_exponential(DRAWS)


def drawn_sums(values: ArrayLike, seed: int) -> NDArray[np.float64]:
    """Weighted sums over prompts: values of each prompt, (P, …), to one sum a draw, (DRAWS, …)."""
    each = np.asarray(values, dtype=np.float64)
    sums = np.zeros((DRAWS, each[0].size))
    for prompt, row in enumerate(each.reshape(len(each), -1)):  # one at a time: all weights at once are DRAWS × P
        sums += np.outer(prompt_weights(prompt, seed), row)
    return sums.reshape(DRAWS, *each.shape[1:])


def interval(value: float, draws: NDArray[np.float64]) -> tuple[float, float]:
    """The percentiles of the draws that hold ``LEVEL`` of them, (low, high), widened to hold the figure itself."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return min(float(low), value), max(float(high), value)
