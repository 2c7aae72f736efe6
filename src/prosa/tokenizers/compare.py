"""Several tokenizers on the same text, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.tokenizers.pieces import pieces
from prosa.tokenizers.protocol import Tokenizer


@dataclass(frozen=True, slots=True)
class Comparison:
    """One tokenizer's figures on a text."""

    name: str
    vocab_size: int
    tokens: int
    distinct: int
    characters_per_token: float
    bytes_per_token: float  # UTF-8
    fertility: float  # tokens a word; words are what blanks separate
    unknowns: int  # tokens that stand for what the vocabulary lacks
    longest_piece: str  # as it stands in the text
    cost: float | None  # tokens x price / 1,000; None without a price


def compare(
    tokenizers: Mapping[str, Tokenizer], text: str, prices: Mapping[str, float] | None = None
) -> list[Comparison]:
    """A row for each tokenizer, in the order given.

    Args:
        prices: name → price of 1,000 tokens, in any currency.

    Raises:
        UserError: a text without words, a price for a tokenizer that is not there, or a word that word-v1 lacks.
    """
    prices = prices or {}
    for name in prices:
        if name not in tokenizers:
            raise unknown(tr("tokenizer in prices", "tokenizador nos preços"), name, tokenizers)
    n_words, n_bytes = len(text.split()), len(text.encode("utf-8", "surrogatepass"))
    if not n_words:
        raise UserError(tr("there are no words to compare tokenizers on.", "não há palavras para comparar."))
    rows = []
    for name, tokenizer in tokenizers.items():
        try:
            found = pieces(tokenizer, text)
        except UserError as error:
            raise UserError(f"{name}: {error.what}", error.hint) from error
        count = len(found)
        longest = max(found, key=lambda piece: piece.end - piece.start, default=None)
        rows.append(
            Comparison(
                name=name,
                vocab_size=tokenizer.vocab_size,
                tokens=count,
                distinct=len({piece.id for piece in found}),
                characters_per_token=len(text) / max(count, 1),
                bytes_per_token=n_bytes / max(count, 1),
                fertility=count / n_words,
                unknowns=sum(piece.id == tokenizer.unknown for piece in found),
                longest_piece=text[longest.start : longest.end] if longest else "",
                cost=count * prices[name] / 1000 if name in prices else None,
            )
        )
    return rows
