import random

import numpy as np
from corpus_helpers import prose, words

from prosa.corpus.document import Document
from prosa.corpus.duplicates import PERMUTATIONS, Duplicates, rows_for, signature, similarity
from prosa.corpus.rules import Words


def shingles(text: str) -> set[tuple[str, ...]]:
    pieces = text.lower().replace(".", " ").split()
    return {tuple(pieces[i : i + 5]) for i in range(len(pieces) - 4)}


def jaccard(a: str, b: str) -> float:
    one, two = shingles(a), shingles(b)
    return len(one & two) / len(one | two)


def edited(text: str, edits: int, seed: int) -> str:
    pieces = text.split(" ")
    for at in random.Random(seed).sample(range(len(pieces)), edits):
        pieces[at] = f"novo{at}"
    return " ".join(pieces)


def found(index: Duplicates, text: str) -> bool:
    return index.find(Document(text, "").id, signature(Words(text))) is not None


def test_the_estimate_is_the_jaccard_similarity_within_its_standard_error():
    errors = []
    for seed in range(120):
        a = prose(400, seed)
        b = edited(a, 1 + seed % 40, seed)
        true = jaccard(a, b)
        errors.append(
            (similarity(signature(Words(a)), signature(Words(b))) - true) / np.sqrt(true * (1 - true) / PERMUTATIONS)
        )
    assert abs(np.mean(errors)) < 0.35  # unbiased: its own standard error is 0.09
    assert 0.7 < np.std(errors) < 1.3


def test_rows_find_99_percent_at_the_threshold():
    for threshold in (0.5, 0.7, 0.8, 0.9, 0.95):
        rows = rows_for(threshold)
        assert PERMUTATIONS % rows == 0
        assert 1 - (1 - threshold**rows) ** (PERMUTATIONS // rows) >= 0.99
    assert rows_for(0.8) == 6


def test_recall_and_precision_on_constructed_pairs():
    index = Duplicates(0.8)
    texts = [prose(400, seed) for seed in range(200)]
    for n, text in enumerate(texts):
        assert not found(index, text)
        index.add(Document(text, "").id, signature(Words(text)), f"text {n}")
    near = [edited(text, 4, n) for n, text in enumerate(texts)]
    far = [edited(text, 30, n) for n, text in enumerate(texts)]
    assert min(jaccard(a, b) for a, b in zip(texts, near, strict=True)) > 0.88
    assert max(jaccard(a, b) for a, b in zip(texts, far, strict=True)) < 0.68
    assert sum(found(index, text) for text in near) >= 198
    assert sum(found(index, text) for text in far) == 0


def test_says_what_it_repeats():
    index = Duplicates(0.8)
    text = prose(300, 1)
    index.add(Document(text, "").id, signature(Words(text)), "livro.txt")
    assert index.find(Document(text, "").id, b"") == ("exact_duplicates", "same as livro.txt")
    rule, why = index.find("0" * 16, signature(Words(edited(text, 2, 0)))) or ("", "")
    assert rule == "near_duplicates"
    assert why.endswith("% the same as livro.txt")


def test_case_and_punctuation_do_not_hide_a_duplicate():
    text = prose(200, 5)
    assert similarity(signature(Words(text)), signature(Words(text.upper().replace(".", " !")))) == 1


def test_short_texts_and_texts_without_words():
    assert signature(Words("!!! ???")) == b""
    assert similarity(signature(Words("um dois três")), signature(Words("Um, dois, três."))) == 1
    assert similarity(signature(Words("um dois três")), signature(Words("um dois quatro"))) < 0.1
    index = Duplicates(0.8)
    index.add("0" * 16, b"", "a")
    index.add("1" * 16, signature(Words("um dois três")), "b")
    assert index.nearest(signature(Words("um dois três"))) == (1, 1.0)
    assert index.nearest(b"") is None


def test_a_threshold_of_one_drops_equal_texts_only():
    index = Duplicates(1.0)
    text = prose(100, 1)
    index.add(Document(text, "").id, signature(Words(text)), "a")
    assert found(index, text)
    assert not found(index, text + " fim")


def test_n_grams_are_hashes_of_word_order():
    a = Words(" ".join(words(50, 3)))
    assert len(np.unique(a.ngrams(5))) == 46
    assert len(Words("a b c").ngrams(5)) == 1
    assert Words("a b c d e x").ngrams(5)[0] != Words("a b c e d x").ngrams(5)[0]
    assert Words("a b c d e").ngrams(5)[0] == Words("z a b c d e").ngrams(5)[1]
