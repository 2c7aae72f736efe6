"""Rows of whole conversations for fine-tuning: packed, masked so that none sees another, losses on what is written.

A row holds ``context`` inputs. Conversations are placed whole, the longest first, each into the fullest row that has
room (best fit decreasing; Ding et al. 2024, arXiv 2404.10830), what is left of a row is padding without targets. One
that is longer than a row keeps its beginning. Rows are read in an order that is a stateless permutation for each epoch,
so that a batch is a pure function of the seed and the step.

Shapes: B rows, T = context.
"""

import bisect
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.data.batches import IGNORE, Batch
from prosa.data.permutation import drawn
from prosa.tokenizers.chat import ChatIds


@dataclass(frozen=True)
class Fit:
    """What became of the conversations."""

    conversations: int
    """Those that are trained on, ``cut`` ones included."""
    cut: int
    """Longer than the context: only their beginning is read."""
    dropped: int
    """Nothing that the assistant wrote is within the context: left out."""
    rows: int
    tokens: int
    """Inputs that are not padding."""
    targets: int
    """Tokens that losses are taken of, an epoch."""
    padding: float
    """Share of the rows' inputs that is padding."""


class ConversationBatches:
    """The training batches of encoded conversations.

    Args:
        conversations: their ids; kept.
        context: T, the inputs of a row.
        batch_size: B, the rows of a step, all ranks together.
        seed: of the order.
        pack: several conversations in a row; else one in each.

    Raises:
        UserError: no conversation has anything to learn within the context.
    """

    def __init__(
        self, conversations: Sequence[ChatIds], *, context: int, batch_size: int, seed: int, pack: bool = True
    ) -> None:
        self.context, self.batch_size, self.seed = context, batch_size, seed
        cuts = [_Cut(c.ids[: context + 1], c.written[: context + 1]) for c in conversations]
        kept = [cut for cut in cuts if cut.written[1:].any()]
        if not kept:
            raise UserError(
                tr(
                    f"nothing to learn: none of {number(len(cuts))} conversations has a token of the assistant within "
                    f"the context of {number(context)}.",
                    f"nada a aprender: nenhuma de {number(len(cuts))} conversas tem um token do assistente dentro do "
                    f"contexto de {number(context)}.",
                ),
                tr("Use a longer context or shorter prompts.", "Use um contexto maior ou perguntas menores."),
            )
        self._rows = _pack([len(cut.ids) - 1 for cut in kept], context) if pack else [[n] for n in range(len(kept))]
        self._kept = kept
        tokens = sum(len(cut.ids) - 1 for cut in kept)
        self.fit = Fit(
            conversations=len(kept),
            cut=sum(len(c.ids) > context + 1 and bool(c.written[1 : context + 1].any()) for c in conversations),
            dropped=len(cuts) - len(kept),
            rows=len(self._rows),
            tokens=tokens,
            targets=sum(int(cut.written[1:].sum()) for cut in kept),
            padding=1 - tokens / (len(self._rows) * context),
        )

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which as many rows were read as there are (rounded up)."""
        return -(-len(self._rows) // self.batch_size)

    @property
    def fingerprint(self) -> str:
        """Of the ids and what is written of them, in their order."""
        digest = hashlib.sha256()
        for cut in self._kept:
            digest.update(len(cut.ids).to_bytes(8, "little") + cut.ids.tobytes() + np.packbits(cut.written).tobytes())
        return f"tokenizer=chat;corpus={digest.hexdigest()[:16]};mixture=none"

    def at(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """The batch of a step, (B / world, T): rank r has the r-th part of the rows.

        Raises:
            ValueError: a negative step, a rank outside 0..world-1, or rows that cannot be shared equally.
        """
        chosen = drawn(step, self.batch_size, len(self._rows), self.seed, rank, world)
        return self._batch([self._rows[row] for row in chosen])

    def once(self) -> Iterator[Batch]:
        """Every row once, in order; the last batch may have fewer."""
        for first in range(0, len(self._rows), self.batch_size):
            yield self._batch(self._rows[first : first + self.batch_size])

    def _batch(self, rows: Sequence[Sequence[int]]) -> Batch:
        inputs = np.zeros((len(rows), self.context), np.int64)
        targets = np.full((len(rows), self.context), IGNORE, np.int64)
        documents = np.zeros((len(rows), self.context), np.int64)
        for r, row in enumerate(rows):
            at = 0
            for place, n in enumerate(row):
                ids, written = self._kept[n].ids.astype(np.int64), self._kept[n].written
                end = at + len(ids) - 1
                inputs[r, at:end], documents[r, at:end] = ids[:-1], place
                targets[r, at:end] = np.where(written[1:], ids[1:], IGNORE)
                at = end
            documents[r, at:] = len(row)  # the padding sees no conversation, and is seen by none
        return Batch(torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(documents))


@dataclass(frozen=True, slots=True)
class _Cut:
    """The beginning of a conversation, at most context + 1 ids."""

    ids: NDArray[np.uint32]
    written: NDArray[np.bool_]


def _pack(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Numbers of the lengths, in rows whose sums are at most ``size``; a row's are in their order."""
    rows: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (what is left of a row, its number), sorted
    for n in sorted(range(len(lengths)), key=lambda n: (-lengths[n], n)):
        at = bisect.bisect_left(room, (lengths[n], -1))
        left, row = room.pop(at) if at < len(room) else (size, len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(n)
        bisect.insort(room, (left - lengths[n], row))
    return [sorted(row) for row in rows]
