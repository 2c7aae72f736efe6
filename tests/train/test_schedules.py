"""The learning rate at the places where its formula is known."""

import pytest

from prosa.core.errors import UserError
from prosa.train.config import TrainConfig
from prosa.train.schedules import learning_rate_factor, noam_peak


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


def test_noam_is_the_papers_formula() -> None:
    """d^-0.5 min(s^-0.5, s W^-1.5), at d 512 and W 4,000: its peak is 6.9877e-4, whatever the number of steps."""
    for steps in (10, 1_000_000):
        c = TrainConfig(steps=steps, warmup_steps=4000, schedule="noam", lr=noam_peak(512, 4000))
        assert c.lr == pytest.approx(6.98771e-4, rel=1e-5)
        for s in (1, 100, 3999, 4000, 4001, 16_000, 100_000):
            assert c.lr * learning_rate_factor(s, c) == pytest.approx(512**-0.5 * min(s**-0.5, s * 4000**-1.5))
        assert learning_rate_factor(16_000, c) == 0.5


def test_warm_up_in_steps_goes_before_its_fraction() -> None:
    c = TrainConfig(steps=1000, warmup=0.5, warmup_steps=10, schedule="constant")
    assert [learning_rate_factor(s, c) for s in (0, 5, 10, 11)] == [0, 0.5, 1, 1]


def test_noam_needs_its_warm_up() -> None:
    with pytest.raises(UserError, match="warmup_steps is 0 but must be at least 1 with noam"):
        TrainConfig(steps=10, schedule="noam")
