"""Words and their vectors: tokens of an embedding table that are words, the words of a text, or word vectors."""

import re
import unicodedata

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.models.word_vectors import WordVectors
from prosa.show.inside.embeddings import WordSpace
from prosa.tokenizers.protocol import Tokenizer

Table = NDArray[np.float32]  # of embeddings, (V, C)

SPACED = ("bpe", "unigram")  # kinds whose tokens hold the space before a word
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")


def of_vocabulary(table: Table, tokenizer: Tokenizer, most: int) -> WordSpace:
    """The first ``most`` tokens that are whole words of three letters or more, by id: merged first, so frequent.

    Raises:
        UserError: there are none.
    """
    special = set(tokenizer.special_tokens.values())
    found: dict[str, int] = {}
    for id in range(min(tokenizer.vocab_size, len(table))):
        try:
            text = "" if id in special else tokenizer.token_bytes(id).decode("utf-8")
        except UnicodeDecodeError:
            continue
        begins = text.startswith(" ") if tokenizer.kind in SPACED else not tokenizer.token_text(id).startswith("##")
        word = text.strip()
        if begins and len(word) >= 3 and _WORD.fullmatch(word):
            found.setdefault(word, id)
        if len(found) == most:
            break
    if not found:
        raise UserError(
            tr("no token of this vocabulary is a word.", "nenhum token deste vocabulário é uma palavra."),
            tr('Give words: --text "king queen man woman"', 'Dê palavras: --text "rei rainha homem mulher"'),
        )
    return WordSpace(list(found), table[list(found.values())])


def of_text(table: Table, tokenizer: Tokenizer, text: str) -> WordSpace:
    """The different words of ``text``; a word's vector is the mean of its tokens' embeddings, as in mid-sentence.

    Raises:
        UserError: there is no word in it, or the tokenizer cannot encode one.
    """
    words = _words(text)
    ids = [tokenizer.encode(f" {word}" if tokenizer.kind in SPACED else word) for word in words]
    return WordSpace(words, np.stack([table[each].mean(axis=0) for each in ids]))


def of_word_vectors(vectors: WordVectors, text: str | None, most: int) -> WordSpace:
    """The words of ``text``, or the ``most`` frequent of all.

    Raises:
        UserError: there is no word in the text, or one is out of vocabulary; the nearest spelling is suggested.
    """
    words = vectors.words[:most] if text is None else _words(text)
    return WordSpace(words, np.stack([vectors.vector(word) for word in words]))


def _words(text: str) -> list[str]:
    words = list(dict.fromkeys(_WORD.findall(unicodedata.normalize("NFC", text))))
    if not words:
        raise UserError(
            tr("there is no word in --text.", "não há nenhuma palavra em --text."),
            tr('For example: --text "king queen man woman"', 'Por exemplo: --text "rei rainha homem mulher"'),
        )
    return words
