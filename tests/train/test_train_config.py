"""TrainConfig: what is wrong is told all at once; from a mapping as recipes give it."""

import pytest

from prosa.core.config import from_mapping, to_mapping
from prosa.core.errors import UserError
from prosa.train.config import TrainConfig


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(UserError) as caught:
        TrainConfig(steps=-1, lr=-1.0, batch_size=10, micro_batch=4, min_lr=2.0, betas=(0.9, 1.0), warmup=1.5)
    for phrase in (
        "steps is -1 but must be 0 or more",
        "lr is -1.0 but must be a number above 0",
        "micro_batch is 4 but must be a divisor of batch_size (10)",
        "min_lr is 2.0 but must be between 0 and 1",
        "betas is (0.9, 1.0)",
        "warmup is 1.5",
    ):
        assert phrase in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0])
def test_a_learning_rate_must_be_a_number_above_zero(value: float) -> None:
    with pytest.raises(UserError, match="lr is"):
        TrainConfig(lr=value)


def test_linear_decay_must_fit_after_the_warm_up() -> None:
    with pytest.raises(UserError, match=r"decay_fraction is 0.8 but must be at most 1 - warmup \(0.7\)"):
        TrainConfig(schedule="linear", warmup=0.3, decay_fraction=0.8)
    TrainConfig(schedule="linear", warmup=0.3, decay_fraction=0.7)


def test_a_recipe_s_mapping_and_back() -> None:
    config = from_mapping(TrainConfig, {"lr": "3e-4", "compile": "auto", "betas": [0.8, 0.9]}, "recipe: train")
    assert (config.lr, config.compile, config.betas) == (3e-4, "auto", (0.8, 0.9))
    assert from_mapping(TrainConfig, to_mapping(config), "again") == config
    with pytest.raises(UserError, match="Did you mean 'warmup'"):
        from_mapping(TrainConfig, {"warm_up": 0.1}, "recipe: train")
