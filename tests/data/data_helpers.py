"""A byte tokenizer and small documents for the tests of this folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Text:
    """What prepare_tokens needs of a document."""

    text: str


class ByteTokenizer:
    """UTF-8 bytes as ids, with an end-of-text or without."""

    kind = "bytes"

    def __init__(self, vocab_size: int = 257, end_of_text: int | None = 256, fingerprint: str = "f" * 64) -> None:
        self.vocab_size, self.end_of_text, self.fingerprint = vocab_size, end_of_text, fingerprint
        self.batches: list[int] = []

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        parts = [text.encode("utf-8") for text in texts]
        self.batches.append(sum(map(len, parts)))
        flat = np.frombuffer(b"".join(parts), np.uint8).astype(np.uint32)
        return flat, np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)

    def save(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "tokenizer.json").write_text(self.fingerprint, encoding="utf-8")


def texts(n: int, seed: int, longest: int = 80) -> list[Text]:
    """Documents of 1..longest characters, two bytes each in UTF-8 now and then."""
    generator = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmno çãé\n"))
    return [Text("".join(generator.choice(letters, generator.integers(1, longest)))) for _ in range(n)]
