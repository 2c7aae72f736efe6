from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import yaml

from prosa.core import config
from prosa.core.errors import UserError


@dataclass(frozen=True)
class Train:
    lr: float = 1e-3
    steps: int = 10
    kind: Literal["a", "b"] = "a"
    stops: tuple[str, ...] = ()
    betas: tuple[float, float] = (0.9, 0.95)
    data: Path | None = None
    fast: bool = False


@dataclass(frozen=True)
class Root:
    train: Train = field(default_factory=Train)
    name: str = "x"


def test_yaml_and_back_is_the_same() -> None:
    root = Root(Train(lr=3e-4, stops=("a", "ç"), data=Path("d/e"), fast=True), "nome")
    assert config.from_mapping(Root, yaml.safe_load(config.write_yaml(root)), "r") == root


def test_scientific_notation_that_yaml_reads_as_text_is_a_number() -> None:
    assert config.from_mapping(Root, yaml.safe_load("train: {lr: 3e-4}"), "r").train.lr == 0.0003


def test_what_a_mapping_leaves_out_comes_from_the_base() -> None:
    base = Root(Train(steps=7, lr=0.5))
    assert config.from_mapping(Root, {"train": {"lr": 0.25}}, "r", base) == Root(Train(steps=7, lr=0.25))


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"trian": {}}, r"unknown key in r: 'trian'. Did you mean 'train'"),
        ({"train": {"step": 3}}, r"unknown key in r: train: 'step'. Did you mean 'steps'"),
        ({"train": {"steps": 1.5}}, r"r: train: steps: 1.5 is not int"),
        ({"train": {"steps": True}}, r"r: train: steps: True is not int"),
        ({"train": {"lr": "fast"}}, r"r: train: lr: 'fast' is not float"),
        ({"train": {"kind": "c"}}, r"unknown value of r: train: kind: 'c'"),
        ({"train": {"betas": [0.9]}}, r"r: train: betas: \[0.9\] is not"),
        ({"train": 3}, r"expected key: value pairs"),
    ],
)
def test_a_bad_key_or_value_is_named_in_full(mapping: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        config.from_mapping(Root, mapping, "r")


def test_the_environment_overrides_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROSA__TRAIN__LR", "3e-4")
    monkeypatch.setenv("PROSA__NAME", "y")
    assert config.from_environment(Root, Root(Train(lr=1.0, steps=3))) == Root(Train(lr=3e-4, steps=3), "y")
    monkeypatch.setenv("PROSA__TRAIN__RL", "1")
    with pytest.raises(UserError, match="environment"):
        config.from_environment(Root, Root())


def test_an_unknown_recipe_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown recipe: 'asistant'. Did you mean 'assistant'"):
        config.recipe_path("asistant")
