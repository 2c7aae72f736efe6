"""``prosa similar``: a word's neighbours, analogies, and how many of a file's analogies come out right."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.core.progress import say
from prosa.pipeline.run import VECTORS

if TYPE_CHECKING:
    from prosa.evaluate.analogies import Analogies
    from prosa.models.word_vectors import Neighbour, WordVectors


@dataclass(frozen=True)
class Similar:
    """What is near, or how many analogies are right."""

    plus: tuple[str, ...]
    minus: tuple[str, ...]
    neighbours: "tuple[Neighbour, ...]"
    analogies: "Analogies | None"

    def to_json(self) -> dict[str, Any]:
        """``{"plus", "minus", "neighbours": [{"word", "cosine"}]}``, or what the analogies' ``to_json`` gives."""
        if self.analogies:
            return self.analogies.to_json()
        near = [asdict(neighbour) for neighbour in self.neighbours]
        return {"plus": list(self.plus), "minus": list(self.minus), "neighbours": near}


def similar(
    vectors: Path,
    words: tuple[str, ...] = (),
    *,
    plus: tuple[str, ...] = (),
    minus: tuple[str, ...] = (),
    k: int = 10,
    analogies: Path | None = None,
    among: int = 0,
) -> Similar:
    """The words nearest to a word, or to a sum of words: prosa similar runs/v rei --minus homem --plus mulher

    Args:
        vectors: A run of prosa word2vec, its vectors/, or a word2vec file (.txt, .vec, .bin).
        words: The word, or several, which are added.
        plus: More words that are added.
        minus: Words that are taken away.
        k: How many neighbours.
        analogies: In place of words: a file of analogies in the form of questions-words.txt, which is scored.
        among: Only the so many most frequent words are answers (0: all, and 30,000 for analogies).

    Raises:
        UserError: no such vectors, a word that has none (the nearest spelling is suggested), or a bad analogy file.
    """
    asked = (*words, *plus)
    if k < 1 or among < 0:
        raise UserError(
            tr("--k must be at least 1 and --among 0 or more.", "--k deve ser pelo menos 1 e --among, 0 ou mais.")
        )
    if analogies and (asked or minus):
        raise UserError(
            tr("words and --analogies contradict each other.", "palavras e --analogies se contradizem."),
        )
    if not analogies and not asked:
        raise UserError(
            tr("give a word to begin from, or --analogies FILE.", "dê uma palavra de partida, ou --analogies ARQUIVO."),
            "prosa similar runs/v rei --minus homem --plus mulher",
        )
    loaded = open_vectors(vectors)
    if analogies:
        from prosa.evaluate.analogies import read_analogies, score

        return Similar((), (), (), score(loaded, read_analogies(analogies), among=among or 30_000))
    for word in (*asked, *minus):
        if loaded.find(word) is None and loaded.subwords is not None:
            near = loaded.spelled_like(word)
            say(
                tr(
                    f"{word!r} is not in the vocabulary: its vector is that of its parts. Nearest spelling: {near!r}.",
                    f"{word!r} não está no vocabulário: seu vetor é o de suas partes. Grafia mais próxima: {near!r}.",
                )
            )
    return Similar(asked, minus, tuple(loaded.nearest(asked, minus, k=k, among=among or None)), None)


def open_vectors(path: Path) -> "WordVectors":
    """Word vectors of a run, a folder or a word2vec file.

    Raises:
        UserError: there are none.
    """
    from prosa.models.word_vector_files import SUFFIXES, read_vectors
    from prosa.models.word_vectors import load_vectors

    if path.is_file() or (path.suffix in SUFFIXES and not path.is_dir()):
        return read_vectors(path)
    folder = next((f for f in (path, path / VECTORS) if (f / "config.json").is_file()), None)
    if folder is None:
        raise UserError(
            tr(f"{path} has no word vectors.", f"{path} não tem vetores de palavras."),
            tr(
                "Make some with: prosa word2vec TEXTS --out RUN",
                "Faça alguns com: prosa word2vec TEXTOS --out EXECUÇÃO",
            ),
        )
    return load_vectors(folder)
