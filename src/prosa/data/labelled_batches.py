"""Batches of labelled texts for classification: each padded at its end, where no token of the text sees it.

A text that is longer than the context keeps its beginning. Rows are read as ``ConversationBatches`` reads its: a batch
is a pure function of the seed and the step.

Shapes: B texts, T the longest, in tokens. A text is a row of one sequence, (B, 1, T), as a ranking is one of several.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.data.batches import Batch
from prosa.data.permutation import drawn
from prosa.tokenizers.frame import Frame
from prosa.tokenizers.protocol import Tokenizer


@dataclass(frozen=True, kw_only=True)
class LabelledBatch(Batch):
    """A batch of texts: ``inputs`` (B, 1, T), ``targets`` (B,), the number of each text's label.

    Attributes:
        ends: (B, 1) int64, where the text's last token is.
    """

    ends: Tensor


@dataclass(frozen=True)
class LabelledFit:
    """What became of the texts."""

    texts: int
    cut: int
    """Longer than the context: only their beginning is read."""
    tokens: int
    padding: float
    """Share of the rows that is padding."""


class LabelledBatches:
    """The training batches of encoded texts.

    Args:
        texts: their ids, at least one each; kept.
        labels: the number of each one's label.
        context: the longest text that the model reads, its frame included.
        batch_size: B, the texts of a step, all ranks together.
        seed: of the order.
        frame: what stands around each text.
    """

    def __init__(
        self,
        texts: Sequence[NDArray[np.uint32]],
        labels: Sequence[int],
        *,
        context: int,
        batch_size: int,
        seed: int,
        frame: Frame = Frame(),
    ) -> None:
        self.batch_size, self.seed = batch_size, seed
        self._texts = [frame.around(ids, context) for ids in texts]
        self._labels = np.array(labels, np.int64)
        self._length = max(map(len, self._texts))
        tokens = sum(map(len, self._texts))
        self.fit = LabelledFit(
            texts=len(texts),
            cut=sum(frame.cuts(ids, context) for ids in texts),
            tokens=tokens,
            padding=1 - tokens / (len(texts) * self._length),
        )

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which as many texts were read as there are (rounded up)."""
        return -(-len(self._texts) // self.batch_size)

    @property
    def fingerprint(self) -> str:
        """Of the ids and the labels, in their order."""
        digest = hashlib.sha256(repr(asdict(self.fit)).encode() + self._labels.tobytes())
        for ids in self._texts:
            digest.update(len(ids).to_bytes(8, "little") + ids.tobytes())
        return f"tokenizer=texts;corpus={digest.hexdigest()[:16]};mixture=none"

    def at(self, step: int, rank: int = 0, world: int = 1) -> LabelledBatch:
        """The batch of a step, B / world texts: rank r has the r-th part of them.

        Raises:
            ValueError: a negative step, a rank outside 0..world-1, or rows that cannot be shared equally.
        """
        return self._batch(drawn(step, self.batch_size, len(self._texts), self.seed, rank, world))

    def once(self) -> Iterator[LabelledBatch]:
        """Every text once, in order; the last batch may have fewer."""
        for first in range(0, len(self._texts), self.batch_size):
            yield self._batch(np.arange(first, min(first + self.batch_size, len(self._texts))))

    def _batch(self, numbers: NDArray[np.int64]) -> LabelledBatch:
        inputs = np.zeros((len(numbers), 1, self._length), np.int64)
        for row, n in enumerate(numbers):
            inputs[row, 0, : len(self._texts[n])] = self._texts[n]
        ends = np.array([[len(self._texts[n]) - 1] for n in numbers], np.int64)
        return LabelledBatch(
            inputs=torch.from_numpy(inputs),
            targets=torch.from_numpy(self._labels[numbers]),
            ends=torch.from_numpy(ends),
        )


def encode_texts(tokenizer: Tokenizer, texts: Sequence[str]) -> list[NDArray[np.uint32]]:
    """The ids of each text, at least one, encoded together.

    Raises:
        UserError: a text with a lone surrogate, or in which the tokenizer sees nothing.
    """
    flat, offsets = tokenizer.encode_batch(texts)
    for text, length in zip(texts, np.diff(offsets), strict=True):
        if not length:
            raise UserError(
                tr(f"for its tokenizer the text {text!r} is empty.", f"para o tokenizador o texto {text!r} é vazio.")
            )
    return np.split(flat, offsets[1:-1]) if len(texts) else []
