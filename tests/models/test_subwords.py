"""Subwords: the n-grams and the hash are fastText's, as gensim has them."""

import pytest
import torch
from gensim.models.fasttext_inner import compute_ngrams, ft_hash_bytes

from prosa.models.subwords import Parts, Subwords, fnv1a, ngrams_of


@pytest.mark.parametrize("word", ["a", "rei", "where", "cantávamos", "coração", "água", "日本", "guarda-chuva"])
def test_ngrams_and_hash_are_those_of_fasttext(word):
    assert sorted(ngrams_of(word, 3, 6)) == sorted(compute_ngrams(word, 3, 6))
    assert all(fnv1a(gram) == ft_hash_bytes(gram.encode()) for gram in ngrams_of(word))


def test_known_values():
    assert ngrams_of("where", 3, 3) == ["<wh", "whe", "her", "ere", "re>"]  # of the paper
    assert ngrams_of("eu", 1, 2) == ["<e", "e", "eu", "u", "u>"]
    assert fnv1a("") == 2166136261
    assert fnv1a("a") == 0xE40C292C  # of the FNV test vectors
    assert fnv1a("foobar") == 0xBF9CF968


def test_a_word_is_the_mean_of_its_rows():
    subwords = Subwords(3, 4, 50)
    parts = Parts(["rei", "rainha", "a"], subwords)
    table = torch.randn(parts.rows, 5)
    for id, word in enumerate(["rei", "rainha", "a"]):
        rows = [id, *(3 + b for b in subwords.buckets_of(word))]
        assert parts.flat(torch.tensor([id]))[0].tolist() == rows
        assert torch.allclose(parts.mean(table, torch.tensor([2, id, 0]))[1], table[rows].mean(0), atol=1e-6)


def test_occurrences_of_rows():
    subwords = Subwords(3, 3, 1)
    assert Parts(["rei", "o"], subwords).occurrences([5, 2]).tolist() == [5, 2, 5 * 3 + 2]  # <re rei ei>, <o>
