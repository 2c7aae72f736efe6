import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prosa.core.errors import UserError
from prosa.data.mixing import MAX_SAMPLE, Mixture, check_weights, implied_epochs, normalize

GPT3_TOKENS = [410_000_000_000, 19_000_000_000, 12_000_000_000, 55_000_000_000, 3_000_000_000]
GPT3_WEIGHTS = [60, 22, 8, 8, 3]


def test_epochs_that_gpt3s_weights_imply() -> None:
    as_printed = implied_epochs(GPT3_TOKENS, [weight / 100 for weight in GPT3_WEIGHTS], 300e9)
    assert [round(e, 3) for e in as_printed] == [0.439, 3.474, 2.000, 0.436, 3.000]
    normalized = implied_epochs(GPT3_TOKENS, normalize(GPT3_WEIGHTS), 300e9)
    assert normalized == pytest.approx([e / 1.01 for e in as_printed])
    assert sum(normalize(GPT3_WEIGHTS)) == pytest.approx(1)


@pytest.mark.parametrize("scale", [1, 0.01, 7])
def test_proportions_are_exact_over_a_period_anywhere(scale: float) -> None:
    mixture = Mixture([round(weight * scale, 6) for weight in GPT3_WEIGHTS])
    period = 101 * 41 * 19 * 11
    for start in (0, 5 * period, 10**6 * period):
        drawn = mixture.counts(start + period) - mixture.counts(start)
        assert drawn.tolist() == [period * w // 101 for w in GPT3_WEIGHTS]


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 1000) | st.floats(0.01, 100), min_size=1, max_size=7),
    st.integers(0, MAX_SAMPLE - 300),
)
def test_counts_follow_the_choices_and_stay_near_the_shares(weights: list[float], start: int) -> None:
    mixture = Mixture(weights)
    i = np.arange(start, start + 300)
    source, index = mixture.sample(i)
    tally = mixture.counts(start)
    assert int(tally.sum()) == start
    for k, j in zip(source, index, strict=True):  # sample by sample: each source's samples come in order, none skipped
        assert j == tally[k]
        tally[k] += 1
    assert tally.tolist() == mixture.counts(start + 300).tolist()
    # shares that are no small fractions are kept to one in 2^40; below 2^30 samples only the rounding of splits remains
    if start < 2**30:
        shares = np.array(normalize(weights))
        assert np.all(np.abs(mixture.counts(i) - i[:, None] * shares) < len(weights) + 1)


def test_sources_alternate_evenly() -> None:
    source, index = Mixture([1, 1]).sample(np.arange(6))
    assert source.tolist() == [1, 0, 1, 0, 1, 0]
    assert index.tolist() == [0, 0, 1, 1, 2, 2]
    source, _ = Mixture([3, 1]).sample(np.arange(400))
    assert [int((source[s : s + 4] == 0).sum()) for s in range(0, 400, 4)] == [3] * 100


def test_one_source_takes_all() -> None:
    source, index = Mixture([0.3]).sample([0, 5, 10**12])
    assert source.tolist() == [0, 0, 0]
    assert index.tolist() == [0, 5, 10**12]


def test_bad_weights_are_refused() -> None:
    for weight in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UserError, match="'contos'"):
            check_weights([1, weight], ["leis", "contos"])
        with pytest.raises(ValueError):
            Mixture([1, weight])
    with pytest.raises(ValueError):
        Mixture([1]).counts(MAX_SAMPLE + 1)
    with pytest.raises(ValueError):
        Mixture([1]).counts(-1)
