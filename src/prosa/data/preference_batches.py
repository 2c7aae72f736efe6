"""Rows of rankings for learning from preferences: a prompt and its K answers in a row, each a sequence of its own.

A row's answers stay together whatever shares rows out (micro-batches, threads, processes), and are padded at their end,
where no token before sees it. An answer is whole or absent: one that is longer than the context would be judged by its
beginning. Rows are read as ``ConversationBatches`` reads its: a batch is a pure function of the seed and the step.

Shapes: B rankings, K the most answers of one, T the longest sequence, P the most pairs of one.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.data.batches import IGNORE, Batch
from prosa.data.permutation import drawn
from prosa.data.preferences import Ranking
from prosa.tokenizers.chat import ChatEncoder, Message


@dataclass(frozen=True, kw_only=True)
class PreferenceBatch(Batch):
    """A batch of rankings; ``inputs`` and ``targets`` are (B, K, T).

    ``inputs`` hold prompt, answer and the end of the answer's turn; ``targets`` the answer's tokens and that end, each
    at the token before it, and ``IGNORE`` elsewhere.

    Attributes:
        ends: (B, K) int64, where a sequence's last token is; -1: the ranking has no such answer.
        pairs: (B, P, 2) int64, which of a row's answers is better and which worse; -1: no such pair.
        numbers: (B,) int64, the rankings' numbers, 0 to ``PreferenceBatches.fit.rankings`` - 1.
    """

    ends: Tensor
    pairs: Tensor
    numbers: Tensor

    @property
    def better_and_worse(self) -> tuple[Tensor, Tensor]:
        """The pairs as indices into a (B * K,) tensor of a figure for each answer: two (pairs,) int64."""
        first = torch.arange(len(self.pairs), device=self.pairs.device)[:, None, None] * self.ends.shape[1]
        flat = (self.pairs + first)[self.pairs[..., 0] >= 0]
        return flat[:, 0], flat[:, 1]


@dataclass(frozen=True, slots=True)
class EncodedRanking:
    """A ranking as ids.

    Attributes:
        answers: each answer's ids, with the prompt before them, the best answer first; uint32.
        given: how many ids come before an answer: the prompt and ``<|assistant|>``.
        pairs: as ``Ranking.pairs``.
    """

    answers: tuple[NDArray[np.uint32], ...]
    given: int
    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class PreferenceFit:
    """What became of the rankings."""

    rankings: int
    """Those that are learnt from, ``cut`` ones included."""
    pairs: int
    """Of a better and a worse answer, in all of them."""
    cut: int
    """Some of the answers are longer than the context and are left out."""
    dropped: int
    """No pair is left within the context: left out."""
    tokens: int
    """Inputs that are not padding."""
    targets: int
    """Tokens of the answers."""
    padding: float
    """Share of the answers' rows that is padding."""


