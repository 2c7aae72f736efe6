"""Ratings: published expected scores, evalica's values, a plain optimum of the likelihood, and laws."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from evalica_reference import GAMES

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.evaluate.arena import ratings
from prosa.evaluate.arena.comparison import Comparison
from prosa.evaluate.arena.ratings import SCALE, bradley_terry, elo, expected_score, strengths
from prosa.evaluate.arena.win_rates import win_rates

WINNERS = {">": "first", "<": "second", "=": "tie"}
TURNED = {"first": "second", "second": "first", "tie": "tie"}


def games(played):
    """A comparison a prompt, written ``a>b``."""
    return [Comparison(f"p{i}", game[0], game[2], WINNERS[game[1]], "v") for i, game in enumerate(played)]


def by_name(rated):
    return {r.model: r.rating for r in rated}


def random_games(prompts, strength, generator):
    """Every pair on every prompt, won as Bradley-Terry says, one in ten tied."""
    names = "abcdefgh"[: len(strength)]
    return [
        Comparison(
            f"p{p}",
            names[i],
            names[j],
            "tie" if generator.random() < 0.1
            else "first" if generator.random() < 1 / (1 + math.exp(strength[j] - strength[i]))
            else "second",
            "v",
        )
        for p in range(prompts)
        for i in range(len(strength))
        for j in range(i + 1, len(strength))
    ]  # fmt: skip


@pytest.mark.parametrize(("b", "expected"), [(1224, 0.5715), (1155, 0.6649), (826, 0.9295)])
def test_expected_scores_of_the_published_table(b, expected):
    assert expected_score(1274, b) == pytest.approx(expected, abs=5e-5)
    assert expected_score(b, 1274) == pytest.approx(1 - expected_score(1274, b))
    assert expected_score(1274 + 500, b + 500) == pytest.approx(expected_score(1274, b))


def test_elo_by_hand():
    (b, a) = elo(games(["a<b", "a=b"]), k=32)
    moved = 16 - 32 * (0.5 - 1 / (1 + 10 ** (32 / 400)))  # 16 points from a to b; b was then expected to win, and tied
    assert (a.model, b.model) == ("a", "b")
    assert b.rating == pytest.approx(1000 + moved)
    assert a.rating == pytest.approx(1000 - moved)


def test_elo_equals_evalica():
    assert by_name(elo(games(GAMES))) == pytest.approx(
        {"a": 993.0402526262703, "b": 1005.2390951509765, "c": 1016.7556003825722, "d": 984.965051840181}, abs=1e-9
    )
    assert by_name(elo(games(GAMES), k=32)) == pytest.approx(
        {"a": 980.720859104619, "b": 1012.2402153235179, "c": 1088.0959936166487, "d": 918.9429319552145}, abs=1e-9
    )


def test_bradley_terry_equals_evalica():
    expected = {"a": -54.181865596813815, "b": 46.39167774758539, "c": 134.08620410722523, "d": -126.29601625799678}
    found = by_name(bradley_terry(games(GAMES)))
    assert {model: rating - 1000 for model, rating in found.items()} == pytest.approx(expected, abs=1e-8)


def test_two_models_have_the_log_odds_of_their_points():
    b, a = bradley_terry(games(["a<b"] * 6 + ["a>b"] * 1 + ["a=b"] * 2))
    assert b.rating - a.rating == pytest.approx(400 * math.log10(7 / 2))
    assert expected_score(b.rating, a.rating) == pytest.approx(7 / 9)


def test_strengths_are_the_optimum_that_minorisation_maximisation_finds():
    generator = np.random.default_rng(5)
    wins = generator.integers(1, 30, (3, 5, 5)) * (1 - np.eye(5))  # three tallies at once
    wins[2] *= 10.0 ** generator.integers(-3, 3, (5, 5))  # of very uneven sizes
    for tally, found in zip(wins, strengths(wins), strict=True):
        p = np.ones(5)
        for _ in range(3000):  # Hunter 2004, Annals of Statistics 32, equation 3
            p = tally.sum(1) / ((tally + tally.T) / (p[:, None] + p)).sum(1)
            p /= p.sum()
        np.testing.assert_allclose(found, np.log(p) - np.log(p).mean(), atol=1e-9)


@pytest.mark.parametrize("loss", [1e-3, 1e-6, 1e-9, 1e-12])
def test_strengths_of_almost_nothing_but_wins(loss):
    chain = np.array([[0, 2000, 0], [loss, 0, 300], [0, 200, 0]])
    found = strengths(chain)
    assert found[0] - found[1] == pytest.approx(math.log(2000 / loss), rel=1e-9)
    assert found[1] - found[2] == pytest.approx(math.log(1.5), rel=1e-9)


@pytest.mark.parametrize(
    "wins",
    [  # found by random search: whole steps of Newton's method leave float64; steps end in rounding above 1e-10
        [[0, 1e-7, 1e-3, 1e-4], [1e-7, 0, 10, 1e-9], [1e-3, 1e-7, 0, 1e-4], [100, 10, 0.01, 0]],
        [[0, 5.3e-9, 0, 0], [170, 0, 860, 0], [11, 2.8, 0, 240], [1200, 730, 0, 0]],
    ],
)
def test_strengths_of_very_uneven_points(wins):
    wins = np.array(wins)
    odds = np.exp(np.subtract.outer(found := strengths(wins), found))
    gained, lost = (wins / (1 + odds)).sum(axis=1), (wins.T / (1 + 1 / odds)).sum(axis=1)
    np.testing.assert_allclose(gained, lost, rtol=1e-5)  # nobody wins more or less than expected


def test_strengths_without_an_optimum_are_an_error():
    with pytest.raises(ValueError, match="no optimum exists"):
        strengths(np.array([[0.0, 5.0], [0.0, 0.0]]))


def test_a_search_that_does_not_settle_is_an_error(monkeypatch):
    monkeypatch.setattr(ratings, "MAX_ROUNDS", 3)
    with pytest.raises(ArithmeticError, match="no optimum in 3 rounds"):
        strengths(np.array([[0.0, 5.0], [1e-6, 0.0]]))


def test_two_models_have_the_same_interval_as_their_win_rate():
    played = games(["a<b"] * 60 + ["a=b"] * 20 + ["a>b"] * 20)
    b, a = bradley_terry(played)
    (rate,) = win_rates(played)  # of a against b
    found = [float(expected_score(1000 + (end - 1000), 2000 - end)) for end in a.interval]
    assert found == pytest.approx(rate.interval, abs=2e-4)  # quantiles of a curve are not quite the curve of quantiles
    assert b.interval[0] == pytest.approx(2000 - a.interval[1])


@pytest.mark.parametrize("rate", [elo, bradley_terry])
def test_the_sum_is_conserved(rate):
    assert sum(by_name(rate(games(GAMES))).values()) == pytest.approx(4000)


@pytest.mark.parametrize("rate", [elo, bradley_terry])
def test_swapping_names_swaps_ratings(rate):
    swapped = [game.translate(str.maketrans("ab", "ba")) for game in GAMES]
    found, other = by_name(rate(games(GAMES))), by_name(rate(games(swapped)))
    assert other == pytest.approx({"a": found["b"], "b": found["a"], "c": found["c"], "d": found["d"]})


@pytest.mark.parametrize("rate", [elo, bradley_terry])
def test_the_side_on_which_a_model_stands_is_no_matter(rate):
    turned = [replace(c, first=c.second, second=c.first, winner=TURNED[c.winner]) for c in games(GAMES)]
    for here, there in zip(rate(games(GAMES)), rate(turned), strict=True):
        assert here.model == there.model
        assert (here.rating, *here.interval) == pytest.approx((there.rating, *there.interval))


def test_order_is_a_matter_for_elo_only():
    forth, back = games(GAMES), games(GAMES)[::-1]
    for here, there in zip(bradley_terry(forth), bradley_terry(back), strict=True):
        assert (here.rating, *here.interval) == pytest.approx((there.rating, *there.interval))
    assert by_name(elo(forth)) != pytest.approx(by_name(elo(back)), abs=0.01)


def test_ratings_come_back_from_the_games_of_known_strengths():
    strength = np.array([0.0, 0.4, 0.5, 0.9, 1.6])
    played = random_games(400, strength * 1.0, np.random.default_rng(7))
    found = by_name(bradley_terry(played))
    truth = dict(zip("abcde", 1000 + SCALE * 0.9 * (strength - strength.mean()), strict=True))  # ties draw them near
    assert found == pytest.approx(truth, abs=30)
    assert [r.model for r in bradley_terry(played)] == list("edcba")


def test_the_intervals_hold_the_truth_at_their_level():
    strength, generator, covered = np.array([0.0, 0.5, 1.4]), np.random.default_rng(3), 0
    truth = 1000 + SCALE * (strength - strength.mean())
    for trial in range(80):
        played = [c for c in random_games(40, strength, generator) if c.winner != "tie"]
        ends = {r.model: r.interval for r in bradley_terry(played, seed=trial)}
        covered += sum(ends[m][0] <= t <= ends[m][1] for m, t in zip("abc", truth, strict=True))
    assert 0.91 <= covered / 240 <= 0.985


def test_elo_intervals_are_as_wide_as_elo_varies():
    generator = np.random.default_rng(11)
    found, widths = [], []
    for trial in range(60):
        rated = elo(random_games(30, [0.0, 1.0], generator), seed=trial, k=16)
        best = next(r for r in rated if r.model == "b")
        found.append(best.rating)
        widths.append(np.ptp(best.interval))
    assert np.mean(widths) / (2 * 1.96 * np.std(found)) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("rate", [elo, bradley_terry])
def test_the_same_verdicts_on_new_prompts_narrow_the_interval_and_on_the_same_they_do_not(rate):
    once = random_games(100, [0.0, 0.5, 1.0], np.random.default_rng(2))
    again = [replace(c, prompt_id="q" + c.prompt_id) for c in once]
    width = [np.ptp(rate(played)[0].interval) for played in (once, once + again, once + once)]
    if rate is bradley_terry:
        assert width[1] / width[0] == pytest.approx(1 / math.sqrt(2), abs=0.1)
        assert width[2] == pytest.approx(width[0])
    else:
        assert width[1] < 0.9 * width[2]  # Elo goes further the more it plays: compared at the same number of games


def test_a_model_that_won_everything_has_an_open_interval():
    played = games(["a>b"] * 20 + ["b>c", "b<c", "c=b"] * 5)
    a, b, c = bradley_terry(played)
    assert (a.model, a.interval[1]) == ("a", math.inf)
    assert a.interval[0] > 1100
    assert b.interval[0] == c.interval[0] == -math.inf  # below a, by nobody knows how much
    assert max(b.interval[1], c.interval[1]) < 1000
    assert a.rating - (b.rating + c.rating) / 2 == pytest.approx(400 * math.log10(20.5 / 0.5), abs=25)
    assert a.to_json() == {"model": "a", "rating": a.rating, "interval": [a.interval[0], None], "comparisons": 20}
    won, lost = bradley_terry(games(["a<b"] * 20))
    assert won.rating - lost.rating == pytest.approx(400 * math.log10(20.5 / 0.5))
    low = won.interval[0]
    assert 0.86 < expected_score(low, 2000 - low) < 0.91  # Jeffreys: .883
    assert (won.interval[1], lost.interval[0]) == (math.inf, -math.inf)
    assert all(math.isfinite(end) for r in elo(played) for end in r.interval)


def test_one_defeat_bounds_everybody():
    assert all(math.isfinite(end) for r in bradley_terry(games(["a>b"] * 20 + ["a<b"])) for end in r.interval)


def test_groups_that_never_met_are_an_error():
    with pytest.raises(UserError, match=r"\(a, b\) and \(c, d\) were never compared"):
        bradley_terry(games(["a>b", "a<b", "c>d", "c<d"]))
    with speaking("pt-BR"), pytest.raises(UserError, match=r"\(a, b\) e \(c, d\) nunca foram comparados"):
        bradley_terry(games(["a>b", "a<b", "c>d", "c<d"]))
    assert len(bradley_terry(games(["a>b", "a<b", "b>d", "c<d"]))) == 4  # met through others


@pytest.mark.parametrize("rate", [elo, bradley_terry])
def test_nothing_to_rate(rate):
    with pytest.raises(UserError, match="there is no comparison"):
        rate([])


def test_a_thousand_draws_of_two_thousand_comparisons_take_about_a_second():
    played = random_games(200, [0.0, 0.3, 0.5, 0.9, 1.4], np.random.default_rng(0))
    start = time.process_time()
    assert len(played) == 2000
    assert {r.comparisons for r in [*bradley_terry(played), *elo(played)]} == {800}
    assert time.process_time() - start < 2
