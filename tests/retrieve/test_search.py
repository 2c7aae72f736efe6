"""Searching: BM25, cosine, reciprocal rank fusion, and whether anything relevant was found."""

import math

import numpy as np
import pytest
from retrieve_helpers import files_found, tiny_embedder, write_documents

from prosa.core.errors import UserError
from prosa.retrieve import search
from prosa.retrieve.index import update_index
from prosa.retrieve.search import RRF, Index, fuse
from prosa.retrieve.terms import terms

TEXTS = ["o gato preto dorme", "o gato branco corre no quintal", "cachorro corre", "peixe", "gato gato gato peixe"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    update_index(write_documents(folder / "docs"), folder / "index", embedder=tiny_embedder())
    return folder / "index"


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("animals")
    (folder / "docs").mkdir()
    for n, text in enumerate(TEXTS):
        (folder / "docs" / f"{n}.txt").write_text(text, encoding="utf-8")
    update_index(folder / "docs", folder / "index", embedder=tiny_embedder())
    return folder / "index"


def _bm25(query: list[str], k1: float = 1.2, b: float = 0.75) -> list[float]:
    """By the formula (SQLite's idf is Robertson's, without a 1 inside, and never below a millionth)."""
    bodies = [terms(text) for text in TEXTS]
    length = sum(len(body) + 1 for body in bodies) / len(bodies)  # with the title, a number
    scores = []
    for body in bodies:
        score = 0.0
        for term in query:
            n = sum(term in other for other in bodies)
            idf = max(math.log((len(bodies) - n + 0.5) / (n + 0.5)), 1e-6)
            f = body.count(term)
            score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * (len(body) + 1) / length))
        scores.append(score)
    return scores


@pytest.mark.parametrize("question", ["peixe", "cachorro preto", "corre quintal peixe"])
def test_words_are_ranked_by_bm25(animals, question):
    with Index(animals) as index:
        hits = index.search(question).hits
    scores = _bm25(terms(question))
    order = [n for n in sorted(range(5), key=lambda n: (-scores[n], n)) if scores[n] > 0]
    assert [hit.passage.file for hit in hits] == [f"{n}.txt" for n in order]
    assert [hit.score for hit in hits] == pytest.approx([scores[n] for n in order], rel=1e-6)


def test_vectors_are_ranked_by_their_cosine(animals):
    embedder = tiny_embedder()
    with Index(animals) as index:
        hits = index.search("gato preto", by="vectors", embedder=embedder, k=3).hits
    (query, *rows) = embedder.vectors(["gato preto", *TEXTS]).astype(float)
    cosines = np.array(rows) @ query
    order = np.argsort(-cosines)[:3]
    assert [hit.passage.file for hit in hits] == [f"{n}.txt" for n in order]
    assert [hit.score for hit in hits] == pytest.approx(cosines[order], abs=1e-6)


def test_fusion_by_hand():
    assert RRF == 60
    assert fuse([[7, 8, 9], [9, 7]]) == [
        (7, pytest.approx(1 / 61 + 1 / 62)),
        (9, pytest.approx(1 / 63 + 1 / 61)),
        (8, pytest.approx(1 / 62)),
    ]
    assert fuse([[2], [1]]) == [(1, 1 / 61), (2, 1 / 61)]  # of equals the smaller number


def test_both_fuses_the_two_rankings(animals):
    embedder = tiny_embedder()
    with Index(animals) as index:
        ranked = [
            [h.id for h in index.search("gato preto", by=by, embedder=embedder).hits] for by in ("words", "vectors")
        ]
        assert [(h.id, h.score) for h in index.search("gato preto", by="both", embedder=embedder).hits] == fuse(ranked)[
            :5
        ]


@pytest.mark.parametrize(
    ("question", "file"),
    [
        ("FERIAS", "ferias.html"),
        ("férias divididas em períodos", "ferias.html"),
        ("Quando será a auditoria?", "sub/reuniao.md"),
        ("quem paga 1.250,00", "contrato.txt"),
        ("Quanto custa o preço unitário da cadeira?", "contrato.txt"),
        ("cancelar assinatura", "chamados.jsonl"),
        ("reuniao", "sub/reuniao.md"),  # its name and heading
    ],
)
def test_questions_find_their_file_whatever_accents_case_and_forms(made, question, file):
    assert files_found(made, question)[0] == file


def test_a_question_on_another_matter_finds_nothing_relevant_and_says_which_words_are_nowhere(made):
    with Index(made) as index:
        found = index.search("Qual é a capital da França?")
        assert (found.relevant, found.hits, found.missing) == (False, (), ("capital", "França"))
        partly = index.search("multa da França por girassol")
        assert partly.hits
        assert not partly.relevant
        assert index.search("multa por atraso").relevant


def test_what_is_covered_is_the_share_of_the_terms_by_their_rarity(animals):
    with Index(animals) as index:
        hit = index.search("cachorro preto").hits[0]
    idf = math.log(1 + (5 - 1 + 0.5) / 1.5)
    assert hit.covered == pytest.approx(idf / (2 * idf))
    assert not hit.relevant
    assert search.RELEVANT > 0.5


@pytest.mark.parametrize(
    ("question", "how", "message"),
    [
        ("?!", {}, "the question has no words"),
        ("gato", {"by": "vector"}, "vectors"),
        ("gato", {"by": "both"}, "has no vectors"),
        ("gato", {"by": "vectors", "embedder": tiny_embedder(1)}, "has vectors of another model: tiny-0, not tiny-1"),
    ],
)
def test_what_cannot_be_searched_is_told(animals, question, how, message):
    with Index(animals) as index, pytest.raises(UserError, match=message):
        index.search(question, **how)


@pytest.mark.parametrize(
    "question", ['"', "a OR b", "NEAR(a b)", "body:gato", "gato*", "-gato", "^gato", "(gato", "' OR 1=1"]
)
def test_no_question_is_an_expression_of_the_database(animals, question):
    with Index(animals) as index:
        words = [word for word in terms(question) if word == "gat"]
        assert all(hit.covered <= 1 for hit in index.search(question + " gato").hits)
        assert len(index.search(question + " gato").hits) >= 3, words


def test_a_passage_by_its_number_has_what_stands_around_it(made):
    with Index(made) as index:
        hit = next(h for h in index.search("atraso multa").hits if h.passage.file == "contrato.txt")
        passage, before, after = index.passage(hit.id)
        assert passage == hit.passage
        assert before.startswith("CONTRATO DE FORNECIMENTO")
        assert after.startswith("CLÁUSULA SEGUNDA")
        assert index.passage(10**9) is None
        first = min(index._ids)
        assert index.passage(int(first))[1] == ""
