"""A text as a vector: the mean of what the model makes of its tokens, at length 1.

    v(text) = Σ_t h_t / |Σ_t h_t|       h = model.hidden(ids): (B, T, C), the last layer after the final norm

A text longer than the model's context is read in windows of it, and the mean goes over all tokens. A language model is
not trained to put texts of like meaning near each other: how well that works is measured (benchmarks/retrieval.py).
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

_ROWS = 16  # windows read at a time


class Embedder:
    """Makes vectors with a model.

    Args:
        name: of the model, for messages.
        fingerprint: of its weights and tokenizer; vectors of equal fingerprints may be compared.
    """

    def __init__(self, model: "GPT", tokenizer: "Tokenizer", *, name: str, fingerprint: str) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer
        self.name, self.fingerprint = name, fingerprint
        self.width = model.config.d_model

    def to_json(self) -> dict[str, Any]:
        """What an index remembers of whose vectors it has."""
        return {"name": self.name, "fingerprint": self.fingerprint, "width": self.width}

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """(n, C), each row of length 1; of a text without tokens all zeros."""
        import torch

        context = self.model.config.context
        windows = [
            (row, ids[start : start + context])
            for row, ids in enumerate(map(self.tokenizer.encode, texts))
            for start in range(0, len(ids), context)
        ]
        windows.sort(key=lambda window: len(window[1]))
        sums = np.zeros((len(texts), self.width), dtype=np.float64)
        device = next(self.model.parameters()).device
        for start in range(0, len(windows), _ROWS):
            some = windows[start : start + _ROWS]
            longest = max(len(ids) for _, ids in some)
            ids_BT = torch.tensor([ids + [0] * (longest - len(ids)) for _, ids in some], device=device)
            with torch.inference_mode():
                hidden_BTC = self.model.hidden(ids_BT).float()  # what stands after a text's end, its tokens cannot see
            for (row, ids), hidden_TC in zip(some, hidden_BTC, strict=True):
                sums[row] += hidden_TC[: len(ids)].sum(dim=0).cpu().numpy()
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return (sums / np.maximum(lengths, 1e-12)).astype(np.float32)

    def stream(self, texts: Iterable[str]) -> Iterator[Vectors]:
        """``vectors``, some texts at a time."""
        batch: list[str] = []
        for text in texts:
            batch.append(text)
            if len(batch) == 4 * _ROWS:
                yield self.vectors(batch)
                batch = []
        if batch:
            yield self.vectors(batch)


def fingerprint(folder: Path, tokenizer_fingerprint: str) -> str:
    """Of a model folder: SHA-256 over its weights and its tokenizer's fingerprint."""
    made = hashlib.sha256(tokenizer_fingerprint.encode())
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            made.update(hashlib.file_digest(file, "sha256").digest())
    return made.hexdigest()


def open_vectors(path: Path, width: int) -> Vectors:
    """The rows of a file, memory-mapped: (n, ``width``)."""
    if path.stat().st_size == 0:
        return np.zeros((0, width), dtype=np.float32)
    return np.memmap(path, dtype="<f4", mode="r").reshape(-1, width)
