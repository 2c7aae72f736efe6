"""Ids as they come → text as soon as it is sure: no character is ever shown in halves."""

import codecs

from prosa.tokenizers.library import LibraryTokenizer
from prosa.tokenizers.protocol import Tokenizer

REPLACEMENT = "\ufffd"


class Utf8Stream:
    """Decode one id at a time; all that ``push`` and ``finish`` return, joined, is ``tokenizer.decode(ids)``.

    Byte-level tokens go through an incremental UTF-8 decoder. For the others, what a token adds depends on the token
    before it (a blank or none), so the last tokens that gave text are decoded again with it, and the difference is new.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._bytewise = isinstance(tokenizer, LibraryTokenizer) and tokenizer.byte_level
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._shown: list[int] = []  # the last ids whose text is out: the left context
        self._waiting: list[int] = []  # ids whose text is not sure yet

    def push(self, id: int) -> str:
        """The text that ``id`` makes certain; "" while a character is incomplete."""
        if self._bytewise:
            return self._utf8.decode(self._tokenizer.token_bytes(id))
        self._waiting.append(id)
        new = self._new_text()
        if not new or new.endswith(REPLACEMENT):  # bytes of a character that is still to come, perhaps
            return ""
        self._shown, self._waiting = self._waiting, []
        return new

    @property
    def incomplete(self) -> bool:
        """Whether bytes of an unfinished character are held back."""
        return bool(self._waiting) or self._utf8.getstate()[0] != b""

    def finish(self) -> str:
        """What was held back; the stream can then be used no more."""
        if self._bytewise:
            return self._utf8.decode(b"", final=True)
        return self._new_text() if self._waiting else ""

    def _new_text(self) -> str:
        before = self._tokenizer.decode(self._shown) if self._shown else ""
        return self._tokenizer.decode([*self._shown, *self._waiting])[len(before) :]
