"""A text as a vector: the mean of its tokens' embeddings, at length 1.

    v(text) = Σ_t E[t] / |Σ_t E[t]|       E: (V, C), the model's own embedding matrix

Not the last layer's states, which serve to tell the next token: on FaQuAD (benchmarks/retrieval.py) a model of the
demo finds the right passage among its first five for 54 % of the questions by embeddings, 39 % by what the second of
its four layers makes of them and 24 % by the final states; a weighting by rarity or taking out the mean (Arora et al.
2017) gained nothing. A language model is not trained to put texts of like meaning near each other: words find more.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from prosa.models.gpt import GPT
    from prosa.tokenizers.protocol import Tokenizer

Vectors = NDArray[np.float32]

_BATCH = 256  # texts


class Embedder:
    """Makes vectors with a model.

    Args:
        name: of the model, for messages.
    """

    def __init__(self, model: "GPT", tokenizer: "Tokenizer", *, name: str) -> None:
        self._matrix: Vectors = model.embedding.weight.detach().float().cpu().numpy()
        self._tokenizer = tokenizer
        self.name = name
        self.width = self._matrix.shape[1]
        made = hashlib.sha256(tokenizer.fingerprint.encode())
        made.update(np.ascontiguousarray(self._matrix).tobytes())
        self.fingerprint = made.hexdigest()
        """Vectors of equal fingerprints may be compared."""

    def to_json(self) -> dict[str, Any]:
        """What an index remembers of whose vectors it has."""
        return {"name": self.name, "fingerprint": self.fingerprint, "width": self.width}

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """(n, C), each row of length 1; of a text without tokens all zeros."""
        sums = np.zeros((len(texts), self.width), dtype=np.float64)
        for row, text in enumerate(texts):
            sums[row] = self._matrix[self._tokenizer.encode(text)].sum(axis=0, dtype=np.float64)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        made: Vectors = (sums / np.maximum(lengths, 1e-12)).astype(np.float32)
        return made

    def stream(self, texts: Iterable[str]) -> Iterator[Vectors]:
        """``vectors``, some texts at a time."""
        batch: list[str] = []
        for text in texts:
            batch.append(text)
            if len(batch) == _BATCH:
                yield self.vectors(batch)
                batch = []
        if batch:
            yield self.vectors(batch)


def open_vectors(path: Path, width: int) -> Vectors:
    """The rows of a file, memory-mapped: (n, ``width``)."""
    if path.stat().st_size == 0:
        return np.zeros((0, width), dtype=np.float32)
    return np.memmap(path, dtype="<f4", mode="r").reshape(-1, width)
