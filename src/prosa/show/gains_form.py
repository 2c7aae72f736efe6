"""Whether a gains.json has the form that ``prosa gains`` writes: a report must not fail on a file from elsewhere."""

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]


def is_gains(value: Any) -> bool:
    """Whether the parts that are shown are all there, with values of the right types."""
    return _gains(value)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _pair(end: Check) -> Check:
    return lambda value: isinstance(value, list) and len(value) == 2 and all(map(end, value))


def _every(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _by_name(check: Check) -> Check:
    return lambda value: isinstance(value, Mapping) and all(map(check, value.values()))


def _has(**fields: Check) -> Check:
    return lambda value: isinstance(value, Mapping) and all(check(value.get(key)) for key, check in fields.items())


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


_ENDS, _OPEN = _pair(_number), _pair(_or_none(_number))
_ESTIMATE = _has(value=_number, interval=_ENDS)
_RATING = _has(model=_text, rating=_number, interval=_OPEN, comparisons=_number)
_RATE = _has(
    first=_text,
    second=_text,
    wins=_number,
    ties=_number,
    losses=_number,
    prompts=_number,
    rate=_number,
    interval=_ENDS,
    difference_interval=_ENDS,
)
_ROW = _has(stage=_text, task=_text, score=_number, n=_number, interval=_ENDS)
_DIFFERENCE = _has(stage=_text, before=_text, task=_text, difference=_number, interval=_ENDS, n=_number, verdict=_text)
_DIVERSITY = _has(
    before=_text,
    after=_text,
    prompts=_number,
    samples=_number,
    figures=_by_name(_has(before=_ESTIMATE, after=_ESTIMATE, change=_ESTIMATE)),
)
_ANSWER = _has(task=_text, prompt=_text, answer=_text, replies=_by_name(_has(text=_text)))
_PARTS = _has(
    stages=_every(_has(stage=_text)),
    rows=_every(_ROW),
    differences=_every(_DIFFERENCE),
    win_rates=_by_name(_every(_RATE)),
    ratings=_by_name(_has(prompts=_number, bradley_terry=_every(_RATING), elo=_every(_RATING))),
    diversity=_or_none(_DIVERSITY),
    answers=_every(_ANSWER),
)


def _gains(value: Any) -> bool:
    """The parts, and that each stage has a row of every task, each judge ratings of the same models in both kinds."""
    if not _PARTS(value):
        return False
    stages = [stage["stage"] for stage in value["stages"]]
    tasks = {row["task"] for row in value["rows"]}
    there = {(row["stage"], row["task"]) for row in value["rows"]}
    rated = [[{rating["model"] for rating in found[kind]} for kind in ("elo", "bradley_terry")]
             for found in value["ratings"].values()]  # fmt: skip
    return (
        bool(stages)
        and all((stage, task) in there for stage in stages for task in {*tasks, "all"})
        and value["win_rates"].keys() == value["ratings"].keys()
        and all(elo == bradley_terry for elo, bradley_terry in rated)
    )
