"""How a tokenizer cuts a text: each piece with its id and where in the text it comes from."""

from dataclasses import dataclass

from prosa.tokenizers.protocol import Tokenizer


@dataclass(frozen=True, slots=True)
class Piece:
    """A token in a text: it came from ``source[start:end]``; ``text`` is for display (half a character: ``\\xc3``)."""

    id: int
    text: str
    start: int
    end: int


def pieces(tokenizer: Tokenizer, text: str) -> list[Piece]:
    """The tokens of ``text`` in order; tokens that share a character have overlapping places.

    Raises:
        UserError: as ``tokenizer.encode``.
    """
    return [Piece(id, tokenizer.token_text(id), start, end) for id, start, end in tokenizer.spans(text)]
