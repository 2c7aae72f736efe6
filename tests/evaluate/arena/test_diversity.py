"""Diversity: by hand, words of Portuguese, and the laws of base against RL."""

import math
import unicodedata

import numpy as np
import pytest

from prosa.core.errors import UserError
from prosa.evaluate.arena.diversity import diversity, diversity_change, words

NAMES = ["words", *(f"{what}-{n}" for n in (1, 2, 3) for what in ("distinct", "entropy", "overlap"))]


def random_samples(prompts, vocabulary, generator, prefix=""):
    return {
        f"{prefix}{p}": [" ".join(f"w{w}" for w in generator.integers(0, vocabulary, 12)) for _ in range(4)]
        for p in range(prompts)
    }


def values(estimates):
    return {name: estimate.value for name, estimate in estimates.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("O gato viu o GATO.", ["o", "gato", "viu", "o", "gato"]),
        ("Não é: e, à, a!", ["não", "é", "e", "à", "a"]),
        ("Disse-me: — o guarda-chuva d'água d’água", ["disse-me", "o", "guarda-chuva", "d'água", "d’água"]),
        ("Custa R$ 3,50, ou 1.234,5; em 2024, 7.", ["custa", "r", "3,50", "ou", "1.234,5", "em", "2024", "7"]),
        ("na pelo – fim- -fim", ["na", "pelo", "fim", "fim"]),
        (unicodedata.normalize("NFD", "Ação"), ["ação"]),
        ("… !", []),
    ],
)
def test_words_of_portuguese(text, expected):
    assert words(text) == expected


def test_every_figure_by_hand():
    found = values(diversity({"p": ["o gato e o rato", "o gato"]}))
    assert list(found) == NAMES
    assert found["words"] == 7 / 2
    assert found["distinct-1"] == pytest.approx(4 / 7)  # o, gato, e, rato
    assert found["distinct-2"] == pytest.approx(4 / 7)  # o gato (twice), gato e, e o, o rato
    assert found["distinct-3"] == pytest.approx(3 / 7)
    p = np.array([3, 2, 1, 1]) / 7
    assert found["entropy-1"] == pytest.approx(-(p * np.log2(p)).sum())
    assert found["entropy-3"] == pytest.approx(math.log2(3))
    assert found["overlap-1"] == pytest.approx(2 / 4)
    assert found["overlap-2"] == pytest.approx(1 / 4)
    assert found["overlap-3"] == 0


def test_over_prompts_distinct_is_the_ratio_of_sums_and_entropy_the_mean():
    found = values(diversity({"p": ["a a a a a a", "a a a a a a"], "q": ["b c", "d e"]}))
    assert found["distinct-1"] == pytest.approx((1 + 4) / (12 + 4))
    assert found["entropy-1"] == pytest.approx((0 + 2) / 2)
    assert found["overlap-1"] == pytest.approx((1 + 0) / 2)
    assert found["words"] == 16 / 4


def test_overlap_is_over_pairs_of_samples():
    found = values(diversity({"p": ["a", "a", "b"], "q": ["c", "c"]}))
    assert found["overlap-1"] == pytest.approx((1 + 0 + 0 + 1) / 4)


def test_one_sample_a_prompt_has_no_overlap():
    assert list(diversity({"p": ["a b"], "q": ["c"]})) == [name for name in NAMES if not name.startswith("overlap")]


def test_empty_samples_are_alike_and_count():
    found = values(diversity({"p": ["", "..."], "q": ["a", "a"]}))
    assert found["overlap-1"] == 1
    assert found["words"] == 0.5
    assert found["entropy-1"] == 0


def test_the_order_of_samples_and_prompts_is_no_matter():
    samples = random_samples(5, 9, np.random.default_rng(6))
    turned = {id: texts[::-1] for id, texts in reversed(samples.items())}
    assert values(diversity(turned)) == pytest.approx(values(diversity(samples)))
    assert diversity(turned)["entropy-1"].interval == pytest.approx(diversity(samples)["entropy-1"].interval)


def test_intervals_hold_the_figure_and_narrow_with_prompts():
    few, many = (diversity(random_samples(n, 30, np.random.default_rng(1))) for n in (10, 160))
    for name in NAMES:
        assert few[name].interval[0] <= few[name].value <= few[name].interval[1]
        if name != "words":
            assert np.ptp(many[name].interval) < 0.5 * np.ptp(few[name].interval)
    assert few["words"].interval == pytest.approx((12, 12))


def test_the_interval_of_the_mean_is_that_of_the_central_limit():
    samples = random_samples(100, 30, np.random.default_rng(2))
    each = [values(diversity({id: texts}))["entropy-1"] for id, texts in samples.items()]
    found = diversity(samples)["entropy-1"]
    assert found.value == pytest.approx(np.mean(each))
    assert np.ptp(found.interval) == pytest.approx(2 * 1.96 * np.std(each) / 10, rel=0.15)


def test_a_model_that_repeats_itself_has_lost_diversity():
    generator = np.random.default_rng(3)
    base, rl = random_samples(60, 40, generator), random_samples(60, 12, generator)
    change = diversity_change(base, rl)
    assert list(change) == NAMES
    assert change["distinct-1"].interval[1] < 0
    assert change["entropy-2"].interval[1] < 0
    assert change["overlap-1"].interval[0] > 0
    assert change["words"].value == 0
    back = diversity_change(rl, base)
    for name in NAMES:
        assert back[name].value == pytest.approx(-change[name].value)
        assert back[name].interval == pytest.approx((-change[name].interval[1], -change[name].interval[0]))


def test_the_change_is_paired():
    """Prompts differ much in diversity, the two models little and always the same way: the difference is sure."""
    base = {str(p): [" ".join(f"w{i % (p + 2)}" for i in range(60))] for p in range(50)}
    rl = {id: [text + " " + text.split()[0]] for id, [text] in base.items()}  # one word more, and none that is new
    change, alone = diversity_change(base, rl)["distinct-1"], diversity(base)["distinct-1"]
    assert change.interval[1] < 0
    assert np.ptp(change.interval) < 0.1 * np.ptp(alone.interval)
    assert all(e.value == 0 and e.interval == (0, 0) for e in diversity_change(base, base).values())


@pytest.mark.parametrize(
    ("samples", "what"),
    [({}, "no word"), ({"p": ["", "?"]}, "no word"), ({"p": ["a"], "q": []}, "'q' has no sample")],
)
def test_samples_without_words(samples, what):
    with pytest.raises(UserError, match=what):
        diversity(samples)


def test_prompts_that_are_not_the_same():
    with pytest.raises(UserError, match="2 prompts have samples of one model only, the first is 'p'"):
        diversity_change({"p": ["a"], "r": ["b"]}, {"q": ["a"], "r": ["b"]})
