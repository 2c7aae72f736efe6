"""How many steps minutes and epochs make, and that they are settled once."""

import time

import pytest

from prosa.core.errors import UserError
from prosa.train.budget import affordable_steps, review_is_due, reviewed_steps, settles, with_steps
from prosa.train.config import TrainConfig


@pytest.mark.parametrize(
    ("minutes", "epochs", "expected"),
    [(1, 0, 105), (0, 2.5, 25), (1, 2.5, 25), (0.1, 2.5, 10), (0.0001, 0, 1)],  # 0.5 s a step, 10 steps an epoch
)
def test_the_tighter_limit_counts(minutes: float, epochs: float, expected: int) -> None:
    assert affordable_steps(TrainConfig(minutes=minutes, epochs=epochs), 0.5, 10) == expected


def test_without_any_limit_there_is_an_error() -> None:
    with pytest.raises(UserError, match="steps is 0 but must be above 0 without minutes or epochs"):
        TrainConfig(steps=0, minutes=0, epochs=0)


def test_looks_are_spread_over_the_run_unless_told() -> None:
    settled = with_steps(TrainConfig(eval_every=7), 1000)
    assert (settled.steps, settled.eval_every, settled.sample_every, settled.checkpoint_every) == (1000, 7, 200, 100)
    assert with_steps(TrainConfig(), 3).checkpoint_every == 1
    assert (with_steps(TrainConfig(), 100).eval_every, with_steps(TrainConfig(), 1000).eval_every) == (25, 50)


def test_the_review_comes_while_the_learning_rate_is_constant() -> None:
    config = TrainConfig(minutes=10, decay_fraction=0.6)  # 600 s; the rate falls from 40 % of the steps on
    assert not review_is_due(config, 39, 100, 89.0)
    assert review_is_due(config, 39, 100, 90.0)
    assert review_is_due(config, 40, 100, 1.0)
    assert settles(config, 40, 100)
    assert not settles(config, 39, 100)
    assert settles(TrainConfig(minutes=10, schedule="constant"), 50, 100)
    for never in (TrainConfig(steps=100), TrainConfig(minutes=0), TrainConfig(minutes=10, schedule="cosine")):
        assert not review_is_due(never, 99, 100, 1e6)


@pytest.mark.parametrize(
    ("step", "seconds", "a_step", "epochs", "expected"),
    [
        (40, 60.0, 1.5, 0, 400),
        (40, 60.0, 1.5, 2.5, 250),
        (40, 60.0, 1.0, 0, 580),  # the first step took 21 s of the 60
        (10, 599.0, 60.0, 0, 11),
        (10, 700.0, 70.0, 0, 11),
    ],  # 10 minutes
)
def test_the_review_goes_by_the_time_of_the_steps_done(
    step: int, seconds: float, a_step: float, epochs: float, expected: int
) -> None:
    assert reviewed_steps(TrainConfig(minutes=10, epochs=epochs), step, seconds, a_step, 100) == expected


def test_an_estimate_made_on_a_busy_machine_is_put_right(tmp_path, run, make_settings, monkeypatch) -> None:
    monkeypatch.setattr("prosa.train.dry_run.affordable_steps", lambda *a: 5)  # far too few
    config = make_settings(steps=0, minutes=0.05, epochs=0.0, schedule="linear", decay_fraction=0.6)
    result = run(tmp_path, config)
    assert result.steps == result.resolved.steps > 5
    assert result.resolved.reviewed


@pytest.mark.parametrize("schedule", ["linear", "constant"])
def test_a_machine_that_slows_down_early_is_taken_into_account(
    tmp_path, run, make_settings, make_batches, monkeypatch, schedule
) -> None:
    class Slower:
        """A tenth of a second a step from the fifth on."""

        steps_per_epoch = make_batches().steps_per_epoch

        def at(self, step: int):
            time.sleep(0.1 if step >= 5 else 0.0)
            return make_batches().at(step)

    monkeypatch.setattr("prosa.train.dry_run.affordable_steps", lambda *a: 1000)
    config = make_settings(steps=0, minutes=0.1, epochs=0.0, schedule=schedule, decay_fraction=0.6)  # 6 s
    result = run(tmp_path, config, batches=Slower())
    assert result.resolved.reviewed
    assert 5 < result.steps <= 80  # those of before would allow many more; a slower machine, fewer


def test_a_resumed_run_keeps_the_steps_it_settled(tmp_path, run, make_settings, make_batches, monkeypatch) -> None:
    config = make_settings(steps=0, minutes=0.0, epochs=0.05)
    whole = run(tmp_path / "whole", config)
    assert whole.steps == whole.resolved.steps == 2  # 0.05 x 23 steps an epoch, rounded up

    class Stop(Exception):
        pass

    class StopsAtOne:
        steps_per_epoch = make_batches().steps_per_epoch

        def at(self, step: int):
            if step == 1:
                raise Stop
            return make_batches().at(step)

    with pytest.raises(Stop):
        run(tmp_path / "parts", config, batches=StopsAtOne())
    monkeypatch.setattr("prosa.train.dry_run.affordable_steps", lambda *a: 99)
    assert run(tmp_path / "parts", config, resume=True).steps == 2
