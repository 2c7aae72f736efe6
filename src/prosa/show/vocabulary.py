"""A tokenizer at work on held-out text: figures, the longest tokens, and real sentences cut into pieces."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from prosa.core.errors import UserError
from prosa.show.load import RunData
from prosa.tokenizers.protocol import Tokenizer

SENTENCES = 4
LONGEST = 24


@dataclass(frozen=True)
class Piece:
    """One token of a text: its id and the text it adds."""

    id: int
    text: str


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
    sentences: list[list[Piece]] = field(default_factory=list)


def piece_text(content: bytes) -> str:
    r"""A token's bytes as text; where they are a part of a character, as ``\xc3``."""
    return content.decode("utf-8", errors="backslashreplace")


def pieces(tokenizer: Tokenizer, text: str) -> list[Piece]:
    """``text`` cut into its tokens, each with the text it adds."""
    return [Piece(id, piece_text(tokenizer.token_bytes(id))) for id in tokenizer.encode(text)]


def read_vocabulary(run: RunData) -> Vocabulary | None:
    """The run's tokenizer measured on its held-out documents; None when there is no tokenizer that loads."""
    from prosa.tokenizers.load import load

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
    entries = {piece_text(tokenizer.token_bytes(id)) for id in range(tokenizer.vocab_size) if id not in special}
    words = sorted((t for t in entries if any(c.isalpha() for c in t) and "\\x" not in t), key=lambda t: (-len(t), t))
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
    result.sentences = [pieces(tokenizer, sentence) for sentence in choose_sentences(whole)]
    return result


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
