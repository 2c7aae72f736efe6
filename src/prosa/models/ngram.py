"""Interpolated Kneser-Ney n-gram language model over token ids (Kneser & Ney 1995; Chen & Goodman 1998, section 4.1).

With c the number of times an n-gram was seen, at the highest order, and below it the number of distinct tokens that
were seen before it (its continuation count), a history h' being h without its oldest token:

    p(w | h) = max(c(hw) − D, 0) / c(h·)  +  D · distinct(h·) / c(h·) · p(w | h')
    p(w)     = max(c(w) − D, 0) / c(·)    +  D · distinct(·) / c(·) / V

A history never seen falls to the lower order whole. D is one number, or one an order. Every distribution sums to 1.

**Documents.** With an ``end_of_text`` each document is read as ``<eot> tokens <eot>``: the first is a history and is
never predicted, the last is predicted. No n-gram crosses from a document to the next, and one that begins with the
first ``<eot>``, to the left of which there is nothing, has its plain count at every order. Without an ``end_of_text``
a document is its tokens alone.

**Storage.** Every distinct n-gram of order k is a number (a node): its rank among the sorted keys
``node of its first k − 1 tokens · V + last token``. So the children of a history lie side by side, a lookup is a
binary search, and counting is one sort an order.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
MAX_ORDER = 7  # Markov order 6: each token depends on the six before it
T = TypeVar("T")


class CountModel(Protocol):
    """What the models of this file have in common."""

    vocab_size: int

    def log_probs(self, ids: ArrayLike, history: ArrayLike = ()) -> Floats:
        """Log-probability (nats) of each of ``ids`` (n,), the first of which follows ``history``; shape (n,)."""
        ...

    def next_distribution(self, history: ArrayLike = ()) -> Floats:
        """Probability of every token after ``history``, shape (V,), summing to 1."""
        ...


def ngrams(sequence: Sequence[T], n: int) -> Iterator[tuple[T, ...]]:
    """The runs of ``n`` neighbours in a text or a list of words or ids, left to right, repeats included."""
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")
    return zip(*(sequence[i:] for i in range(n)), strict=False)


@dataclass(frozen=True)
class Counts:
    """Every n-gram of a training text up to some order; ``[k - 1]`` is order k. Build it with ``count_ngrams``."""

    vocab_size: int
    keys: list[Ids]  # sorted; order 1: the token ids themselves, 0..V-1
    raw: list[NDArray[np.int32]]  # times seen
    continuation: list[NDArray[np.int32]]  # distinct left neighbours; one order fewer

    @property
    def order(self) -> int:
        """The highest order counted."""
        return len(self.keys)

    def nodes(self, order: int, history: Ids, token: Ids) -> Ids:
        """Node of each n-gram ``history`` (a node of order - 1, or -1) + ``token``; -1 where it was not seen."""
        keys, wanted = self.keys[order - 1], history * self.vocab_size + token
        if not len(keys):
            return np.full(np.shape(wanted), -1)
        found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((history >= 0) & (keys[found] == wanted), found, -1)


def count_ngrams(documents: Iterable[ArrayLike], order: int, vocab_size: int, end_of_text: int | None = None) -> Counts:
    """Count every n-gram of orders 1 to ``order`` (the module's docstring says how documents meet).

    20 M tokens (52 MB of Portuguese in GPT-2's tokens) at order 5: 29 s and 2.2 GB at the peak, on one core.

    Raises:
        UserError: order not in 1..7, an id not in 0..vocab_size-1, or nothing to count.
    """
    if not 1 <= order <= MAX_ORDER:
        raise UserError(
            tr(
                f"n-gram order {order}: it must be from 1 to {MAX_ORDER}.",
                f"ordem {order} de n-grama: precisa ser de 1 a {MAX_ORDER}.",
            )
        )
    tokens, first = _flatten(documents, vocab_size, end_of_text)
    marked = end_of_text is not None  # every document begins with a token that is only a history
    node = tokens  # node of the n-gram that ends at each position, -1 where the document does not reach so far back
    keys, raw, continuation = [np.arange(vocab_size)], [_bincount(tokens[~first] if marked else tokens, vocab_size)], []
    opening = first  # whether the n-gram that ends here begins its document
    for k in range(2, order + 1):
        history = np.concatenate(([-1], node[:-1]))
        history[first] = -1
        ends = np.flatnonzero(history >= 0)
        distinct, at = np.unique(history[ends] * vocab_size + tokens[ends], return_inverse=True)
        longer = np.full(len(tokens), -1)
        longer[ends] = at
        suffix = np.empty(len(distinct), dtype=np.int64)  # each n-gram without its first token
        suffix[at] = node[ends]
        continuation.append(_bincount(suffix, len(keys[-1])))
        if marked and k > 2:
            continuation[-1] += _bincount(node[opening], len(keys[-1]))
        opening = np.concatenate(([False], opening[:-1])) & (longer >= 0)
        node = longer
        keys.append(distinct)
        raw.append(_bincount(at, len(distinct)))
    return Counts(vocab_size, keys, raw, continuation)


def _documents(given: Any) -> Iterable[ArrayLike]:
    """``given``, or a list of it alone where it is one document: a row of integers."""
    if isinstance(given, np.ndarray):
        return given if given.ndim > 1 or given.dtype == object else [given]
    if isinstance(given, Sequence) and given and isinstance(given[0], int | np.integer):
        return [given]
    documents: Iterable[ArrayLike] = given
    return documents


def _flatten(documents: Iterable[ArrayLike], vocab_size: int, end_of_text: int | None) -> tuple[Ids, NDArray[np.bool_]]:
    """All documents end to end, with their marks, (n,), and whether each position is its document's first, (n,)."""
    mark = [] if end_of_text is None else [end_of_text]
    parts = [np.concatenate((mark, as_ids(d, vocab_size), mark)) for d in documents]
    parts = [part for part in parts if len(part) > 2 * len(mark)]
    if not parts:
        raise UserError(tr("no training tokens to count.", "não há tokens de treino para contar."))
    tokens = np.concatenate(parts).astype(np.int64)
    first = np.zeros(len(tokens), dtype=np.bool_)
    first[np.cumsum([0] + [len(part) for part in parts[:-1]])] = True
    return tokens, first


def as_ids(ids: ArrayLike, vocab_size: int) -> Ids:
    """``ids`` as an int64 array (n,).

    Raises:
        UserError: an id is not in 0..vocab_size-1.
    """
    array = np.asarray(ids)
    if array.ndim != 1:
        raise ValueError(f"token ids are a row of integers, not an array of shape {array.shape}")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"token ids are integers, not {array.dtype}")
    array = array.astype(np.int64)
    wrong = array[(array < 0) | (array >= vocab_size)]
    if len(wrong):
        raise UserError(
            tr(
                f"token id {wrong[0]} is outside the vocabulary (0 to {vocab_size - 1}).",
                f"o id de token {wrong[0]} está fora do vocabulário (0 a {vocab_size - 1}).",
            ),
            tr("Use the tokenizer that made these ids.", "Use o tokenizador que gerou estes ids."),
        )
    return array


def _bincount(values: Ids, length: int) -> NDArray[np.int32]:
    return np.bincount(values, minlength=length).astype(np.int32)


class KneserNey:
    """Interpolated Kneser-Ney of orders 1 to 7: ``fit``, then ``log_probs``, ``next_distribution``, ``generate``."""

    def __init__(
        self, order: int, vocab_size: int, discount: float | Sequence[float] = 0.75, *, end_of_text: int | None = None
    ) -> None:
        discounts = (discount,) * order if isinstance(discount, int | float) else tuple(discount)
        if len(discounts) != order or not all(0 < d <= 1 for d in discounts):
            raise UserError(
                tr(
                    f"discount {discount}: one number, or {order} from order 1 up, each above 0 and at most 1.",
                    f"desconto {discount}: um número, ou {order} da ordem 1 em diante, cada um acima de 0 e até 1.",
                )
            )
        self.order, self.vocab_size = order, vocab_size
        self.discounts = discounts
        self.end_of_text = end_of_text

    def fit(self, documents: Iterable[ArrayLike] | ArrayLike | Counts) -> "KneserNey":
        """Learn from the ids of each document, or of one, or from counts of at least this order.

        Raises:
            UserError: as ``count_ngrams``; counts of too low an order or of another vocabulary.
        """
        if not isinstance(documents, Counts):
            documents = count_ngrams(_documents(documents), self.order, self.vocab_size, self.end_of_text)
        if documents.order < self.order or documents.vocab_size != self.vocab_size:
            raise ValueError(f"counts of order {documents.order}, V={documents.vocab_size} do not fit this model")
        self.counts = documents
        self._kept: list[Floats] = []  # count − D of each n-gram
        self._total: list[Floats] = []  # c(h·) of each history
        self._share: list[Floats] = []  # weight of the lower order after each history; 1 where it was never seen
        for k in range(1, self.order + 1):
            count = documents.raw[k - 1] if k == self.order else documents.continuation[k - 1]
            kept = np.maximum(count - self.discounts[k - 1], 0.0)
            parents = 1 if k == 1 else len(documents.keys[k - 2])
            parent = np.zeros(len(count), np.int64) if k == 1 else documents.keys[k - 1] // self.vocab_size
            total = np.bincount(parent, weights=count, minlength=parents)
            freed = total - np.bincount(parent, weights=kept, minlength=parents)
            self._kept.append(kept)
            self._total.append(np.maximum(total, 1.0))
            self._share.append(np.where(total > 0, freed / np.maximum(total, 1.0), 1.0))
        return self

    def log_probs(self, ids: ArrayLike, history: ArrayLike = ()) -> Floats:
        """Log-probability (nats) of each of ``ids`` (n,), the first of which follows ``history``; shape (n,).

        Raises:
            UserError: an id outside the vocabulary.
        """
        past = as_ids(history, self.vocab_size)
        past = past[max(0, len(past) - self.order + 1) :]
        tokens = np.concatenate((past, as_ids(ids, self.vocab_size)))
        node = tokens
        p = self._kept[0][tokens] / self._total[0][0] + self._share[0][0] / self.vocab_size
        for k in range(2, self.order + 1):
            before = np.concatenate(([-1], node))[:-1]
            seen = before >= 0
            if not seen.any() or not len(self._kept[k - 1]):
                break
            node = self.counts.nodes(k, before, tokens)
            history_of = before[seen]
            kept = np.where(node[seen] >= 0, self._kept[k - 1][node[seen]], 0.0)
            p[seen] = kept / self._total[k - 1][history_of] + self._share[k - 1][history_of] * p[seen]
        nats: Floats = np.log(p[len(past) :])
        return nats

    def next_distribution(self, history: ArrayLike = ()) -> Floats:
        """Probability of every token after ``history`` (oldest first), shape (V,), summing to 1."""
        past = as_ids(history, self.vocab_size)
        V, keys = self.vocab_size, self.counts.keys
        p: Floats = self._kept[0] / self._total[0][0] + self._share[0][0] / V
        for k in range(2, min(self.order, len(past) + 1) + 1):
            node = past[-(k - 1)]
            for j, token in enumerate(past[len(past) - k + 2 :], start=2):
                node = self.counts.nodes(j, node, token)
            if node < 0:
                break  # a longer history holds this one: not seen either
            low, high = np.searchsorted(keys[k - 1], [node * V, (node + 1) * V])
            p *= self._share[k - 1][node]
            p[keys[k - 1][low:high] - node * V] += self._kept[k - 1][low:high] / self._total[k - 1][node]
        return p

    def generate(self, history: ArrayLike = (), *, max_tokens: int, temperature: float = 1.0, seed: int = 0) -> Ids:
        """Sample up to ``max_tokens`` ids after ``history``; stops before ``end_of_text``. Temperature 0 is greedy.

        With an ``end_of_text`` and no history the text begins as documents do.
        """
        past = as_ids(history, self.vocab_size).tolist()
        if not past and self.end_of_text is not None:
            past = [self.end_of_text]
        given = len(past)
        generator = np.random.default_rng(seed)
        while len(past) < given + max_tokens:
            p = self.next_distribution(past[-self.order :])
            if temperature > 0:
                weights = (p / p.max()) ** (1 / temperature)
                token = int(generator.choice(self.vocab_size, p=weights / weights.sum()))
            else:
                token = int(p.argmax())
            if token == self.end_of_text:
                break
            past.append(token)
        return np.array(past[given:], dtype=np.int64)


class Unigram:
    """p(w) = (c(w) + add) / (N + add · V) whatever the history: how far plain frequencies go (Lidstone 1920)."""

    def __init__(self, counts: ArrayLike, add: float = 0.01) -> None:
        seen = np.asarray(counts, dtype=np.float64)
        self.vocab_size = len(seen)
        self._p: Floats = (seen + add) / (seen.sum() + add * len(seen))

    def log_probs(self, ids: ArrayLike, history: ArrayLike = ()) -> Floats:
        """As ``KneserNey.log_probs``; the history has no effect."""
        nats: Floats = np.log(self._p[as_ids(ids, self.vocab_size)])
        return nats

    def next_distribution(self, history: ArrayLike = ()) -> Floats:
        """The same for every history, shape (V,)."""
        return self._p.copy()


def uniform(vocab_size: int) -> Unigram:
    """Every token equally likely: ln V nats a token, the loss of an untrained model."""
    return Unigram(np.zeros(vocab_size), add=1.0)
