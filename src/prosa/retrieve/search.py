"""Search an index: by words (BM25), by vectors (cosine), or both.

    BM25      SQLite's bm25(): Robertson & Zaragoza 2009 with k1 = 1.2, b = .75
    cosine    the vectors nearest to the question's (``nearest``)
    both      reciprocal rank fusion, score = Σ 1 / (60 + rank)          (Cormack, Clarke & Büttcher 2009, SIGIR)

Whether anything relevant was found is told by the question's own words, whichever way was searched:

    covered = Σ idf(t) over the question's terms in the passage / Σ idf(t) over all of them,
    idf(t) = ln(1 + (N - n + 1/2) / (n + 1/2))                            n of N passages have t

the best passage must cover ``RELEVANT`` of the question; how that was chosen: benchmarks/retrieval.py.
"""

import math
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.retrieve.nearest import nearest, open_graph
from prosa.retrieve.passage import Passage
from prosa.retrieve.store import Manifest, read_manifest, reading
from prosa.retrieve.terms import asked, searchable
from prosa.retrieve.vectors import Embedder, Vectors, open_vectors

By = Literal["words", "vectors", "both"]

RELEVANT = 0.65
"""The least share of a question that a passage must cover to be an answer's."""
POOL = 50
"""How many passages each way of searching brings to the fusion."""
RRF = 60
_TRIES = 3  # to open an index that another process is changing
_TERMS = 64  # of a question; what comes after them is not searched for


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found.

    Attributes:
        id: its number in the index; it stays until its file changes.
        score: of the way it was found by: BM25, cosine or the fused one; greater is better.
        covered: the share of the question that the passage covers.
    """

    id: int
    passage: Passage
    score: float
    covered: float

    @property
    def relevant(self) -> bool:
        """Whether it covers enough of the question to be an answer's."""
        return self.covered >= RELEVANT


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, best first.

    Attributes:
        terms: the question's terms and their idf.
        missing: the words of those that no passage has.
    """

    hits: tuple[Hit, ...]
    terms: dict[str, float]
    missing: tuple[str, ...]

    @property
    def covered(self) -> float:
        """The greatest share of the question that a hit covers."""
        return max((hit.covered for hit in self.hits), default=0.0)

    @property
    def relevant(self) -> bool:
        """Whether there is an answer in the hits."""
        return any(hit.relevant for hit in self.hits)


class Index:
    """An index, open for searching: close it, or use it in ``with``. It does not see later changes.

    Raises:
        UserError: there is no index, or it is damaged.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        for left in reversed(range(_TRIES)):
            try:
                self._begin()
                return
            except (UserError, OSError, sqlite3.Error) as error:  # replaced since its manifest was read
                if not left:
                    raise error if isinstance(error, UserError) else _unreadable(out, error) from error
                time.sleep(0.05)

    def _begin(self) -> None:
        self.manifest: Manifest = read_manifest(self.out)
        self._open = ExitStack()
        with ExitStack() as opened:
            self._store = opened.enter_context(reading(self.out / self.manifest.database))
            self._ids = np.array(self._store.ids(), dtype=np.int64)
            self._vectors: Vectors | None = None
            self._graph = None
            if self.manifest.model is not None:
                width = self.manifest.model["width"]
                self._vectors = open_vectors(self.out / self.manifest.vectors, width)
                if self.manifest.graph in self.manifest.files:
                    self._graph = open_graph(self.out / self.manifest.graph, width)
            self._open = opened.pop_all()

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of its files."""
        self._open.close()

    def __len__(self) -> int:
        """How many passages there are."""
        return len(self._ids)

    def search(self, question: str, *, k: int = 5, by: By = "words", embedder: Embedder | None = None) -> Found:
        """The ``k`` best passages for a question.

        Args:
            embedder: of the model whose vectors the index has; by words none is needed.

        Raises:
            UserError: the question has no word, or it is by vectors and the index has none or another model's.
        """
        if by not in get_args(By):
            raise unknown(tr("way to search", "modo de busca"), by, get_args(By))
        words = dict(list(asked(question).items())[:_TERMS])
        if not words:
            raise UserError(tr("the question has no words.", "a pergunta não tem palavras."))
        counts = {term: self._count(term) for term in words}
        idf = {term: math.log(1 + (len(self) - n + 0.5) / (n + 0.5)) for term, n in counts.items()}
        rankings = []
        if by in ("words", "both"):
            rankings.append(self._by_words(idf, max(k, POOL)))
        if by in ("vectors", "both"):
            rankings.append(self._by_vectors(question, max(k, POOL), self._own(embedder)))
        ranked = rankings[0] if len(rankings) == 1 else fuse([[id for id, _ in ranking] for ranking in rankings])
        total = sum(idf.values())
        hits = []
        for id, score in ranked[:k]:
            passage = self._store.passage(id)
            assert passage is not None
            there = _inside(f"{passage.file} {passage.place.heading} {passage.text}", words)
            hits.append(Hit(id, passage, score, sum(idf[term] for term in there) / total))
        return Found(tuple(hits), idf, tuple(word for term, word in words.items() if not counts[term]))

    def passage(self, id: int) -> tuple[Passage, str, str] | None:
        """A passage, and the texts before and after it in its document; None where there is none of this id."""
        found = self._store.passage(id)
        return None if found is None else (found, *self._store.around(id))

    def _own(self, embedder: Embedder | None) -> Embedder:
        if self.manifest.model is None or embedder is None:
            raise UserError(
                tr(f"the index {self.out} has no vectors.", f"o índice {self.out} não tem vetores."),
                tr(
                    "Make it with them: prosa index FOLDER --out INDEX --model RUN",
                    "Faça-o com eles: prosa index PASTA --out ÍNDICE --model EXECUÇÃO",
                ),
            )
        name, own = self.manifest.model["name"], self.manifest.model["fingerprint"]
        if own != embedder.fingerprint:
            raise UserError(
                tr(
                    f"the index {self.out} has vectors of another model: {name}, not {embedder.name}.",
                    f"o índice {self.out} tem vetores de outro modelo: {name}, e não {embedder.name}.",
                ),
                tr(
                    "Search --by words, or make the index with this model.",
                    "Busque com --by words, ou refaça o índice.",
                ),
            )
        return embedder

    def _count(self, term: str) -> int:
        (n,) = self._store.connection.execute(
            "SELECT count(*) FROM words WHERE words MATCH ?", [_quoted(term)]
        ).fetchone()
        return int(n)

    def _by_words(self, terms: Iterable[str], n: int) -> list[tuple[int, float]]:
        rows = self._store.connection.execute(
            "SELECT rowid, -bm25(words) AS score FROM words WHERE words MATCH ? ORDER BY score DESC, rowid LIMIT ?",
            [" OR ".join(map(_quoted, terms)), n],
        )
        return [(int(id), float(score)) for id, score in rows]

    def _by_vectors(self, question: str, n: int, embedder: Embedder) -> list[tuple[int, float]]:
        assert self._vectors is not None
        return nearest(embedder.vectors([question])[0], n, self._ids, self._vectors, self._graph)


def _unreadable(out: Path, error: Exception) -> UserError:
    return UserError(tr(f"cannot read {out}: {error}", f"não consigo ler {out}: {error}"))


def fuse(rankings: Sequence[Sequence[int]]) -> list[tuple[int, float]]:
    """(id, score) of every id in any ranking, best first: reciprocal rank fusion, ranks from 1."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, id in enumerate(ranking, 1):
            scores[id] = scores.get(id, 0.0) + 1 / (RRF + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def coverage(text: str, idf: dict[str, float]) -> float:
    """The share of a question's terms, by idf, that a text has."""
    return sum(idf[term] for term in _inside(text, idf)) / sum(idf.values())


def _inside(text: str, terms: Iterable[str]) -> list[str]:
    there = f" {searchable(text)} "
    return [term for term in terms if f" {term} " in there]


def _quoted(term: str) -> str:
    return '"' + term.replace('"', "") + '"'
