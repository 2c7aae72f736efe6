"""Kneser-Ney against a slow dictionary implementation, published figures, and the laws of probability."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prosa.core.errors import UserError
from prosa.models.ngram import KneserNey, Unigram, count_ngrams, ngrams, uniform

V_GPT2 = 50257
VERDICT = json.loads((Path(__file__).parent / "samples" / "verdict-gpt2.json").read_text(encoding="utf-8"))
TRAIN, VALIDATION = VERDICT["train"], VERDICT["validation"]
TARGETS = VALIDATION[1:513]  # two windows of 256, stride 256, targets one to the right


class SlowKneserNey:
    """The formulas of the module's docstring, written with dictionaries of tuples."""

    def __init__(self, documents, order, V, discounts, end_of_text=None, types=None, plain_middle=False):
        mark = [] if end_of_text is None else [end_of_text]
        documents = [mark + list(d) + mark for d in documents if len(d)]
        self.V, self.order, self.D, self.types = V, order, discounts, types
        seen = [Counter(g for d in documents for g in ngrams(d, k)) for k in range(1, order + 1)]
        if mark:
            seen[0][end_of_text,] -= len(documents)
        self.c = []
        for k in range(1, order + 1):
            if k == order or (plain_middle and k > 1):
                self.c.append(seen[k - 1])
            else:
                count = Counter(g[1:] for g in seen[k])
                if mark and k > 1:
                    count.update(tuple(d[:k]) for d in documents if len(d) >= k)
                self.c.append(count)
        self.total = [Counter() for _ in range(order)]
        self.distinct = [Counter() for _ in range(order)]
        for k, counts in enumerate(self.c):
            for gram, c in counts.items():
                self.total[k][gram[:-1]] += c
                self.distinct[k][gram[:-1]] += c > 0

    def p(self, w, history):
        history, result = tuple(history), 1 / self.V
        for k in range(1, self.order + 1):
            h = history[len(history) - k + 1 :]
            total = self.total[k - 1][h]
            if len(h) < k - 1 or total == 0:
                continue
            distinct = self.types if k == 1 and self.types else self.distinct[k - 1][h]
            D = self.D[k - 1]
            result = max(self.c[k - 1][(*h, w)] - D, 0) / total + D * distinct / total * result
        return result

    def nats(self, ids, history=()):
        text = [*history, *ids]
        return [-math.log(self.p(text[i], text[max(0, i - 6) : i])) for i in range(len(history), len(text))]


def test_portuguese_ngrams():
    text = "Ser ou não ser"
    assert len(list(ngrams(text, 2))) == 13
    assert len(set(ngrams(text, 2))) == 12
    assert len(set(ngrams(text.casefold(), 2))) == 11
    assert list(ngrams(text.split(), 1)) == [("Ser",), ("ou",), ("não",), ("ser",)]
    assert list(ngrams([1, 2], 3)) == []
    with pytest.raises(ValueError, match="at least 1"):
        ngrams("x", 0)


def test_the_verdict_simple_baselines():
    assert (len(TRAIN), len(VALIDATION), len(TARGETS)) == (4612, 534, 512)
    assert sum(w not in set(TRAIN) for w in TARGETS) == 58
    counts = np.bincount(TRAIN, minlength=V_GPT2)
    assert -uniform(V_GPT2).log_probs(TARGETS).mean() == pytest.approx(10.825, abs=5e-4)
    assert -Unigram(counts, add=0.01).log_probs(TARGETS).mean() == pytest.approx(6.613, abs=5e-4)


@pytest.mark.parametrize(("order", "ours", "published"), [(2, 5.7047, 5.700), (3, 5.7201, 5.723), (5, 5.7351, None)])
def test_the_verdict_kneser_ney(order, ours, published):
    model = KneserNey(order, V_GPT2).fit([TRAIN])
    found = -model.log_probs(TARGETS, VALIDATION[:1]).mean()
    assert found == pytest.approx(ours, abs=5e-5)
    if published:
        assert found == pytest.approx(published, abs=5e-3)


