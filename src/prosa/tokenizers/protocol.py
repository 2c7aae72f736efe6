"""What every tokenizer does, whatever its family: text → ids → text.

``encode`` never adds special tokens, and reads them in the text only with ``allow_special=True``: by default a control
token typed by a user is plain text, so that nobody can forge a role. (``word-v2`` is the one exception, see word.py.)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Tokenizer(Protocol):
    """One tokenizer. Ids are integers from 0 to ``vocab_size - 1``; not every id needs to be in use."""

    @property
    def kind(self) -> str:
        """The family: "bpe", "wordpiece", "unigram", "wordlevel", "char", "word-v1" or "word-v2"."""
        ...

    @property
    def vocab_size(self) -> int:
        """The greatest id plus one, special tokens included: the rows an embedding table needs."""
        ...

    @property
    def special_tokens(self) -> dict[str, int]:
        """Text → id of the tokens that are never read in content."""
        ...

    @property
    def end_of_text(self) -> int | None:
        """Id that ends a document (``<|endoftext|>``, ``</s>``, ``[SEP]``…), or None."""
        ...

    @property
    def unknown(self) -> int | None:
        """Id that stands for what the vocabulary lacks, or None when there is none (byte-level, word-v1)."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hexadecimal SHA-256 of what defines the ids; the same after save and load."""
        ...

    def encode(self, text: str, *, allow_special: bool = False) -> list[int]:
        """The ids of ``text``, shape (n,).

        Raises:
            UserError: a lone surrogate (its position is named), or, in word-v1, an unknown word.
        """
        ...

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """The ids of many texts: flat ids (n,) uint32 and offsets (len(texts) + 1,) int64.

        Text i has ``ids[offsets[i]:offsets[i + 1]]``, the same as ``encode(texts[i])``.

        Raises:
            UserError: as ``encode``; the text's number in the batch is named.
        """
        ...

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """``(id, start, end)`` of each token: it came from ``text[start:end]`` (tokens sharing a character overlap)."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``, special tokens by their text; bytes that are not UTF-8 become U+FFFD.

        Raises:
            UserError: an id outside the vocabulary.
        """
        ...

    def token_bytes(self, id: int) -> bytes:
        """What the token adds to a text: exact for byte-level, as if in mid-sentence for the others; b"" if unused."""
        ...

    def token_text(self, id: int) -> str:
        """The token for display (``##burn``; bytes that are no character as ``\\xc3``)."""
        ...

    def save(self, folder: Path) -> None:
        """Write the files that ``prosa.tokenizers.load(folder)`` (and mostly ``transformers``) open."""
        ...
