"""How much is uncertain of the next token once the k before it are known, by Markov order k (Shannon 1951).

Order k looks back on k tokens, so it counts (k + 1)-grams. Two figures an order, in bits a token:

- of the training text, the conditional entropy of its own frequencies,
      F(k) = Σ over (k + 1)-grams hw of  c(hw) / N · log2( c(h·) / c(hw) ),
  which falls towards 0 with k whatever the text is: soon every history was seen once, and says what came next;
- of held-out text, the cross-entropy of Kneser-Ney, which has to guess: it stops falling where the counts run out.

What lies between them is what counting learnt by heart. Bits a byte compare units: a word is worth many characters.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prosa.models.ngram import CountModel, Counts, Ids, KneserNey


@dataclass(frozen=True)
class OrderFigures:
    """One Markov order."""

    order: int  # tokens looked back on; 0: none
    distinct: int  # (order + 1)-grams in the training text
    train_bits: float  # a token: the entropy of its own frequencies
    held_out_bits: float  # a token: cross-entropy
    bits_per_character: float  # the same, of the held-out text
    bits_per_byte: float
    seen: float  # share of the held-out (order + 1)-grams that the training text has

    def to_json(self) -> dict[str, Any]:
        """The plain values."""
        return {**vars(self)}


def conditional_entropy(counts: Counts, n: int) -> float:
    """Bits a token of the training text's own n-gram frequencies, given the n - 1 tokens before."""
    count = counts.raw[n - 1].astype(np.float64)
    parent = np.zeros(len(count), np.int64) if n == 1 else counts.keys[n - 1] // counts.vocab_size
    there = count > 0
    history = np.bincount(parent, weights=count)[parent[there]]
    return float((count[there] * np.log2(history / count[there])).sum() / count.sum())


def entropy_by_order(
    counts: Counts, documents: Sequence[Ids], *, characters: int, n_bytes: int, end_of_text: int | None
) -> list[OrderFigures]:
    """The figures of Markov orders 0 to ``counts.order`` - 1.

    Args:
        documents: ids of each held-out document, (n,); every token is predicted from what stands before it, the first
            from ``end_of_text``.
        characters: of their text.
        n_bytes: of their text in UTF-8.
    """
    tokens = sum(map(len, documents))
    rows = []
    for n in range(1, counts.order + 1):
        model = KneserNey(n, counts.vocab_size, end_of_text=end_of_text).fit(counts)
        bits = sum(float(-_log_probs(model, ids, end_of_text).sum()) for ids in documents) / math.log(2)
        rows.append(
            OrderFigures(
                order=n - 1,
                distinct=int((counts.raw[n - 1] > 0).sum()),
                train_bits=conditional_entropy(counts, n),
                held_out_bits=bits / tokens,
                bits_per_character=bits / characters,
                bits_per_byte=bits / n_bytes,
                seen=_seen(counts, n, documents, end_of_text),
            )
        )
    return rows


def _log_probs(model: CountModel, ids: Ids, end_of_text: int | None) -> NDArray[np.float64]:
    return model.log_probs(ids, () if end_of_text is None else [end_of_text])


def _seen(counts: Counts, n: int, documents: Sequence[Ids], end_of_text: int | None) -> float:
    mark = [] if end_of_text is None else [end_of_text]
    found = total = 0
    for ids in documents:
        text = np.concatenate((mark, ids)).astype(np.int64)
        node = text
        for k in range(2, n + 1):
            node = counts.nodes(k, np.concatenate(([-1], node))[:-1], text)
        node = node[max(n - 1, len(mark)) :]
        found += int((counts.raw[n - 1][node[node >= 0]] > 0).sum())
        total += len(node)
    return found / max(total, 1)
