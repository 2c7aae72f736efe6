"""``prosa probe bias``: do professions lean to he or to she in a model's vectors?"""

from pathlib import Path

import numpy as np

from prosa.core.language import tr
from prosa.evaluate.probes.bias import Bias, Language, VectorOf, lexicon
from prosa.evaluate.probes.bias import bias as probe
from prosa.pipeline.run import VECTORS, is_bert_folder, load_any, load_bert, model_folder
from prosa.pipeline.similar import open_vectors


def bias(model: str, *, language: Language = "pt", grammar: bool = True, seed: int = 0) -> Bias:
    """Professions between he and she in the vectors of words, before and after neutralising.

    Args:
        model: A run of prosa word2vec, a word2vec file, or any language model (its token embeddings; a word of several
            tokens is their mean).
        language: Of the words asked about.
        grammar: In Portuguese, take the direction of grammatical gender out of that of he and she.
        seed: Of the intervals and of chance.

    Raises:
        UserError: no such model, or too few of the words have vectors in it.
    """
    vector_of, kind = _vectors(model)
    return probe(vector_of, lexicon(language), model=model, language=language, kind=kind, grammar=grammar, seed=seed)


def _vectors(model: str) -> tuple[VectorOf, str]:
    """What gives a word its vector, and of what kind that is."""
    from prosa.models.word_vector_files import SUFFIXES
    from prosa.models.word_vectors import TYPE

    path = Path(model)
    in_run = (path / VECTORS / "config.json").is_file()
    if path.is_file() or path.suffix in SUFFIXES or in_run or _type(path) == TYPE:
        vectors = open_vectors(path)

        def of_word(word: str) -> np.ndarray | None:
            place = vectors.find(word)
            return None if place is None else vectors.vectors[place]

        return of_word, tr("word vectors", "vetores de palavras")
    folder = model_folder(model)
    network, tokenizer, *_ = load_bert(folder) if is_bert_folder(folder) else load_any(model)
    matrix = network.embedding.weight.detach().float().cpu().numpy()

    def of_tokens(word: str) -> np.ndarray | None:
        ids = [id for id in tokenizer.encode(f" {word}") if id != tokenizer.unknown]
        said = [id for id in ids if tokenizer.token_text(id).strip(" ▁Ġ")]
        return matrix[said].mean(0) if said else None

    return of_tokens, tr("token embeddings", "embeddings de tokens")


def _type(folder: Path) -> object:
    from prosa.models.folder import read_config

    return read_config(folder).get("model_type") if (folder / "config.json").is_file() else None