@pytest.mark.parametrize(("order", "published"), [(2, 5.700), (3, 5.723)])
def test_the_published_figures_count_the_unseen_types_of_the_validation_text(order, published):
    """To the last digit they need D · (1,360 training types + the 54 new ones among the targets) as the lowest order's
    free mass (it then sums to 1.012) and plain counts in the middle order. Prosa's distributions sum to 1."""
    types = len(set(TRAIN)) + len(set(TARGETS) - set(TRAIN))
    slow = SlowKneserNey([TRAIN], order, V_GPT2, (0.75,) * order, types=types, plain_middle=True)
    assert types == 1414
    assert np.mean(slow.nats(TARGETS, VALIDATION[:1])) == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize("end_of_text", [None, 0])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6, 7])
def test_equals_the_slow_implementation(order, end_of_text):
    generator = np.random.default_rng(order)
    documents = [generator.choice(np.arange(1, 7), size=n, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.05]) for n in (40, 1, 0, 90)]
    documents.append(documents[0][:7])  # begins as the first one does
    discounts = (0.6, 0.8, 0.7, 0.9, 0.95, 0.5, 1.0)[:order]
    V = 9
    fast = KneserNey(order, V, discount=discounts, end_of_text=end_of_text).fit(documents)
    slow = SlowKneserNey([d.tolist() for d in documents], order, V, discounts, end_of_text)
    text = [*documents[0][:20].tolist(), 8, 8, 1, 2, 1, 0, 3]
    for history in ([], [0], [7, 2], documents[3][:6].tolist()):
        np.testing.assert_allclose(-fast.log_probs(text, history), slow.nats(text, history), rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    documents=st.lists(st.lists(st.integers(1, 4), max_size=12), min_size=1, max_size=4).filter(any),
    history=st.lists(st.integers(0, 5), max_size=6),
    order=st.integers(1, 7),
    marked=st.booleans(),
)
def test_distributions_sum_to_one_and_agree_with_log_probs(documents, history, order, marked):
    model = KneserNey(order, 6, end_of_text=0 if marked else None).fit(documents)
    p = model.next_distribution(history)
    assert p.shape == (6,)
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert (p > 0).all()
    np.testing.assert_allclose([model.log_probs([w], history)[0] for w in range(6)], np.log(p), rtol=1e-12)


def test_next_distribution_sums_to_one_on_a_real_text():
    model = KneserNey(3, V_GPT2).fit([TRAIN])
    for history in ([], TRAIN[:1], TRAIN[100:102], [0, 1], [0, TRAIN[7]], TRAIN[-2:]):
        assert model.next_distribution(history).sum() == pytest.approx(1, abs=1e-10)


def test_by_hand_a_bigram_of_six_tokens():
    """0 1 0 1 0 2: bigrams 01 ×2, 10 ×2, 02. Continuations: 0 after {1}, 1 after {0}, 2 after {0}."""
    model = KneserNey(2, 4, discount=0.5).fit([[0, 1, 0, 1, 0, 2]])
    lowest = (1 - 0.5) / 3 + 0.5 * 3 / 3 / 4
    after_0 = [1 / 3 * lowest, (2 - 0.5) / 3 + 1 / 3 * lowest, (1 - 0.5) / 3 + 1 / 3 * lowest, 1 / 3 * 0.125]
    np.testing.assert_allclose(model.next_distribution([0]), after_0)
    np.testing.assert_allclose(model.next_distribution([2]), [lowest, lowest, lowest, 0.125])  # 2 has no successor


def test_no_ngram_crosses_documents():
    together = KneserNey(2, 5, end_of_text=4).fit([[0, 1], [2, 3]])
    swapped = KneserNey(2, 5, end_of_text=4).fit([[2, 3], [0, 1]])
    np.testing.assert_array_equal(together.next_distribution([1]), swapped.next_distribution([1]))
    p = together.next_distribution([4])  # after the mark: only what began documents
    assert p[0] == p[2] > p[1] == p[3]
    assert together.next_distribution([1]).argmax() == 4  # "1" only ever ended a document
    assert count_ngrams([[0, 1], [2, 3]], 2, 5, 4).raw[0].tolist() == [1, 1, 1, 1, 2]  # only the final marks


