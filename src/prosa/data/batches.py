"""Batches of tokens for training and validation, (B, T) int64 tensors.

Training: a source's ids are cut into windows of ``context`` inputs (stride = context; the ``context + 1``-th id is the
last target). In each epoch the cuts begin at another offset and the windows come in another order, a stateless
permutation of their numbers (``permutation.py``); sources take turns by weight (``mixing.py``). Row r of step s is
sample s * B + r, and everything about it is computed from that number and the seed: nothing is read or remembered of
the steps before, and a step's rows are the same for any number of ranks.

    sample i -> (source, j)            mixing: j-th sample of that source
    j -> epoch e = j // n, place p = j % n, with n windows in the source
    window = permute(p, n, seed(source, e));  start = offset(source, e) + window * context
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.data.mixing import Mixture, check_weights
from prosa.data.packing import document_numbers
from prosa.data.permutation import derive_seed, permute
from prosa.data.shards import TokenFolder, TokenStream
from prosa.data.windows import count_windows

IGNORE = -100  # a target that counts in no loss; torch's own ``ignore_index``


@dataclass(frozen=True)
class Batch:
    """One batch: ``targets[b, t]`` is the id that follows ``inputs[b, t]``.

    Attributes:
        inputs: (B, T) int64.
        targets: (B, T) int64, ``IGNORE`` where there is no target.
        documents: (B, T) int64, numbers that differ between a row's documents, for document masking; or None. An
            end-of-text has the number of the document that follows it (see ``packing.py``).
    """

    inputs: Tensor
    targets: Tensor
    documents: Tensor | None = None

    @property
    def count(self) -> int:
        """How much there is to read, in ``unit``: what speed is measured by."""
        return self.inputs.numel()

    @property
    def unit(self) -> str:
        """What is counted."""
        return "tokens"


@dataclass(frozen=True)
class _Windows:
    """One source's stream, cut into ``count`` windows of ``context`` inputs at any of ``offsets`` offsets."""

    name: str
    weight: float
    stream: TokenStream
    context: int
    count: int
    offsets: int

    @classmethod
    def cut(cls, name: str, weight: float, stream: TokenStream, context: int) -> "_Windows":
        if len(stream) < context + 1:
            where = tr(f" in source {name!r}", f" na fonte {name!r}") if name else ""
            raise UserError(
                tr(
                    f"a context of {number(context)} needs at least {number(context + 1)} tokens{where}, "
                    f"and there are {number(len(stream))}.",
                    f"um contexto de {number(context)} precisa de pelo menos {number(context + 1)} tokens{where}, "
                    f"e há {number(len(stream))}.",
                ),
                tr("Use a shorter context or more text.", "Use um contexto menor ou mais texto."),
            )
        # as many as fit at every offset 0..context-1; where not even one would, one, at the offsets it fits at
        count = max(1, len(stream) // context - 1)
        return cls(name, weight, stream, context, count, min(context, len(stream) - count * context))

    def starts(self, j: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
        """Where the j-th samples of this source begin in its stream, int64 of the shape of ``j``."""
        epochs, places = np.divmod(j, self.count)
        result = np.empty_like(j)
        for epoch in np.unique(epochs):
            now = epochs == epoch
            offset = derive_seed(seed, self.name, int(epoch), "offset") % self.offsets
            windows = permute(places[now], self.count, derive_seed(seed, self.name, int(epoch), "order"))
            result[now] = offset + windows * self.context
        return result


class Batches:
    """The training batches of a token folder: ``at(step)`` is a pure function of the seed and the step.

    Args:
        data: a token folder, whose sources are mixed by their weights; or a stream or array of ids (n,).
        split: which split of the folder.
        context: T, the inputs of a row.
        batch_size: B, the rows of a step, all ranks together.
        seed: of the order; another seed gives another order of the same windows.
        document_mask: number the documents of each row (``Batch.documents``).

    Raises:
        UserError: a source is shorter than ``context + 1`` tokens, a weight is not above 0, or a size is below 1.
    """

    def __init__(
        self,
        data: TokenFolder | TokenStream | ArrayLike,
        *,
        split: str = "train",
        context: int,
        batch_size: int,
        seed: int,
        document_mask: bool = False,
    ) -> None:
        _check_sizes(context, batch_size)
        streams = _streams(data, split)
        check_weights([weight for _, weight, _ in streams], [name for name, _, _ in streams])
        self.context, self.batch_size, self.seed, self.document_mask = context, batch_size, seed, document_mask
        self.sources = [_Windows.cut(name, weight, stream, context) for name, weight, stream in streams]
        self.mixture = Mixture([source.weight for source in self.sources])
        self._fingerprint = data.fingerprint if isinstance(data, TokenFolder) else None

    @property
    def tokens_per_step(self) -> int:
        """Targets of a step, all ranks together."""
        return self.batch_size * self.context

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which as many windows were drawn as all sources have (rounded up)."""
        return -(-sum(source.count for source in self.sources) // self.batch_size)

    @property
    def fingerprint(self) -> str:
        """What ``check_same`` compares: of the tokenizer, the ids and the weights."""
        if self._fingerprint is None:
            digest, stream = hashlib.sha256(), self.sources[0].stream
            for start in range(0, len(stream), 2**20):
                digest.update(stream.tokens(start, min(len(stream), start + 2**20)).astype("<i8").tobytes())
            self._fingerprint = f"tokenizer=none;corpus={digest.hexdigest()[:16]};mixture=none"
        return self._fingerprint

    def epochs(self, steps: int) -> dict[str, float]:
        """How many times each source has been read after ``steps`` steps: name -> windows drawn / windows there are."""
        drawn = self.mixture.counts(steps * self.batch_size)
        return {source.name: int(n) / source.count for source, n in zip(self.sources, drawn, strict=True)}

    def at(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """The batch of a step, (B / world, T): rank r has the r-th part of the rows that one rank alone would have.

        Raises:
            UserError: the batch cannot be shared equally among ``world`` ranks.
            ValueError: a negative step, or a rank outside 0..world-1.
        """
        if step < 0 or not 0 <= rank < world:
            raise ValueError(f"step = {step}, rank = {rank}, world = {world}")
        if self.batch_size % world:
            raise UserError(
                tr(
                    f"a batch of {self.batch_size} rows cannot be shared equally among {world} processes.",
                    f"um lote de {self.batch_size} linhas não se divide igualmente entre {world} processos.",
                ),
                tr(f"Use a batch size that is a multiple of {world}.", f"Use um tamanho de lote múltiplo de {world}."),
            )
        rows = self.batch_size // world
        first = step * self.batch_size + rank * rows
        chosen, j = self.mixture.sample(np.arange(first, first + rows, dtype=np.int64))
        ids = np.empty((rows, self.context + 1), np.int64)
        numbers = np.empty((rows, self.context + 1), np.int64) if self.document_mask else None
        for k in np.unique(chosen):
            source, now = self.sources[k], np.flatnonzero(chosen == k)
            for row, start in zip(now, source.starts(j[now], self.seed), strict=True):
                ids[row] = source.stream.tokens(int(start), int(start) + self.context + 1)
                if numbers is not None:
                    numbers[row] = _numbers(source.stream, int(start), ids[row])
        return _batch(ids, numbers, self.sources[0].stream.end_of_text)


def validation_batches(
    data: TokenFolder | TokenStream | ArrayLike,
    split: str = "held_out",
    *,
    context: int,
    batch_size: int,
    max_windows: int | None = None,
    document_mask: bool = False,
) -> Iterator[Batch]:
    """Batches that cover a split once, in order, source after source; every id but a source's first is a target once.

    Windows do not overlap. A source's last one may be partial: its inputs are padded with 0 and its targets with
    ``IGNORE``. The last batch may have fewer rows.

    Args:
        max_windows: at most so many windows, evenly spread over the split; None takes all.

    Raises:
        UserError: the split has no token to foresee, or a size is below 1.
    """
    _check_sizes(context, batch_size)
    streams = [stream for _, _, stream in _streams(data, split)]
    places = [(k, w * context) for k, s in enumerate(streams) for w in range(count_windows(len(s), 1, context))]
    if not places:
        raise UserError(
            tr(f"the {split} split has no tokens to measure on.", f"a divisão {split} não tem tokens para medir."),
            tr("Use more text, or hold more of it out.", "Use mais texto, ou separe mais dele."),
        )
    if max_windows is not None and max_windows < len(places):
        if max_windows < 1:
            raise ValueError(f"max_windows = {max_windows} must be at least 1")
        places = [places[i * len(places) // max_windows] for i in range(max_windows)]
    return _sequential(streams, places, context, batch_size, document_mask)


def _sequential(
    streams: list[TokenStream], places: list[tuple[int, int]], context: int, batch_size: int, document_mask: bool
) -> Iterator[Batch]:
    for first in range(0, len(places), batch_size):
        chosen = places[first : first + batch_size]
        ids = np.full((len(chosen), context + 1), IGNORE, np.int64)
        numbers = np.zeros((len(chosen), context + 1), np.int64) if document_mask else None
        for row, (k, start) in enumerate(chosen):
            found = streams[k].tokens(start, min(len(streams[k]), start + context + 1))
            ids[row, : len(found)] = found
            if numbers is not None:
                numbers[row, : len(found)] = _numbers(streams[k], start, found)
        yield _batch(ids, numbers, streams[0].end_of_text)


def _batch(ids: NDArray[np.int64], numbers: NDArray[np.int64] | None, end_of_text: int | None) -> Batch:
    """Rows of context + 1 ids (IGNORE: padding) and their documents' numbers -> inputs and targets one to the right."""
    inputs, targets = ids[:, :-1].copy(), ids[:, 1:].copy()
    inputs[inputs == IGNORE] = 0
    if numbers is None:
        return Batch(torch.from_numpy(inputs), torch.from_numpy(targets))
    if end_of_text is None:  # nothing announces the next document, so its first token cannot be foreseen
        targets[numbers[:, 1:] != numbers[:, :-1]] = IGNORE
    documents = numbers[:, :-1].copy()
    return Batch(torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(documents))


def _numbers(stream: TokenStream, start: int, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Document numbers, from 0, of the ids that begin at ``start`` of the stream; shape of ``ids``."""
    if stream.end_of_text is not None:
        return document_numbers(ids, stream.end_of_text)
    numbers = stream.document_of(np.arange(start, start + len(ids)))
    numbers -= numbers[0]
    return numbers


def _streams(data: TokenFolder | TokenStream | ArrayLike, split: str) -> list[tuple[str, float, TokenStream]]:
    """Name, weight and ids of each source."""
    if isinstance(data, TokenFolder):
        return [(source.name, source.weight, data.stream(split, source.name)) for source in data.sources]
    return [("", 1.0, data if isinstance(data, TokenStream) else TokenStream.of_array(data))]


def _check_sizes(context: int, batch_size: int) -> None:
    for name, value in (("context", context), ("batch_size", batch_size)):
        if value < 1:
            raise UserError(
                tr(f"{name} is {value}; it must be at least 1.", f"{name} é {value}; precisa ser pelo menos 1.")
            )


def check_same(old: str, new: str) -> None:
    """Refuse to resume a run on other data than it began with.

    Args:
        old: the fingerprint kept in the checkpoint.
        new: that of the data given now.

    Raises:
        UserError: they differ; says whether the tokenizer, the text or the weights changed.
    """
    if old == new:
        return
    parts = {
        "tokenizer": tr("the tokenizer is another", "o tokenizador é outro"),
        "corpus": tr("the text of the corpus changed", "o texto do corpus mudou"),
        "mixture": tr("the sources' names or weights changed", "os nomes ou os pesos das fontes mudaram"),
        "reference": tr("the model that it began with changed", "o modelo com que começou mudou"),
    }
    before, after = (dict(item.partition("=")[::2] for item in text.split(";")) for text in (old, new))
    changed = [why for part, why in parts.items() if before.get(part) != after.get(part)]
    if before.get("tokenizer") != after.get("tokenizer"):
        changed = changed[:1]  # other ids follow from it
    raise UserError(
        tr("the data is not what this run began with: ", "os dados não são os mesmos com que esta execução começou: ")
        + "; ".join(changed)
        + ".",
        tr(
            "Resume with what it began with, or start a new run in another folder.",
            "Retome com o que havia no começo, ou comece uma nova execução em outra pasta.",
        ),
    )
