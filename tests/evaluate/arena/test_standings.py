"""The figures of a contest together, and as JSON."""

import json

from prosa.evaluate.arena.comparison import Comparison
from prosa.evaluate.arena.contest import Contest
from prosa.evaluate.arena.ratings import bradley_terry, elo
from prosa.evaluate.arena.standings import standings
from prosa.evaluate.arena.win_rates import win_rates

PLAYED = tuple(
    Comparison(f"p{i % 5}", first, second, winner, judge)
    for i, (first, second, winner, judge) in enumerate(
        [("sft", "base", "first", "v"), ("rl", "base", "first", "v"), ("rl", "sft", "tie", "w")] * 4
        + [("rl", "base", "first", "w")] * 3
    )
)


def test_all_figures_of_a_contest():
    found = standings(Contest(PLAYED, 1, ("?",), 4, 1), seed=3)
    assert found.win_rates == tuple(win_rates(PLAYED, seed=3))
    assert found.bradley_terry == tuple(bradley_terry(PLAYED, seed=3))
    assert found.elo == tuple(elo(PLAYED, seed=3))


def test_the_json_is_strict_and_says_how_the_judge_behaved():
    plain = standings(Contest(PLAYED, 1, ("?",), 4, 1)).to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert (plain["judges"], plain["comparisons"], plain["prompts"]) == (["v", "w"], 15, 5)
    assert (plain["flips"], plain["both_orders"], plain["flip_rate"]) == (1, 4, 0.25)
    assert (plain["without_verdict"], plain["unreadable"]) == (1, ["?"])
    assert [(r["first"], r["second"], r["wins"], r["ties"], r["losses"]) for r in plain["win_rates"]] == [
        ("sft", "base", 4, 0, 0),
        ("rl", "base", 7, 0, 0),
        ("rl", "sft", 0, 4, 0),
    ]
    base = plain["bradley_terry"][-1]
    assert (base["model"], base["interval"][0], base["comparisons"]) == ("base", None, 11)
