"""Win rates: counted by hand, intervals against Jeffreys' for independent prompts, and the laws of shared prompts."""

from dataclasses import replace

import numpy as np
import pytest

from prosa.core.errors import UserError
from prosa.evaluate.arena.comparison import Comparison
from prosa.evaluate.arena.resample import prompt_weights
from prosa.evaluate.arena.tally import tally
from prosa.evaluate.arena.win_rates import win_rates


def games(outcomes, first="sft", second="base", start=0):
    """A comparison a prompt: ``>`` the first won, ``<`` the second, ``=`` a tie."""
    winners = {">": "first", "<": "second", "=": "tie"}
    return [Comparison(f"p{start + i}", first, second, winners[o], "v") for i, o in enumerate(outcomes)]


def test_wins_ties_losses_by_hand():
    (found,) = win_rates(games(">>>=<"))
    assert (found.first, found.second) == ("sft", "base")
    assert (found.wins, found.ties, found.losses, found.prompts) == (3, 1, 1, 5)
    assert found.rate == pytest.approx(3.5 / 5)
    assert found.difference == pytest.approx((3 - 1) / 5)
    assert found.difference_interval == pytest.approx([2 * end - 1 for end in found.interval])
    assert found.to_json()["difference"] == found.difference


def test_a_pair_is_one_pair_in_either_order_and_keeps_the_first_one():
    mixed = [*games(">>", "rl", "base"), *games("<=", "base", "rl", start=2), *games(">", "rl", "sft")]
    first, second = win_rates(mixed)
    assert (first.first, first.second, first.wins, first.ties, first.losses) == ("rl", "base", 3, 1, 0)
    assert (second.first, second.second, second.rate) == ("rl", "sft", 1.0)


@pytest.mark.parametrize(
    ("wins", "losses", "expected"),  # scipy.stats.beta.ppf([.025, .975], wins + .5, losses + .5)
    [(15, 5, (0.53514, 0.89649)), (20, 0, (0.88339, 1.0)), (3, 1, (0.28438, 0.97241)), (200, 0, (0.98752, 1.0))],
)
def test_independent_prompts_have_the_interval_of_jeffreys(wins, losses, expected):
    (found,) = win_rates(games(">" * wins + "<" * losses))
    assert found.interval == pytest.approx(expected, abs=0.15 * (expected[1] - expected[0]))


def test_the_interval_holds_the_figure():
    assert win_rates(games(">" * 9))[0].interval[1] == 1
    assert win_rates(games("<" * 9))[0].interval[0] == 0


def test_the_unseen_prompt_is_drawn_apart_from_the_others():
    draws = tally(games(">")).draws(0)  # base has points of the unseen prompt only
    assert abs(np.corrcoef(draws[:, 0, 1], prompt_weights(0, 0))[0, 1]) < 0.1
    assert draws[:, 1, 0].std() == pytest.approx(np.sqrt(1 + 0.5), abs=0.15)  # of the sum of two that are independent


def test_the_interval_holds_the_truth_at_its_level():
    generator = np.random.default_rng(4)
    covered = 0
    for trial in range(150):
        (found,) = win_rates(games(np.where(generator.random(30) < 0.8, ">", "<")), seed=trial)
        covered += found.interval[0] <= 0.8 <= found.interval[1]
    assert 0.9 <= covered / 150 <= 0.99


def test_above_zero_is_the_interval_and_not_the_figure():
    assert not win_rates(games(">>"))[0].above_zero  # all won, of two
    assert not win_rates(games(">" * 11 + "<" * 9))[0].above_zero
    assert win_rates(games(">" * 15 + "<" * 5))[0].above_zero
    assert not win_rates(games(">" * 5 + "<" * 15))[0].above_zero
    (ties,) = win_rates(games("=" * 50))
    assert ties.interval[0] < 0.5 < ties.interval[1]


def test_repeating_on_the_same_prompts_says_nothing_new_and_on_new_prompts_it_does():
    once = games(">" * 60 + "=" * 10 + "<" * 30)
    again = [replace(c, prompt_id="q" + c.prompt_id) for c in once]
    (base,), (same,), (new,) = win_rates(once), win_rates(once + once), win_rates(once + again)
    assert base.rate == same.rate == new.rate
    assert (same.wins, same.prompts, new.prompts) == (120, 100, 200)
    assert same.interval == pytest.approx(base.interval, abs=1e-12)
    ratio = np.ptp(new.interval) / np.ptp(base.interval)
    assert ratio == pytest.approx(1 / np.sqrt(2), abs=0.08)


def test_unanimous_prompts_with_many_comparisons_count_as_prompts():
    (found,) = win_rates([*games(">" * 6)] * 50)  # 300 wins, but on six prompts
    (six,) = win_rates(games(">" * 6))
    assert found.interval == pytest.approx(six.interval, abs=1e-12)


def test_a_longer_prompt_counts_by_its_comparisons():
    (found,) = win_rates([*games(">") * 3, *games("<", start=1)])
    assert found.rate == 0.75


def test_the_seed_alone_decides_the_draws():
    made = games(">" * 60 + "<" * 40)
    assert win_rates(made) == win_rates(made)
    assert win_rates(made)[0].interval != win_rates(made, seed=1)[0].interval
    assert win_rates(made)[0].interval == pytest.approx(win_rates(made, seed=1)[0].interval, abs=0.02)


def test_the_tally_has_every_point_and_its_mirror():
    table = tally([*games(">=<"), *games("=", "base", "rl")])
    assert table.models == ("base", "rl", "sft")
    np.testing.assert_array_equal(table.wins, [[0, 0.5, 1.5], [0.5, 0, 0], [1.5, 0, 0]])
    np.testing.assert_array_equal(table.prompts_of_pair, [[0, 1, 3], [1, 0, 0], [3, 0, 0]])
    np.testing.assert_array_equal(table.unseen, [[0, 1, 1], [1, 0, 0], [1, 0, 0]])
    assert (table.draws(0)[:, 1, 2] == 0).all()  # who never met has no points in any draw
    assert table.draws(0)[:, 0, 2].mean() == pytest.approx(1.5 + 0.5, abs=0.1)


def test_nothing_to_compare():
    with pytest.raises(UserError, match="there is no comparison"):
        win_rates([])
