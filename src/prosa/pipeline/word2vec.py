"""``prosa word2vec``: a folder of text -> vectors of its words, in the run's ``vectors/``."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from prosa.core.config import write_yaml
from prosa.core.errors import UserError
from prosa.core.files import building, check_free, is_complete, mark_complete, read_json, write_json, write_text
from prosa.core.language import number, tr
from prosa.core.progress import say, warn
from prosa.corpus.config import CorpusConfig
from prosa.pipeline.run import CORPUS, VECTORS
from prosa.pipeline.stage import RESOLVED, TRAINING
from prosa.train.word_vectors_config import WordVectorsConfig

FEW_WORDS = 1_000_000
TEXT, BINARY = "vectors.txt", "vectors.bin"


@dataclass(frozen=True)
class Configuration:
    """What ``vectors/config.resolved.yaml`` holds."""

    paths: tuple[Path, ...]
    vectors: WordVectorsConfig


@dataclass(frozen=True)
class Made:
    """Trained word vectors."""

    folder: Path
    figures: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The folder and what ``training.json`` holds."""
        return {"folder": str(self.folder), **self.figures}


def word2vec(
    paths: tuple[Path, ...],
    *,
    out: Path,
    vectors: Annotated[WordVectorsConfig, tyro.conf.arg(name="")] = WordVectorsConfig(),
    export: bool = False,
    force: bool = False,
) -> Made:
    """Learn vectors of words from text: skip-gram, CBOW (Word2Vec), with subwords (fastText), or GloVe.

    Args:
        paths: Files and folders of text (cleaned first, as prosa corpus does, into the run's corpus/), or a corpus
            folder or a run that has one.
        out: Run folder; the vectors go to its vectors/.
        vectors: The training.
        export: Also write vectors.txt and vectors.bin, the forms of the word2vec program, which gensim opens.
        force: Replace a vectors/ that is there.

    Raises:
        UserError: nothing to read, no word is frequent enough, or ``out`` is taken.
        KeyboardInterrupt: after Ctrl-C; nothing is kept but the corpus.
    """
    folder = out / VECTORS
    check_free(folder, force=force, inputs=paths)
    from prosa.data.words import word_stream
    from prosa.models.word_vector_files import write_vectors
    from prosa.train.word_vectors import train_word_vectors

    stream = word_stream(_texts(paths, out), vectors.min_count)
    kept = int(stream.counts.sum())
    say(
        tr(
            f"words: {number(stream.read)}; {number(len(stream.words))} different ones that occur at least "
            f"{vectors.min_count} times, which are {kept / stream.read:.1%} of the text",
            f"palavras: {number(stream.read)}; {number(len(stream.words))} diferentes que ocorrem pelo menos "
            f"{vectors.min_count} vezes, que são {kept / stream.read:.1%} do texto",
        )
    )
    if stream.read < FEW_WORDS:
        warn(
            tr(
                f"{number(stream.read)} words are few for word vectors: neighbours will be rough. More --epochs help.",
                f"{number(stream.read)} palavras são poucas: os vizinhos serão toscos. Mais --epochs ajuda.",
            )
        )
    trained = train_word_vectors(stream, vectors)
    figures = {
        "method": vectors.method,
        "subwords": vectors.subwords,
        "dim": vectors.dim,
        "words_read": stream.read,
        "words_kept": kept,
        "vocab_size": len(stream.words),
        "loss": trained.loss,
        "seconds": trained.seconds,
        "words_per_second": trained.words / max(trained.seconds, 1e-9),
    }
    with building(folder) as made:
        trained.vectors.save(made)
        if export:
            for name in (TEXT, BINARY):
                write_vectors(made / name, trained.vectors.words, trained.vectors.vectors)
        write_text(made / RESOLVED, write_yaml(Configuration(paths, vectors)))
        write_json(made / TRAINING, figures)
        mark_complete(made)
    return Made(folder, read_json(folder / TRAINING))


def _texts(paths: tuple[Path, ...], out: Path) -> Iterator[str]:
    """The documents of corpora that are there, and of files, made a corpus first."""
    from prosa.corpus import build_corpus, load_corpus

    if not paths:
        raise UserError(tr("no text given.", "nenhum texto foi dado."))
    corpora: list[Path] = []
    plain: list[Path] = []
    for path in paths:
        folder = next((f for f in (path, path / CORPUS) if is_complete(f) and (f / "train.jsonl").is_file()), None)
        if folder is None:
            plain.append(path)
        else:
            corpora.append(folder)
    if plain:
        build_corpus(plain, out / CORPUS, CorpusConfig())
        for split in ("train", "held_out"):
            yield from (document.text for document in load_corpus(out / CORPUS, split))
    for folder in corpora:
        yield from (document.text for document in load_corpus(folder, "train"))
