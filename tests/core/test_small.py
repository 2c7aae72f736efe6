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


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(right: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, table I, method 3."""
    assert interval.wilson(right, n) == pytest.approx((low, high), abs=5e-5)
    assert interval.wilson(n - right, n) == pytest.approx((1 - high, 1 - low), abs=5e-5)
    assert interval.wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("gain", "loss"), [(0.0, 0.0), (0.1, 0.1), (0.3, 0.02), (0.02, 0.3), (0.6, 0.0), (0.25, 0.4)])
def test_a_paired_difference_is_covered_at_its_level(gain: float, loss: float) -> None:
    """The exact coverage over all outcomes of 40 problems; Bonett & Price is a little conservative."""
    from math import comb

    n, covered = 40, 0.0
    for a in range(n + 1):
        for b in range(n + 1 - a):
            chance = comb(n, a) * comb(n - a, b) * gain**a * loss**b * (1 - gain - loss) ** (n - a - b)
            low, high = interval.paired_difference(a, b, n)
            assert low <= (a - b) / n <= high
            covered += chance * (low <= gain - loss <= high)
    assert covered >= 0.94


def test_a_paired_difference_agrees_with_mcnemars_exact_test_and_turns_with_its_sides() -> None:
    """Six of six in one direction is the least that is significant at 5 %: 2 × 0.5⁶ = 0.031, 2 × 0.5⁵ = 0.063."""
    assert interval.paired_difference(6, 0, 200)[0] > 0
    assert interval.paired_difference(5, 0, 200)[0] < 0
    low, high = interval.paired_difference(30, 11, 100)
    assert interval.paired_difference(11, 30, 100) == pytest.approx((-high, -low))
    wide = interval.paired_difference(3, 1, 10)
    assert high - low < wide[1] - wide[0]
    assert interval.paired_difference(0, 0, 1) == pytest.approx((-1, 1), abs=0.2)


def test_the_end_of_a_progress_is_told_once(monkeypatch, capsys) -> None:
    monkeypatch.setattr("prosa.core.progress.PLAIN_LINE_SECONDS", 0.0)
    with progress.progress("work", 2, "steps") as bar:
        bar.advance()
        bar.advance()
    assert [line.split(" steps")[0] for line in capsys.readouterr().err.splitlines()] == ["work: 1/2", "work: 2/2"]