class PreferenceBatches:
    """The training batches of encoded rankings.

    Args:
        rankings: kept.
        context: the longest sequence that the model reads.
        batch_size: B, the rankings of a step, all ranks together.
        seed: of the order.

    Raises:
        UserError: no ranking has a pair of answers that fit the context.
    """

    def __init__(self, rankings: Sequence[EncodedRanking], *, context: int, batch_size: int, seed: int) -> None:
        self.context, self.batch_size, self.seed = context, batch_size, seed
        kept = [fitting for ranking in rankings if (fitting := _fitting(ranking, context)).pairs]
        if not kept:
            raise UserError(
                tr(
                    f"nothing to learn: none of {number(len(rankings))} rankings has two answers of different rank "
                    f"that fit the context of {number(context)} with their prompt.",
                    f"nada a aprender: nenhuma de {number(len(rankings))} preferências tem duas respostas de posições "
                    f"diferentes que caibam, com a pergunta, no contexto de {number(context)}.",
                ),
                tr("Use a model with a longer context, or shorter texts.", "Use um contexto maior ou textos menores."),
            )
        self._kept = kept
        lengths = [len(ids) for ranking in kept for ids in ranking.answers]
        self._answers, self._length = max(len(ranking.answers) for ranking in kept), max(lengths)
        self._pairs = max(len(ranking.pairs) for ranking in kept)
        self.fit = PreferenceFit(
            rankings=len(kept),
            pairs=sum(len(ranking.pairs) for ranking in kept),
            cut=sum(any(len(ids) > context for ids in r.answers) for r in rankings) - (len(rankings) - len(kept)),
            dropped=len(rankings) - len(kept),
            tokens=sum(lengths),
            targets=sum(len(ids) - ranking.given for ranking in kept for ids in ranking.answers),
            padding=1 - sum(lengths) / (len(lengths) * self._length),
        )

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which as many rankings were read as there are (rounded up)."""
        return -(-len(self._kept) // self.batch_size)

    @property
    def fingerprint(self) -> str:
        """Of the ids and the pairs, in their order."""
        digest = hashlib.sha256()
        for ranking in self._kept:
            digest.update(repr((ranking.given, ranking.pairs, [len(ids) for ids in ranking.answers])).encode())
            for ids in ranking.answers:
                digest.update(ids.tobytes())
        return f"tokenizer=chat;corpus={digest.hexdigest()[:16]};mixture=none"

    def at(self, step: int, rank: int = 0, world: int = 1) -> PreferenceBatch:
        """The batch of a step, B / world rankings: rank r has the r-th part of them.

        Raises:
            ValueError: a negative step, a rank outside 0..world-1, or rows that cannot be shared equally.
        """
        return self._batch(drawn(step, self.batch_size, len(self._kept), self.seed, rank, world))

    def once(self, rows: int | None = None) -> Iterator[PreferenceBatch]:
        """Every ranking once, in order, ``rows`` (None: a step's) at a time; the last batch may have fewer."""
        rows = rows or self.batch_size
        for first in range(0, len(self._kept), rows):
            yield self._batch(np.arange(first, min(first + rows, len(self._kept))))

    def _batch(self, numbers: NDArray[np.int64]) -> PreferenceBatch:
        shape = (len(numbers), self._answers, self._length)
        inputs, targets = np.zeros(shape, np.int64), np.full(shape, IGNORE, np.int64)
        ends = np.full(shape[:2], -1, np.int64)
        pairs = np.full((len(numbers), self._pairs, 2), -1, np.int64)
        for row, n in enumerate(numbers):
            ranking = self._kept[n]
            pairs[row, : len(ranking.pairs)] = ranking.pairs
            for k, ids in enumerate(ranking.answers):
                inputs[row, k, : len(ids)] = ids
                targets[row, k, ranking.given - 1 : len(ids) - 1] = ids[ranking.given :]
                ends[row, k] = len(ids) - 1
        return PreferenceBatch(
            inputs=torch.from_numpy(inputs),
            targets=torch.from_numpy(targets),
            ends=torch.from_numpy(ends),
            pairs=torch.from_numpy(pairs),
            numbers=torch.from_numpy(numbers),
        )


def encode_rankings(encoder: ChatEncoder, rankings: Sequence[Ranking]) -> list[EncodedRanking]:
    """The ids of rankings; all texts are encoded together."""
    turns = [(*r.prompt, Message("assistant", answer)) for r in rankings for answer in r.answers]
    encoded = iter(encoder.encode_batch(turns))
    found = []
    for ranking in rankings:
        answers = [next(encoded) for _ in ranking.answers]
        given = int(answers[0].ends[-2]) + 1
        found.append(EncodedRanking(tuple(ids.ids for ids in answers), given, tuple(ranking.pairs())))
    return found


def _fitting(ranking: EncodedRanking, context: int) -> EncodedRanking:
    """The ranking of those answers that fit."""
    fits = [n for n, ids in enumerate(ranking.answers) if len(ids) <= context]
    place = {n: k for k, n in enumerate(fits)}
    pairs = tuple((place[i], place[j]) for i, j in ranking.pairs if i in place and j in place)
    return EncodedRanking(tuple(ranking.answers[n] for n in fits), ranking.given, pairs)
