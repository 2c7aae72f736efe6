"""Running text as words, for models that read letters: words are numbered by frequency and spelt out for each batch.

Shapes: B rows, T words of a row, L bytes of a word.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.data.batches import Batch, Batches
from prosa.data.shards import TokenStream
from prosa.tokenizers.word import words

RARE = "<|unk|>"
"""What stands for all words that are not foreseen."""


@dataclass(frozen=True, kw_only=True)
class WordBatch(Batch):
    """Rows of running words: ``inputs`` and ``targets`` are equal, (B, T) int64, 0 where a word is rare.

    Attributes:
        letters: (B, T, L) int16, how each word is spelt, rare or not.
    """

    letters: Tensor


class WordText:
    """The words of some texts, in a row.

    Args:
        texts: read once.
        vocab_size: how many words are foreseen, ``RARE`` included.

    Raises:
        UserError: there are no words.
    """

    def __init__(self, texts: Iterable[str], vocab_size: int) -> None:
        numbers: dict[str, int] = {}
        parts = [np.array([numbers.setdefault(w, len(numbers)) for w in words(text)], np.int64) for text in texts]
        ids = np.concatenate([np.zeros(0, np.int64), *parts])
        if not len(ids):
            raise UserError(tr("there are no words in the text.", "não há palavras no texto."))
        counts = Counter(dict(enumerate(np.bincount(ids).tolist())))
        order = sorted(range(len(numbers)), key=lambda n: (-counts[n], n))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(1, len(order) + 1)
        names = list(numbers)
        self.words = [RARE, *(names[n] for n in order)]
        self.ids: NDArray[np.int64] = rank[ids]
        self.foreseen = min(vocab_size, len(self.words))


class WordBatches:
    """Training batches of running words; ``at(step)`` is a pure function of the seed and the step.

    Args:
        context: T.
        spelt: (words, L): how each of ``text.words`` is spelt.
    """

    def __init__(self, text: WordText, spelt: NDArray[np.int16], *, context: int, batch_size: int, seed: int) -> None:
        self.text, self.spelt = text, spelt
        self.plain = Batches(TokenStream.of_array(text.ids), context=context, batch_size=batch_size, seed=seed)

    @property
    def steps_per_epoch(self) -> int:
        """As ``Batches.steps_per_epoch``."""
        return self.plain.steps_per_epoch

    @property
    def fingerprint(self) -> str:
        """Of the words, their order and how many are foreseen."""
        digest = hashlib.sha256(repr((self.text.words, self.text.foreseen)).encode())
        digest.update(self.text.ids.tobytes())
        return f"tokenizer=words;corpus={digest.hexdigest()[:16]};mixture=none"

    def at(self, step: int, rank: int = 0, world: int = 1) -> WordBatch:
        """The batch of a step; arguments and errors as ``Batches.at``."""
        return self._batch(self.plain.at(step, rank, world).inputs)

    def _batch(self, ids_BT: Tensor) -> WordBatch:
        known_BT = torch.where(ids_BT < self.text.foreseen, ids_BT, 0)
        return WordBatch(inputs=known_BT, targets=known_BT, letters=torch.from_numpy(self.spelt[ids_BT.numpy()]))
