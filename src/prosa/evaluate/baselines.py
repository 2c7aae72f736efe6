"""What counting alone reaches on the same tokens: uniform, unigram (add 0.01), Kneser-Ney of orders 2 to 5 (D = 0.75).

Each token is predicted under the conditions of ``loss.py``: from the end-of-text that begins its document on (n-grams
see the whole document before a token, not only a window of it), and ln V for a first token that nothing precedes.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from prosa.core.language import number, tr
from prosa.core.progress import progress, warn
from prosa.data.shards import TokenFolder
from prosa.evaluate.units import Units
from prosa.models.ngram import CountModel, Counts, KneserNey, Unigram, count_ngrams, uniform

ORDER = 5  # the highest: of tokens, longer ones gain nothing
NAMES = ("uniform", "unigram", *(f"kn{n}" for n in range(2, ORDER + 1)))
MAX_TOKENS = 30_000_000  # of training text: some 45 s and 3.4 GB to count


def training_documents(folder: TokenFolder, max_tokens: int = MAX_TOKENS) -> Iterator[NDArray[np.int64]]:
    """The documents trained on; of a folder with more than ``max_tokens``, every second, third… one (it says so)."""
    total = folder.totals("train")["tokens"]
    step = max(1, math.ceil(total / max_tokens))
    if step > 1:
        warn(
            tr(
                f"the n-gram baselines count one in {step} training documents ({number(total)} tokens are too many).",
                f"as referências de n-gramas contam um de cada {step} documentos de treino "
                f"({number(total)} tokens são demais).",
            )
        )
    for i, (ids, _) in enumerate(folder.documents("train")):
        if i % step == 0:
            yield ids


def baseline_nats(
    train: Iterator[NDArray[np.int64]] | Sequence[NDArray[np.int64]],
    documents: Sequence[NDArray[np.int64]],
    *,
    vocab_size: int,
    end_of_text: int | None,
    units: Units,
) -> dict[str, NDArray[np.float64]]:
    """Nats of each baseline summed over each unit of ``documents``, (U,), by name, in the order of ``NAMES``.

    Args:
        train: ids of each training document, (n,).
        documents: ids of each document predicted, (n,).
        units: how the documents' tokens fall into units.

    Raises:
        UserError: nothing to count in ``train``, or an id outside the vocabulary.
    """
    with progress(tr("counting n-grams", "contando n-gramas"), ORDER + 1, tr("steps", "passos")) as bar:
        counts = count_ngrams(train, ORDER, vocab_size, end_of_text)
        bar.advance(1)
        result = {}
        for name in NAMES:
            result[name] = units.sums(_nats(_model(name, counts, end_of_text), documents, end_of_text))
            bar.advance(1 if name.startswith("kn") else 0.5)
    return result


def _model(name: str, counts: Counts, end_of_text: int | None) -> CountModel:
    if name == "uniform":
        return uniform(counts.vocab_size)
    if name == "unigram":
        return Unigram(counts.raw[0])
    return KneserNey(int(name[2:]), counts.vocab_size, end_of_text=end_of_text).fit(counts)


def _nats(
    model: CountModel, documents: Sequence[NDArray[np.int64]], end_of_text: int | None
) -> Iterator[NDArray[np.float64]]:
    """Nats of each token of each document, (n,)."""
    for ids in documents:
        if end_of_text is not None:
            yield -model.log_probs(ids, [end_of_text])
        else:
            first = np.full(min(len(ids), 1), math.log(model.vocab_size))
            yield np.concatenate((first, -model.log_probs(ids[1:], ids[:1])))
