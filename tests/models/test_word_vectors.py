"""Neighbours and files as gensim has them, both ways; words without a vector; damaged files."""

import numpy as np
import pytest
from gensim.models import KeyedVectors

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.models.subwords import Subwords
from prosa.models.word_vector_files import read_vectors, write_vectors
from prosa.models.word_vectors import WordVectors, load_vectors

WORDS = ["rei", "rainha", "homem", "mulher", "ação", "guarda-chuva", "日本", *(f"w{n}" for n in range(200))]


@pytest.fixture
def vectors():
    return WordVectors(WORDS, np.random.default_rng(0).normal(size=(len(WORDS), 12)).astype(np.float32))


@pytest.mark.parametrize("suffix", [".txt", ".bin"])
def test_gensim_opens_ours_and_we_open_gensims(tmp_path, vectors, suffix):
    ours, theirs, binary = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}", suffix == ".bin"
    write_vectors(ours, vectors.words, vectors.vectors)
    opened = KeyedVectors.load_word2vec_format(str(ours), binary=binary)
    assert opened.index_to_key == WORDS
    assert (opened.vectors == vectors.vectors).all()
    opened.save_word2vec_format(str(theirs), binary=binary)
    again = read_vectors(theirs)
    assert again.words == WORDS
    assert (again.vectors == vectors.vectors).all()


def test_neighbours_and_analogies_as_gensim(tmp_path, vectors):
    theirs = KeyedVectors(12)
    theirs.add_vectors(WORDS, vectors.vectors)
    for plus, minus in ((["rei"], []), (["rei", "mulher"], ["homem"]), (["w3", "ação", "w9"], ["w7", "w8"])):
        expected = theirs.most_similar(positive=plus, negative=minus, topn=20)
        found = vectors.nearest(plus, minus, k=20)
        assert [n.word for n in found] == [word for word, _ in expected]
        assert [n.cosine for n in found] == pytest.approx([cosine for _, cosine in expected], abs=1e-5)


def test_among_keeps_to_frequent_words(vectors):
    assert {n.word for n in vectors.nearest(["w100"], k=50, among=5)} == set(WORDS[:5])
    assert len(vectors.nearest(["rei"], k=50, among=5)) == 4


@pytest.mark.parametrize(
    ("word", "near"), [("acao", "ação"), ("rainnha", "rainha"), ("Reii", "rei"), ("omem", "homem")]
)
def test_an_unknown_word_names_the_nearest_spelling(vectors, word, near):
    with speaking("en"), pytest.raises(UserError, match=f"Did you mean '{near}'"):
        vectors.nearest([word])


def test_case_is_forgiven(vectors):
    assert vectors.nearest(["Rei"], k=3) == vectors.nearest(["rei"], k=3)


def test_with_subwords_an_unseen_word_has_a_vector(vectors):
    subwords = Subwords(3, 4, 30)
    grams = np.random.default_rng(1).normal(size=(30, 12)).astype(np.float32)
    with_parts = WordVectors(WORDS, vectors.vectors, subwords=subwords, grams=grams)
    expected = np.mean([grams[b] for b in subwords.buckets_of("reizinho")], axis=0)
    assert with_parts.vector("Reizinho") == pytest.approx(expected)
    assert len(with_parts.nearest(["reizinho"], k=4)) == 4


def test_a_folder_gives_back_what_was_saved(tmp_path, vectors):
    grams = np.ones((30, 12), np.float32)
    made = WordVectors(WORDS, vectors.vectors, counts=np.arange(len(WORDS)), subwords=Subwords(2, 5, 30), grams=grams)
    made.save(tmp_path / "v")
    back = load_vectors(tmp_path / "v")
    assert back.words == WORDS
    assert (back.vectors == vectors.vectors).all()
    assert back.subwords == Subwords(2, 5, 30)
    assert back.counts.tolist() == list(range(len(WORDS)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"2 3\nrei 1 2 3\nrainha 1 2\n", "line 3: expected a word and 3 numbers"),
        ("a.txt", b"3 3\nrei 1 2 3\nrainha 1 2 3\n", "announces 3 words and holds 2"),
        ("a.txt", b"isto nao sao vetores\n", "line 1: expected a word"),
        ("a.txt", b"", "holds no vector"),
        ("a.bin", b"2 3\nrei " + b"\0" * 12 + b"\nrainha \0\0", "announces 2 words and holds 1"),
        ("a.bin", b"rei 1 2 3\n", "does not begin with two numbers"),
        ("missing.vec", None, "is not a file"),
    ],
)
def test_what_is_no_vector_file_is_named(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with speaking("en"), pytest.raises(UserError, match=message):
        read_vectors(tmp_path / name)


def test_gloves_files_have_no_first_line(tmp_path):
    (tmp_path / "g.txt").write_text("rei 1 2\nrainha 3 4\nrei 9 9\n")
    found = read_vectors(tmp_path / "g.txt")
    assert found.words == ["rei", "rainha"]
    assert found.vectors.tolist() == [[1, 2], [3, 4]]


def test_a_word_with_a_space_is_refused(tmp_path):
    with speaking("en"), pytest.raises(UserError, match="has white space"):
        write_vectors(tmp_path / "a.txt", ["São Paulo"], np.zeros((1, 2), np.float32))
