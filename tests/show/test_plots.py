import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prosa.show.load import RunData
from prosa.show.panels import POINTS, thin
from prosa.show.plots import loss_plot, schedule_plot, smooth, speed_plot, spread
from prosa.show.sections.training import loss_at, milestones


def test_smoothing_is_a_centred_mean() -> None:
    values = [float(i) for i in range(100)]
    assert smooth(values)[:50] == pytest.approx(values[:50])  # a straight line stays: it does not lag
    assert smooth(values)[-1] == pytest.approx(98.0)  # the mean of 97, 98, 99
    assert smooth([1.0] * 10 + [11.0] + [1.0] * 10, share=2 / 21)[10] == pytest.approx((1 + 11 + 1) / 3)
    assert smooth([3.0]) == [3.0]
    assert smooth([]) == []


def test_thinning_keeps_the_ends_and_the_order() -> None:
    x = [float(i) for i in range(10_000)]
    few, y = thin(x, [2 * v for v in x])
    assert len(few) == POINTS
    assert (few[0], few[-1]) == (0, 9999)
    assert few == sorted(set(few))
    assert y == [2 * v for v in few]
    assert thin(x[:5], x[:5]) == (x[:5], x[:5])


@given(st.lists(st.floats(0, 10), max_size=8).map(lambda v: sorted(v, reverse=True)))
def test_labels_never_overlap_and_keep_their_order(places: list[float]) -> None:
    found = spread(places, 0.5)
    assert len(found) == len(places)
    assert all(a - b >= 0.5 - 1e-9 for a, b in itertools.pairwise(found))
    if all(a - b >= 0.5 for a, b in itertools.pairwise(places)):
        assert found == pytest.approx(places)  # far apart: each at its line


def test_labels_close_together_are_centred_on_their_lines() -> None:
    assert spread([4.70, 4.66, 4.66], 0.3) == pytest.approx([14.02 / 3 + 0.3, 14.02 / 3, 14.02 / 3 - 0.3])
    assert spread([], 0.3) == []


def test_there_is_no_plot_without_values(tmp_path) -> None:  # type: ignore[no-untyped-def]
    run = RunData(tmp_path)
    assert loss_plot(run) is schedule_plot(run) is speed_plot(run) is None
    run.train = [{"step": 1, "loss": 2.0, "share_of_peak": None, "tokens_per_second": 5}]
    assert loss_plot(run) is not None  # a single point is a plot
    drawn = speed_plot(run)
    assert [trace.name for trace in drawn.data] == ["tokens per second"]  # no empty panel for the missing share


def test_validation_alone_gives_the_bits_on_hover(tmp_path) -> None:  # type: ignore[no-untyped-def]
    run = RunData(tmp_path, validation=[{"step": 5, "loss": 4.0, "bits_per_byte": 1.5}])
    (trace,) = loss_plot(run).data
    assert list(trace.customdata) == [1.5]


def test_milestones_are_denser_early_and_keep_the_ends() -> None:
    assert milestones([0, 5, 9]) == [0, 5, 9]
    chosen = milestones(list(range(0, 1001, 10)))
    assert (chosen[0], chosen[-1]) == (0, 1000)
    assert len(chosen) <= 8
    gaps = [b - a for a, b in itertools.pairwise(chosen)]
    assert gaps == sorted(gaps)


def test_loss_at_prefers_the_validation_of_that_step(tmp_path) -> None:  # type: ignore[no-untyped-def]
    run = RunData(tmp_path, train=[{"step": 9, "loss": 3.0}, {"step": 20, "loss": 2.0}])
    assert loss_at(run, 10) == 3.0
    run.validation = [{"step": 10, "loss": 3.5}]
    assert loss_at(run, 10) == 3.5
    assert loss_at(RunData(tmp_path), 10) is None