def test_counts_can_be_shared_between_orders():
    counts = count_ngrams([TRAIN], 5, V_GPT2)
    for order in (1, 2, 4):
        shared = KneserNey(order, V_GPT2).fit(counts).log_probs(TARGETS)
        np.testing.assert_array_equal(shared, KneserNey(order, V_GPT2).fit([TRAIN]).log_probs(TARGETS))
    with pytest.raises(ValueError, match="order 2"):
        KneserNey(3, V_GPT2).fit(count_ngrams([TRAIN], 2, V_GPT2))


def test_one_document_needs_no_list_around_it():
    expected = KneserNey(2, 9).fit([[1, 2, 1, 3]]).next_distribution([1])
    for ids in ([1, 2, 1, 3], np.array([1, 2, 1, 3]), np.array([[1, 2, 1, 3]]), iter([[1, 2, 1, 3]])):
        np.testing.assert_array_equal(KneserNey(2, 9).fit(ids).next_distribution([1]), expected)
    with pytest.raises(ValueError, match="row of integers"):
        KneserNey(2, 9).fit(iter([1, 2]))


def test_small_dtypes_do_not_overflow():
    wide = KneserNey(5, V_GPT2).fit([TRAIN]).log_probs(TARGETS)
    narrow = KneserNey(5, V_GPT2).fit([np.array(TRAIN, dtype=np.uint16)]).log_probs(np.array(TARGETS, np.uint16))
    np.testing.assert_array_equal(wide, narrow)


def test_the_chain_rule_in_logarithms_does_not_underflow():
    """Of ten equally likely tokens 400 have probability 1e-400: no float64, but 400 ln 10 nats."""
    model = KneserNey(3, 10).fit(np.random.default_rng(0).permutation(np.repeat(np.arange(10), 40)))
    evenly = uniform(10).log_probs(np.zeros(400, int))
    assert np.prod(np.exp(evenly)) == 0
    assert evenly.sum() == pytest.approx(-400 * math.log(10))
    text = np.arange(400) % 10
    by_hand = sum(math.log(model.next_distribution(text[max(0, i - 2) : i])[w]) for i, w in enumerate(text))
    assert np.prod(np.exp(model.log_probs(text))) == 0
    assert model.log_probs(text).sum() == pytest.approx(by_hand)
    assert math.isfinite(by_hand)


def test_generate():
    cycle = KneserNey(3, 1000, end_of_text=999).fit([[1, 2, 3, 1, 2, 3, 1, 2, 3]])
    assert cycle.generate([1], max_tokens=5, temperature=0).tolist() == [2, 3, 1, 2, 3]
    assert cycle.generate(max_tokens=3, temperature=0).tolist() == [1, 2, 3]
    model = KneserNey(3, V_GPT2).fit([TRAIN])
    again = [model.generate(TRAIN[:2], max_tokens=20, seed=s).tolist() for s in (7, 7, 8)]
    assert again[0] == again[1] != again[2]
    assert len(again[0]) == 20
    one = KneserNey(2, 3, end_of_text=2).fit([[0], [0], [0]] * 50)  # every document is "0"
    lengths = [len(one.generate(max_tokens=50, seed=s)) for s in range(20)]
    assert np.mean(lengths) < 2  # stops at the mark, which is not among the tokens


def test_sampling_follows_the_distribution():
    model = KneserNey(2, 4, discount=0.5).fit([[0, 1, 0, 1, 0, 2]])
    drawn = Counter(int(model.generate([0], max_tokens=1, seed=s)[0]) for s in range(4000))
    expected = model.next_distribution([0])
    for token in range(4):
        assert drawn[token] / 4000 == pytest.approx(expected[token], abs=0.03)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KneserNey(8, 9).fit([[1]]), "order 8"),
        (lambda: KneserNey(2, 9, discount=0), "discount 0"),
        (lambda: KneserNey(2, 9, discount=(0.5, 0.5, 0.5)), "2 from order 1"),
        (lambda: KneserNey(2, 9).fit([]), "no training tokens"),
        (lambda: KneserNey(2, 9, end_of_text=0).fit([[], []]), "no training tokens"),
        (lambda: KneserNey(2, 9).fit([[1, 9]]), "token id 9 is outside"),
        (lambda: KneserNey(2, 9).fit([[1, 2]]).log_probs([-1]), "token id -1"),
        (lambda: uniform(5).log_probs([5]), "token id 5"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(UserError, match=message):
        call()
