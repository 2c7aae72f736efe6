"""A text as a model reads it: its tokens, and which of them make up each word.

A word is a run of letters and digits (hyphens and apostrophes within join it: ``guarda-chuva``), or one other mark.
Tokens belong to the word that they begin or go on with, and the space before a word to the word; other spaces, line
ends, and the token that begins a document stand for themselves. So every token is in exactly one word,
and a word is a run of tokens.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.show.markup import CONTROLS
from prosa.tokenizers.pieces import Piece, pieces
from prosa.tokenizers.protocol import Tokenizer

_WORD = re.compile(r"\w+(?:[-'’\u2010\u2011]\w+)*|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Word:
    """Tokens ``start`` up to ``end`` of a reading."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Reading:
    """A text's ids as the model reads them, how each token is shown, and its words."""

    text: str
    ids: list[int]
    tokens: list[str]
    words: list[Word]


def read(text: str, tokenizer: Tokenizer) -> Reading:
    """``text`` in NFC as the beginning of a document, which is how the model saw documents: after end-of-text.

    Raises:
        UserError: there is nothing in it, or the tokenizer cannot encode it.
    """
    text = unicodedata.normalize("NFC", text)
    if not text.strip():
        raise UserError(
            tr("the sentence is empty.", "a frase está vazia."),
            tr('For example: --text "The king saw the sea."', 'Por exemplo: --text "O rei viu o mar."'),
        )
    found = pieces(tokenizer, text)
    words = words_of(found, text)
    ids, tokens = [piece.id for piece in found], [shown(piece.text) for piece in found]
    if tokenizer.end_of_text is not None:
        start = tokenizer.token_text(tokenizer.end_of_text)
        ids, tokens = [tokenizer.end_of_text, *ids], [start, *tokens]
        words = [Word(start, 0, 1), *(Word(word.text, word.start + 1, word.end + 1) for word in words)]
    return Reading(text, ids, tokens, words)


def words_of(pieces: Sequence[Piece], text: str) -> list[Word]:
    """The words that the pieces of ``text`` make up, in order; each piece is in one."""
    starts = {match.start() for match in _WORD.finditer(text)}
    runs: list[list[int]] = []
    ended, before = 0, ""
    for i, piece in enumerate(pieces):
        source = text[piece.start : piece.end]
        at = piece.start + len(source) - len(source.lstrip())
        begins = at in starts or not source.strip() or (before and not before.strip())
        if not runs or (piece.start >= ended and begins and (before != " " or not source.strip())):
            runs.append([])
        before = source
        runs[-1].append(i)
        ended = max(ended, piece.end)
    found = []
    for run in runs:
        whole = text[pieces[run[0]].start : max(pieces[i].end for i in run)]
        found.append(Word(shown(whole.strip() or whole), run[0], run[-1] + 1))
    return found


def shown(text: str) -> str:
    """A token or word as a label: spaces, line ends and tabs drawn, other controls as their pictures."""
    return text.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥").translate(CONTROLS)


def by_words(weights: NDArray[np.float32], words: Sequence[Word]) -> NDArray[np.float32]:
    """Attention between words, from that between tokens, (…, T, T) to (…, W, W):

        A[I, J] = 1/|I| Σ_{i in I} Σ_{j in J} a[i, j]

    what a word's tokens look at, on the mean, summed over the tokens of the word looked at. Rows still sum to 1.
    """
    member = np.zeros((len(words), weights.shape[-1]), dtype=np.float32)
    for row, word in enumerate(words):
        member[row, word.start : word.end] = 1
    mean = member / member.sum(axis=1, keepdims=True)
    between: NDArray[np.float32] = mean @ weights @ member.T
    return between
