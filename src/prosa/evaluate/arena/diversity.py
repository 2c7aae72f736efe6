"""How varied a model's samples are: distinct-n, the entropy of their n-grams, and how much samples overlap.

Alignment makes samples of a prompt alike (Kirk et al. 2024, arXiv 2310.06452, "per-input diversity"). So each figure is
computed within a prompt, over the samples drawn for it:

    distinct-n = distinct n-grams / words                    (Li et al. 2016, arXiv 1510.03055)
    entropy-n  = -Σ p log2 p bits, p the share of an n-gram  (Zhang et al. 2018, arXiv 1809.05972, in nats)
    overlap-n  = |A ∩ B| / |A ∪ B| of the sets of n-grams of two samples (Jaccard); 1 where neither has any

and then over prompts: distinct-n as the ratio of sums, overlap-n as the mean over pairs of samples, entropy-n as the
mean over prompts. (Over all texts at once no interval could be drawn: a text that is drawn twice adds no n-gram.)
Distinct-n falls and entropy rises with the number of words: compare models at the same number of samples, and look at
the words a sample, which stand beside.

A word is a run of letters and digits, in lower case and NFC, with its accents; hyphens and apostrophes within join it
(``guarda-chuva``, ``disse-me``, ``d'água`` are one word each) and so do a decimal comma or point (``3,5``). Other
punctuation is no word. Contractions (``na``, ``pelo``) are one word.

Intervals are a Bayesian bootstrap over prompts (resample.py).
"""

import itertools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.evaluate.arena.resample import drawn_sums, interval

ORDERS = (1, 2, 3)
_WORD = re.compile(r"\d+(?:[.,]\d+)+|\w+(?:[-'’\u2010\u2011]\w+)*")

Samples: TypeAlias = Mapping[str, Sequence[str]]  # of each prompt id, the texts drawn for it
Ngram: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float
    interval: tuple[float, float]


def words(text: str) -> list[str]:
    """The words of a text; the module's docstring says what one is."""
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


def diversity(samples: Samples, *, seed: int = 0) -> dict[str, Estimate]:
    """``words`` a sample, ``distinct-n``, ``entropy-n`` and, of two samples a prompt or more, ``overlap-n``, n = 1 … 3.

    Raises:
        UserError: a prompt has no sample, or there is no word in any.
    """
    found = {}
    for name, parts in _parts(samples).items():
        value = float(_ratio(parts.sum(axis=0)))
        found[name] = Estimate(value, interval(value, _ratio(drawn_sums(parts, seed))))
    return found


def diversity_change(before: Samples, after: Samples, *, seed: int = 0) -> dict[str, Estimate]:
    """The figures of ``after`` less those of ``before`` on the same prompts: a paired difference.

    Raises:
        UserError: the prompts are not the same, and what ``diversity`` raises.
    """
    if before.keys() != after.keys():
        alone = sorted(before.keys() ^ after.keys())
        raise UserError(
            tr(
                f"{number(len(alone))} prompts have samples of one model only, the first is {alone[0]!r}.",
                f"{number(len(alone))} prompts têm amostras de um só dos modelos; o primeiro é {alone[0]!r}.",
            )
        )
    old, new = _parts(before), _parts(after)
    found = {}
    for name in (name for name in new if name in old):
        value = float(_ratio(new[name].sum(axis=0)) - _ratio(old[name].sum(axis=0)))
        draws = _ratio(drawn_sums(new[name], seed)) - _ratio(drawn_sums(old[name], seed))
        found[name] = Estimate(value, interval(value, draws))
    return found


def _parts(samples: Samples) -> dict[str, NDArray[np.float64]]:
    """Numerator and denominator of each figure for each prompt, in the order of their ids, (P, 2)."""
    rows: dict[str, list[tuple[float, float]]] = {}
    for id in sorted(samples):
        texts = [words(text) for text in samples[id]]
        if not texts:
            raise UserError(tr(f"the prompt {id!r} has no sample.", f"o prompt {id!r} não tem amostra."))
        for name, part in _prompt_parts(texts):
            rows.setdefault(name, []).append(part)
    parts = {name: np.array(each) for name, each in rows.items()}
    if not parts or not parts["words"][:, 0].any():
        raise UserError(tr("there is no word in the samples.", "não há nenhuma palavra nas amostras."))
    return {name: part for name, part in parts.items() if part[:, 1].any()}


def _prompt_parts(texts: Sequence[Sequence[str]]) -> Iterator[tuple[str, tuple[float, float]]]:
    """Numerator and denominator of each figure for one prompt's samples, given as words."""
    total, pairs = sum(map(len, texts)), math.comb(len(texts), 2)
    yield "words", (total, len(texts))
    for n in ORDERS:
        grams = [_ngrams(text, n) for text in texts]
        counts = Counter(itertools.chain.from_iterable(grams))
        yield f"distinct-{n}", (len(counts), total)
        yield f"entropy-{n}", (_entropy(counts), 1)
        yield f"overlap-{n}", (sum(_jaccard(set(a), set(b)) for a, b in itertools.combinations(grams, 2)), pairs)


def _ngrams(text: Sequence[str], n: int) -> list[Ngram]:
    return list(zip(*(text[i:] for i in range(n)), strict=False))


def _entropy(counts: Counter[Ngram]) -> float:
    """Bits; 0 of nothing."""
    total = counts.total()
    return sum(count / total * math.log2(total / count) for count in counts.values())


def _jaccard(a: set[Ngram], b: set[Ngram]) -> float:
    return len(a & b) / len(a | b) if a or b else 1.0


def _ratio(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numerator by denominator, (..., 2) to (...)."""
    return parts[..., 0] / parts[..., 1]
