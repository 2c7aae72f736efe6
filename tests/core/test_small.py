"""Language, errors, intervals, progress, devices."""

import numpy as np
import pytest

from prosa.core import interval, language, progress
from prosa.core.device import choose_device
from prosa.core.errors import UserError, nearest, unknown


@pytest.fixture(autouse=True)
def _plain_language(monkeypatch: pytest.MonkeyPatch):
    for name in ("PROSA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    language.set_language(None)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "pt_BR.UTF-8"}, "pt-BR"),
        ({"LANG": "pt_PT.UTF-8"}, "pt-BR"),
        ({"LANG": "pt_BR.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "PROSA_LANG": "pt-BR"}, "pt-BR"),
    ],
)
def test_the_language_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict, expected: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language.language() == expected


def test_numbers_sizes_and_times_are_written_as_the_language_does() -> None:
    language.set_language("pt-BR")
    assert language.number(1234567.891, 2) == "1.234.567,89"
    assert language.size(1_500_000) == "1,5 MB"
    assert language.duration(8.25) == "8,2 s"
    language.set_language("en")
    assert language.number(1234567.891, 2) == "1,234,567.89"
    assert (language.size(999), language.size(1_500_000_000)) == ("999 B", "1.5 GB")
    assert (language.duration(185), language.duration(7800)) == ("3 min 05 s", "2 h 10 min")


def test_errors_suggest_in_both_languages() -> None:
    assert nearest("pretrian", ["pretrain", "report"]) == "pretrain"
    assert nearest("zzz", ["pretrain"]) is None
    assert "Did you mean 'pretrain'" in str(unknown("command", "pretrian", ["pretrain"]))
    language.set_language("pt-BR")
    assert "Você quis dizer 'pretrain'" in str(unknown("comando", "pretrian", ["pretrain"]))


def test_bootstrap_covers_the_true_ratio_at_its_level() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        size = generator.integers(50, 200, 40)
        nats = size * generator.normal(2.0, 0.3, 40)
        low, high = interval.bootstrap_ratio(nats, size, resamples=300, seed=trial)
        covered += low <= 2.0 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_bootstrap_weighs_units_by_their_length() -> None:
    low, high = interval.bootstrap_ratio([1.0, 1000.0], [1.0, 500.0], resamples=500)
    assert low == 1.0
    assert high == 2.0
    assert interval.bootstrap_ratio([1.0], [1.0]) is None
    with pytest.raises(ValueError, match="1-D"):
        interval.bootstrap_ratio([1.0, 2.0], [1.0])


def test_plain_progress_ends_with_a_line_that_has_total_and_rate(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress("Reading", 10, "docs") as bar:
        for _ in range(10):
            bar.advance(1, "loss 2.0")
    error = capsys.readouterr().err
    assert error.startswith("Reading: 10/10 docs, ")
    assert "docs/s" in error
    assert "loss 2.0" in error


def test_a_device_that_is_not_there_is_a_user_error() -> None:
    import torch

    assert choose_device("cpu") == torch.device("cpu")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="cuda is not available"):
            choose_device("cuda")
