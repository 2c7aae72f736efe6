"""The character tokenizer: each code point an id, in code point order, then ``<|unk|>`` and the control tokens.

A character that the training text lacked becomes ``<|unk|>``: held-out text can then still be evaluated, and
``compare`` counts such losses. Saved as a tokenizer.json (WordLevel), so that ``transformers`` opens it too.
"""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prosa.tokenizers import bytelevel
from prosa.tokenizers.config import UNKNOWN
from prosa.tokenizers.library import LibraryTokenizer, flatten
from prosa.tokenizers.text import surrogate_error

SPLIT: dict[str, Any] = {
    "type": "Split",
    "pattern": {"Regex": r"[\s\S]"},
    "behavior": "Isolated",
    "invert": False,
}


def is_char(definition: dict[str, Any]) -> bool:
    """Whether a tokenizer.json is a character tokenizer's."""
    return definition["model"].get("type") == "WordLevel" and definition.get("pre_tokenizer") == SPLIT


class CharTokenizer(LibraryTokenizer):
    """A ``LibraryTokenizer`` that encodes by one look-up in a table of all code points."""

    kind: str

    def __init__(self, definition: dict[str, Any], *arguments: Any, **named: Any) -> None:
        super().__init__(definition, *arguments, **named)
        self.kind = "char"

    @functools.cached_property
    def _table(self) -> NDArray[np.uint32]:
        """Code point → id, shape (0x110000,)."""
        table = np.full(0x110000, self.unknown, dtype=np.uint32)
        for token, id in self._vocab.items():
            if len(token) == 1:
                table[ord(token)] = id
        return table

    def _look_up(self, text: str, number: int | None = None) -> NDArray[np.uint32]:
        try:
            points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
        except UnicodeEncodeError as error:
            raise surrogate_error(text, number) or error from error
        ids: NDArray[np.uint32] = self._table[points]
        return ids

    def encode(self, text: str, *, allow_special: bool = False) -> list[int]:
        """See ``Tokenizer.encode``."""
        if allow_special:
            return super().encode(text, allow_special=True)
        ids: list[int] = self._look_up(text).tolist()
        return ids

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """See ``Tokenizer.encode_batch``."""
        return flatten([self._look_up(text, number) for number, text in enumerate(texts)])


def char_tokenizer(characters: Iterable[str], special_tokens: Sequence[str]) -> CharTokenizer:
    """The tokenizer of a set of characters."""
    tokens = [*sorted(set(characters)), UNKNOWN, *(token for token in special_tokens if token != UNKNOWN)]
    vocab = {token: id for id, token in enumerate(tokens)}
    special = {token: vocab[token] for token in (UNKNOWN, *special_tokens)}
    model = {"type": "WordLevel", "vocab": vocab, "unk_token": UNKNOWN}
    return CharTokenizer(bytelevel.definition(model, special, pre_tokenizer=SPLIT, decoder={"type": "Fuse"}))
