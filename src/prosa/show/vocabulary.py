"""A tokenizer at work on held-out text: figures, the longest tokens, and real sentences cut into pieces."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from prosa.core.errors import UserError
from prosa.show.load import RunData
from prosa.tokenizers.load import load
from prosa.tokenizers.pieces import Piece, pieces
from prosa.tokenizers.protocol import Tokenizer

SENTENCES = 4
LONGEST = 24


@dataclass(frozen=True)
class Cut:
    """A stretch of a text that tokens cover: one id, several where tokens share a character, none for a gap."""

    text: str
    ids: tuple[int, ...]


@dataclass
class Vocabulary:
    """What the report says of a tokenizer. Counts are over the held-out text that was read."""

    kind: str
    size: int
    special: list[str]
    longest: list[str]
    tokens: int = 0
    words: int = 0
    characters: int = 0
    bytes: int = 0
    sentences: list[list[Cut]] = field(default_factory=list)


def cuts(pieces: Sequence[Piece], text: str) -> list[Cut]:
    """``text`` cut where its tokens meet. Joined, the cuts are the text again, whatever the tokenizer leaves out."""
    found: list[tuple[int, int, list[int]]] = []
    for piece in pieces:
        if found and piece.start < found[-1][1]:  # a character's bytes fell into several tokens
            start, end, ids = found.pop()
            found.append((start, max(end, piece.end), [*ids, piece.id]))
        else:
            found.append((piece.start, piece.end, [piece.id]))
    result, at = [], 0
    for start, end, ids in [*found, (len(text), len(text), [])]:
        if start > at:
            result.append(Cut(text[at:start], ()))
        if ids:
            result.append(Cut(text[start:end], tuple(ids)))
        at = max(at, end)
    return result


def read_vocabulary(run: RunData) -> Vocabulary | None:
    """The run's tokenizer measured on its held-out documents; None when there is no tokenizer that loads."""
    if run.tokenizer is None:
        return None
    try:
        tokenizer = load(run.tokenizer)
    except UserError:
        return None
    return measure(tokenizer, run.held_out)


def measure(tokenizer: Tokenizer, texts: Sequence[str]) -> Vocabulary:
    """Count tokens, words (runs of non-spaces), characters and bytes of ``texts``, and cut a few sentences."""
    special = set(tokenizer.special_tokens.values())
    words = sorted({word for id in range(tokenizer.vocab_size) if id not in special and (word := _word(tokenizer, id))})
    words.sort(key=len, reverse=True)
    result = Vocabulary(tokenizer.kind, tokenizer.vocab_size, list(tokenizer.special_tokens), words[:LONGEST])
    whole = []
    for text in texts:
        try:
            result.tokens += len(tokenizer.encode(text))
        except UserError:  # half a surrogate pair, or a word that a word tokenizer lacks
            continue
        result.words += len(text.split())
        result.characters += len(text)
        result.bytes += len(text.encode("utf-8"))
        whole.append(text)
    result.sentences = [cuts(pieces(tokenizer, s), s) for s in choose_sentences(whole)]
    return result


def _word(tokenizer: Tokenizer, id: int) -> str | None:
    """What the token adds to a text, if that is whole characters and a letter among them."""
    try:
        text = tokenizer.token_bytes(id).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text.strip() if any(c.isalpha() for c in text) else None


def choose_sentences(texts: Sequence[str], n: int = SENTENCES) -> list[str]:
    """Up to ``n`` sentences of a readable length, evenly spaced over documents that are evenly spaced in ``texts``."""
    found = [sentences for text in _evenly(texts, n) if (sentences := _sentences(text))]
    if not found:
        return [text[:240].strip() for text in texts if text.strip()][:n]
    each = -(-n // len(found))
    return list(dict.fromkeys(s for sentences in found for s in _evenly(sentences, each)))[:n]


def _evenly(items: Sequence[str], n: int) -> list[str]:
    """At most ``n`` of the items, from the middles of ``n`` equal parts."""
    return list(items) if len(items) <= n else [items[(2 * i + 1) * len(items) // (2 * n)] for i in range(n)]


def _sentences(text: str) -> list[str]:
    """The sentences of 40 to 240 characters: on one line, closed, and not in capitals (titles, tables of contents)."""
    parts = (part.strip() for part in re.split(r"(?<=[.!?…])\s+|\n", text))
    return [s for s in parts if 40 <= len(s) <= 240 and s[-1] in ".!?…" and sum(map(str.islower, s)) > len(s) / 2]
