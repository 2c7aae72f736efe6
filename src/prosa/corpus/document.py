"""A document: the unit that is read, judged, kept or dropped, and put on one side of the split."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """A text and where it came from.

    Attributes:
        text: NFC, ``\\n`` line ends, no control characters.
        source: ``path``, ``path:line`` (JSONL), ``path:row`` (Parquet); with ``#2`` at the end, its second piece.
        lang: ISO 639-1 code, None where it was not identified.
    """

    text: str
    source: str
    lang: str | None = None

    @property
    def id(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the text's UTF-8: equal texts have equal ids, wherever from."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()[:16]

    @property
    def n_bytes(self) -> int:
        """The text's size in UTF-8 bytes."""
        return len(self.text.encode("utf-8"))
