"""The learning rate at the places where its formula is known."""

import pytest

from prosa.train.config import TrainConfig
from prosa.train.schedules import learning_rate_factor


def test_cosine() -> None:
    c = TrainConfig(steps=1100, warmup=1 / 11, min_lr=0.1, schedule="cosine")  # 100 steps up, 1,000 down
    assert [learning_rate_factor(s, c) for s in (0, 1, 50, 100)] == pytest.approx([0, 0.01, 0.5, 1])
    assert learning_rate_factor(350, c) == pytest.approx(0.1 + 0.9 * (1 + 2**-0.5) / 2)  # a quarter: cos(pi/4)
    assert learning_rate_factor(600, c) == pytest.approx(0.55)
    assert learning_rate_factor(1100, c) == pytest.approx(0.1)


def test_linear_over_the_last_part() -> None:
    c = TrainConfig(steps=1000, warmup=0.1, min_lr=0.0, schedule="linear", decay_fraction=0.6)
    assert [learning_rate_factor(s, c) for s in (0, 50, 100, 250, 400)] == pytest.approx([0, 0.5, 1, 1, 1])
    assert [learning_rate_factor(s, c) for s in (550, 700, 1000)] == pytest.approx([0.75, 0.5, 0])


def test_linear_over_all_that_follows_the_warm_up() -> None:
    c = TrainConfig(steps=100, warmup=0.2, min_lr=0.2, schedule="linear", decay_fraction=1.0)
    assert [learning_rate_factor(s, c) for s in (20, 60, 100)] == pytest.approx([1, 0.6, 0.2])


def test_constant_and_no_warm_up() -> None:
    c = TrainConfig(steps=10, warmup=0.0, schedule="constant")
    assert [learning_rate_factor(s, c) for s in range(11)] == [1.0] * 11


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_few_steps_stay_within_bounds(schedule: str, steps: int) -> None:
    for warmup in (0.0, 0.5, 0.99):
        c = TrainConfig(steps=steps, warmup=warmup, schedule=schedule, decay_fraction=1.0)  # type: ignore[arg-type]
        assert all(0 < learning_rate_factor(s, c) <= 1 for s in range(1, steps + 1))
