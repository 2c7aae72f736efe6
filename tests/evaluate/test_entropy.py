"""The entropy of a text by Markov order: by hand, by its laws, and against a count with dictionaries."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from prosa.evaluate.entropy import conditional_entropy, entropy_by_order
from prosa.models.ngram import KneserNey, count_ngrams, ngrams

SHAKE = [list(f"to be or not to be that is the question {i % 7} whether tis nobler ".encode()) for i in range(20)]


def slow(documents, n):
    """H(n-gram) - H(its first n - 1 tokens), of the n-grams themselves."""
    grams = Counter(g for d in documents for g in ngrams(d, n))
    histories = Counter()
    for gram, c in grams.items():
        histories[gram[:-1]] += c
    total = sum(grams.values())

    def entropy(counts):
        return -sum(c / total * math.log2(c / total) for c in counts.values())

    return entropy(grams) - entropy(histories)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_conditional_entropy_is_the_difference_of_two_entropies(n):
    assert conditional_entropy(count_ngrams(SHAKE, 7, 256), n) == pytest.approx(slow(SHAKE, n), abs=1e-12)


def test_a_fair_coin_has_one_bit_and_a_cycle_none():
    coin = np.random.default_rng(0).integers(0, 2, 200_000)
    counts = count_ngrams([coin], 4, 2)
    for n in (1, 2, 3, 4):
        assert conditional_entropy(counts, n) == pytest.approx(1, abs=1e-3)
    cycle = count_ngrams([np.arange(800) % 8], 3, 8)
    assert conditional_entropy(cycle, 1) == pytest.approx(3)
    assert conditional_entropy(cycle, 2) == conditional_entropy(cycle, 3) == 0


def test_a_markov_source_is_found_at_its_order():
    """Each bit is the exclusive or of the two before it, flipped with probability .1: orders below 2 see nothing."""
    generator = np.random.default_rng(1)
    bits = [0, 1]
    for flip in (generator.random(60_000) < 0.1).astype(int):
        bits.append(bits[-1] ^ bits[-2] ^ int(flip))
    train, held_out = np.array(bits[:50_000]), np.array(bits[50_000:])
    rows = entropy_by_order(
        count_ngrams([train], 5, 2), [held_out], characters=1, n_bytes=len(held_out), end_of_text=None
    )
    noise = -(0.1 * math.log2(0.1) + 0.9 * math.log2(0.9))
    assert [row.order for row in rows] == [0, 1, 2, 3, 4]
    for row in rows:
        expected = 1 if row.order < 2 else noise
        assert row.train_bits == pytest.approx(expected, abs=0.02)
        assert row.held_out_bits == pytest.approx(expected, abs=0.03)
        assert row.bits_per_byte == row.held_out_bits  # a byte a token here
        assert row.distinct == 2 ** (row.order + 1)
        assert row.seen == 1


def test_figures_by_hand():
    """Training <e> a b a <e>; held out "a c": with the mark, ea was seen, ac was not, nor eac."""
    a, b, c, e = range(4)
    rows = entropy_by_order(
        count_ngrams([[a, b, a]], 3, 4, e), [np.array([a, c])], characters=4, n_bytes=5, end_of_text=e
    )
    assert [row.distinct for row in rows] == [3, 4, 3]  # a b e; ea ab ba ae; eab aba bae
    assert [row.seen for row in rows] == [0.5, 0.5, 0.0]
    assert rows[0].train_bits == pytest.approx(1.5)  # a a b e
    assert rows[1].train_bits == pytest.approx(0.5)  # after a: b or e; after e and b: a
    assert rows[2].train_bits == 0
    expected = -KneserNey(2, 4, end_of_text=e).fit([[a, b, a]]).log_probs([a, c], [e]).sum() / math.log(2)
    assert rows[1].held_out_bits == pytest.approx(expected / 2)
    assert rows[1].bits_per_character == pytest.approx(expected / 4)
    assert rows[1].bits_per_byte == pytest.approx(expected / 5)


def test_the_training_entropy_falls_with_every_order():
    """Conditioning on more never raises the entropy (up to the few n-grams at each document's beginning)."""
    text = np.concatenate(SHAKE)
    rows = [conditional_entropy(count_ngrams([text], 7, 256), n) for n in range(1, 8)]
    assert all(later <= earlier + 1e-3 for earlier, later in pairwise(rows))
