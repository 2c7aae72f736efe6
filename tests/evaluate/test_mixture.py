"""Interpolation: by hand, against a grid, and the laws of a mixture."""

import numpy as np
import pytest

from prosa.evaluate.mixture import fit_weights, mix


def test_by_hand():
    found = mix(np.log([[0.5, 0.1], [0.1, 0.9]]), [0.25, 0.75])
    np.testing.assert_allclose(np.exp(found), [0.25 * 0.5 + 0.75 * 0.1, 0.25 * 0.1 + 0.75 * 0.9])


def test_whole_distributions_still_sum_to_one():
    p = np.random.default_rng(0).dirichlet(np.ones(7), size=(3, 5))  # 3 models, 5 tokens, 7 words
    np.testing.assert_allclose(np.exp(mix(np.log(p), [0.2, 0.3, 0.5])).sum(-1), 1)


def test_a_weight_of_zero_ignores_even_an_impossible_token():
    np.testing.assert_allclose(mix([[-1.0, -2.0], [-np.inf, -1.0]], [1.0, 0.0]), [-1, -2])


def test_weights_equal_the_best_of_a_grid():
    generator = np.random.default_rng(3)
    log_probs = np.log(generator.uniform(0.01, 1, size=(2, 400)) * [[1.0], [0.7]])
    weights = fit_weights(log_probs)
    grid = np.linspace(0, 1, 1001)
    losses = [-mix(log_probs, [w, 1 - w]).mean() for w in grid]
    assert weights[0] == pytest.approx(grid[np.argmin(losses)], abs=2e-3)
    assert -mix(log_probs, weights).mean() <= min(losses) + 1e-7


def test_known_answers():
    better = np.log([[0.5] * 10, [0.4] * 10])
    assert fit_weights(better)[0] > 0.999  # one model is better everywhere
    np.testing.assert_allclose(fit_weights(np.log([[0.9, 0.1], [0.1, 0.9]])), [0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(fit_weights(np.log([[0.3, 0.3]])), [1.0])
    tiny = fit_weights(np.log([[0.9, 0.1], [0.1, 0.9]]) - 2000)  # probabilities below the smallest float
    np.testing.assert_allclose(tiny, [0.5, 0.5], atol=1e-6)


def test_the_mixture_is_never_worse_than_its_best_part_where_it_was_fitted():
    log_probs = np.log(np.random.default_rng(8).uniform(0.001, 1, size=(4, 50)))
    assert -mix(log_probs, fit_weights(log_probs)).mean() <= min(-log_probs.mean(1)) + 1e-9


@pytest.mark.parametrize("weights", [[1.0], [0.5, 0.6], [1.5, -0.5]])
def test_bad_weights(weights):
    with pytest.raises(ValueError, match="sum to 1"):
        mix([[-1.0], [-2.0]], weights)


def test_nothing_to_fit():
    with pytest.raises(ValueError, match="models, tokens"):
        fit_weights(np.empty((2, 0)))
