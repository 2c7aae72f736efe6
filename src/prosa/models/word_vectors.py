"""Words and their vectors: neighbours by cosine, and analogies by adding and subtracting (Mikolov et al. 2013a).

What is asked is the mean of the unit vectors of the words given, those taken away with a minus; the words given are no
answer. *rei − homem + mulher* is ``nearest(["rei", "mulher"], ["homem"])`` (3CosAdd of Levy & Goldberg 2014).
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError, nearest
from prosa.core.files import read_json, write_json
from prosa.core.language import tr
from prosa.models.subwords import Subwords

Floats = NDArray[np.float32]
CONFIG, VOCABULARY, TYPE = "config.json", "vocabulary.json", "prosa-word-vectors"
NOTHING = 1e-6  # a mean of unit vectors this short has no direction


@dataclass(frozen=True)
class Neighbour:
    """A word and the cosine of its vector with what was asked for."""

    word: str
    cosine: float


class WordVectors:
    """Vectors of words, (V, C), the most frequent word first.

    Args:
        grams: with subwords: the rows of n-grams, (buckets, C), which give a word that was never seen its vector.
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: Floats,
        *,
        counts: NDArray[np.int64] | None = None,
        subwords: Subwords | None = None,
        grams: Floats | None = None,
    ) -> None:
        if len(words) != len(vectors):
            raise ValueError(f"{len(words)} words and {len(vectors)} vectors")
        self.words, self.vectors, self.counts = list(words), vectors, counts
        self.subwords, self.grams = subwords, grams
        self.place = {word: n for n, word in enumerate(self.words)}

    @property
    def dim(self) -> int:
        """C."""
        return int(self.vectors.shape[1])

    @property
    def units(self) -> Floats:
        """The vectors, each of length 1; a zero vector stays one."""
        if not hasattr(self, "_units"):
            self._units = _unit(self.vectors)
        return self._units

    def find(self, word: str) -> int | None:
        """A word's place: as it is written, else in lower case; None where it has none."""
        plain = unicodedata.normalize("NFC", word)
        return self.place.get(plain, self.place.get(plain.lower()))

    def knows(self, word: str) -> bool:
        """Whether a word has a vector, its own or that of its parts."""
        return self.find(word) is not None or self.subwords is not None

    def vector(self, word: str) -> Floats:
        """A word's vector, (C,): its own, or with subwords the mean of its n-grams'.

        Raises:
            UserError: it is out of vocabulary and there are no subwords; the nearest spelling is suggested.
        """
        place = self.find(word)
        if place is not None:
            own: Floats = self.vectors[place]
            return own
        if self.subwords is None or self.grams is None:
            raise self.unknown(word)
        rows = self.subwords.buckets_of(unicodedata.normalize("NFC", word).lower())
        if not rows:
            raise self.unknown(word)
        of_parts: Floats = self.grams[rows].mean(0)
        return of_parts

    def unknown(self, word: str) -> UserError:
        """The error for a word that has no vector."""
        near = self.spelled_like(word)
        return UserError(
            tr(f"the word {word!r} is not in the vocabulary.", f"a palavra {word!r} não está no vocabulário.")
            + (tr(f" Did you mean {near!r}?", f" Você quis dizer {near!r}?") if near else ""),
            tr(
                "Vectors trained with --subwords also know words that were never seen.",
                "Vetores treinados com --subwords conhecem também palavras nunca vistas.",
            ),
        )

    def spelled_like(self, word: str) -> str | None:
        """The word of the vocabulary whose spelling is nearest: without accents first, then by its letters."""
        plain = _bare(word)
        for known in self.words:
            if _bare(known) == plain:
                return known
        close = [w for w in self.words if abs(len(w) - len(word)) <= 2 and w[:1] == plain[:1]]
        return nearest(plain, close) or nearest(plain, self.words[:20_000])

    def nearest(
        self, plus: Sequence[str], minus: Sequence[str] = (), *, k: int = 10, among: int | None = None
    ) -> list[Neighbour]:
        """The ``k`` words nearest to the mean of some words' unit vectors, without these words, nearest first.

        Args:
            minus: words that are taken away.
            among: only the so many most frequent words are answers.

        Raises:
            UserError: a word has no vector, or what is taken away is what is added.
        """
        asked = [*(_unit(self.vector(w)) for w in plus), *(-_unit(self.vector(w)) for w in minus)]
        mean: Floats = np.asarray(np.mean(np.stack(asked), axis=0, dtype=np.float32))
        if np.linalg.norm(mean) < NOTHING:
            raise UserError(
                tr("nothing is left when these words are taken away.", "tiradas essas palavras, não sobra nada."),
                tr("Take away others than are added.", "Tire outras que não as que soma."),
            )
        query = _unit(mean)
        cosines = self.units[:among] @ query
        for word in (*plus, *minus):
            place = self.find(word)
            if place is not None and place < len(cosines):
                cosines[place] = -np.inf
        best = np.argsort(-cosines, kind="stable")[:k]
        return [Neighbour(self.words[n], float(cosines[n])) for n in best if cosines[n] > -np.inf]

    def save(self, folder: Path) -> None:
        """Write config.json, model.safetensors (``vectors``, and ``grams`` with subwords) and vocabulary.json."""
        import torch

        from prosa.models.folder import write_folder

        tensors = {"vectors": torch.from_numpy(np.ascontiguousarray(self.vectors))}
        shape: dict[str, Any] = {"model_type": TYPE, "vocab_size": len(self.words), "dim": self.dim, "subwords": None}
        if self.subwords is not None and self.grams is not None:
            tensors["grams"] = torch.from_numpy(np.ascontiguousarray(self.grams))
            s = self.subwords
            shape["subwords"] = {"low": s.low, "high": s.high, "buckets": s.buckets}
        counts = None if self.counts is None else self.counts.tolist()
        write_json(folder / VOCABULARY, {"words": self.words, "counts": counts})
        write_folder(folder, shape, tensors)


def load_vectors(folder: Path) -> WordVectors:
    """Word vectors from a folder that ``save`` wrote.

    Raises:
        UserError: it is none, or damaged.
    """
    from prosa.models.folder import read_config, read_weights

    config = read_config(folder)
    if config.get("model_type") != TYPE:
        raise UserError(
            tr(f"{folder} has no word vectors.", f"{folder} não tem vetores de palavras."),
            tr(
                "Make some with: prosa word2vec TEXTS --out RUN",
                "Faça alguns com: prosa word2vec TEXTOS --out EXECUÇÃO",
            ),
        )
    weights, where = read_weights(folder)
    vocabulary = read_json(folder / VOCABULARY)
    words, counts = vocabulary["words"], vocabulary["counts"]
    if "vectors" not in weights or len(weights["vectors"]) != len(words):
        raise UserError(
            tr(f"{where} does not belong to {VOCABULARY}.", f"{where} não corresponde a {VOCABULARY}."),
            tr("Copy the folder again.", "Copie a pasta de novo."),
        )
    subwords = Subwords(**config["subwords"]) if config.get("subwords") else None
    grams = weights["grams"].numpy() if subwords else None
    return WordVectors(
        words,
        weights["vectors"].numpy(),
        counts=None if counts is None else np.array(counts, dtype=np.int64),
        subwords=subwords,
        grams=grams,
    )


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = (vectors / np.where(length > 0, length, 1)).astype(np.float32)
    return unit


def _bare(word: str) -> str:
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))
