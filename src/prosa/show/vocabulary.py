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
    """Up to ``n`` sentences of a readable length, from documents spread over ``texts``."""
    candidates = [s for text in texts[:: max(1, len(texts) // n)] if (s := _sentence(text))]
    if len(candidates) < n:  # few documents: take more of each
        candidates += [s for text in texts for s in _sentences(text)]
    return list(dict.fromkeys(candidates))[:n]


def _sentences(text: str) -> list[str]:
    """The sentences of 40 to 240 characters; the whole start of the text when there is none."""
    found = [part.strip() for part in re.split(r"(?<=[.!?…])\s+|\n{2,}", text[:20_000])]
    return [s for s in found if 40 <= len(s) <= 240] or [text[:240].strip()] * bool(text.strip())


def _sentence(text: str) -> str | None:
    found = _sentences(text)
    return found[len(found) // 2] if found else None
