"""Trains word vectors: passes over a stream of words, a falling rate, threads that do not wait for each other.

This is not ``train.loop``: a step moves 3,000 rows of tables that have 100,000, and takes a millisecond; autograd and
the states of a dense optimizer would go over all of them. The gradients are written out in ``models.word2vec`` and
``models.glove``.

Threads (Recht et al. 2011, Hogwild) add to the same tables; what two add to a row at the same moment may be lost, which
is rare. With one thread the same seed gives the same bits.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.core.progress import Bar, progress
from prosa.data.words import WordStream
from prosa.models.glove import GloVe, cooccurrences
from prosa.models.subwords import Parts, Subwords
from prosa.models.word2vec import Layout, Word2Vec, keep_probabilities
from prosa.models.word_vectors import WordVectors
from prosa.train.threads import each
from prosa.train.word_vectors_config import WordVectorsConfig

LAID = 20_000  # words laid out at a time
CHUNK, NEGATIVES, CHUNKS = 32, {"skip-gram": 32, "cbow": 16}, 32
MOST = {"skip-gram": 0.4, "cbow": 0.8}  # rate x times that the most frequent row is in a step: more overshoots
PAIRS = 8192  # of GloVe, a step
BLOWN_UP = 100.0  # nats; an untrained pair has (1 + negatives) ln 2
LOWEST = 1e-4  # the last rate, as a share of the first


@dataclass(frozen=True)
class Trained:
    """Word vectors and how they were made."""

    vectors: WordVectors
    loss: float
    """The mean loss of a pair (cbow: of a word; glove: of a pair of counts) over the last tenth of the training."""
    seconds: float
    """Wall time of the training, without reading."""
    words: int
    """Words gone over, all epochs together (as read, before thinning out)."""


def train_word_vectors(stream: WordStream, config: WordVectorsConfig) -> Trained:
    """Train on a stream by the method of ``config``.

    Raises:
        KeyboardInterrupt: after Ctrl-C; nothing is kept.
    """
    began = time.perf_counter()
    vectors, loss = (_glove if config.method == "glove" else _word2vec)(stream, config)
    return Trained(vectors, loss, time.perf_counter() - began, int(stream.counts.sum()) * config.epochs)


def diverged() -> UserError:
    """The error for a loss that is no number any more."""
    return UserError(
        tr("training diverged: the loss is not a finite number.", "o treino divergiu: a perda não é um número finito."),
        tr("Lower --lr.", "Diminua --lr."),
    )


def _word2vec(stream: WordStream, config: WordVectorsConfig) -> tuple[WordVectors, float]:
    subwords = Subwords(config.min_n, config.max_n, config.buckets) if config.subwords else None
    model = Word2Vec(
        len(stream.words),
        config.dim,
        cbow=config.method == "cbow",
        k=config.negative,
        parts=Parts(stream.words, subwords) if subwords else None,
        seed=config.seed,
    )
    layout = Layout(
        stream.counts,
        window=config.window,
        subsample=config.subsample,
        chunk=CHUNK,
        negatives=NEGATIVES[config.method],
    )
    ids = torch.from_numpy(stream.ids).long()
    kept = stream.counts * keep_probabilities(stream.counts, config.subsample)
    most = (model.parts.occurrences(kept) if model.parts else kept).max()
    chunks = max(1, min(CHUNKS, int(MOST[config.method] / config.rate * kept.sum() / most / CHUNK)))
    with progress(tr("word vectors", "vetores"), len(ids) * config.epochs, tr("words", "palavras")) as bar:
        loss = _in_threads(_Passes(model, layout, ids, config, bar, chunks), config.workers)
    words = len(stream.words)
    table = model.inputs.numpy()
    if subwords is None:
        return WordVectors(stream.words, table, counts=stream.counts), loss
    whole = torch.cat([model.vectors(part) for part in torch.split(torch.arange(words), 4096)]).numpy()
    return WordVectors(stream.words, whole, counts=stream.counts, subwords=subwords, grams=table[words:]), loss


def _in_threads(work: Callable[[int], list[float]], workers: int) -> float:
    """The work of every thread; the mean of the losses of the last tenth."""
    losses = each(work, range(workers), workers)
    last = [loss for row in losses for loss in row[-max(1, len(row) // 10) :]]
    return float(np.mean(last)) if last else float("nan")


@dataclass
class _Passes:
    """All epochs of a worker over its part of the text."""

    model: Word2Vec
    layout: Layout
    ids: Tensor
    config: WordVectorsConfig
    bar: Bar
    chunks: int
    """A step."""
    done: int = 0

    def __call__(self, worker: int) -> list[float]:
        config, total = self.config, len(self.ids) * self.config.epochs
        generator = torch.Generator().manual_seed(config.seed * 1009 + worker)
        part = self.ids.tensor_split(config.workers)[worker]
        losses: list[float] = []
        for _ in range(config.epochs):
            for laid in torch.split(part, LAID):
                chunks = self.layout(laid, generator)
                if chunks is not None:
                    steps = chunks.split(self.chunks)
                    targets = steps[0].pairs.sum() if not self.model.cbow else (steps[0].pairs.sum(-1) > 0).sum()
                    losses.append(float(self.model.loss(steps[0]) / targets.clamp(min=1)))
                    if not losses[-1] < BLOWN_UP:
                        raise diverged()
                    for step in steps:
                        self.model.step(step, config.rate * max(LOWEST, 1 - self.done / total))
                self.done += len(laid)
                self.bar.advance(len(laid), f"{losses[-1]:.3f}" if losses else "")
        return losses


def _glove(stream: WordStream, config: WordVectorsConfig) -> tuple[WordVectors, float]:
    counted = cooccurrences(stream.ids, len(stream.words), config.window)
    model = GloVe(len(stream.words), config.dim, x_max=config.x_max, seed=config.seed)
    i, j = torch.from_numpy(counted.rows), torch.from_numpy(counted.columns)
    x = torch.from_numpy(counted.values).float()
    generator = torch.Generator().manual_seed(config.seed)
    loss = 0.0
    with progress(tr("GloVe", "GloVe"), len(x) * config.epochs, tr("pairs", "pares")) as bar:
        for _ in range(config.epochs):
            loss = 0.0
            for chosen in torch.split(torch.randperm(len(x), generator=generator), PAIRS):
                loss += model.step(i[chosen], j[chosen], x[chosen], config.rate)
                bar.advance(len(chosen))
            if not np.isfinite(loss):
                raise diverged()
    return WordVectors(stream.words, model.vectors().numpy(), counts=stream.counts), loss / max(1, len(x))
