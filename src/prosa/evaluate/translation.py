"""How near translations are to a person's: BLEU (Papineni et al. 2002) and chrF2 (Popović 2015), by ``sacrebleu``.

    BLEU    geometric mean of the precisions of 1- to 4-grams of words, times a penalty for what is too short
    chrF2   F2 of the n-grams of characters, 1 to 6: endings count, which suits Portuguese, and small tests

Both are of the whole set, from counts added up over the sentences; their intervals are percentiles over sentences drawn
again with replacement (Koehn 2004). ``signature`` is what must be told with a score so that others can compare theirs.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from prosa.core.errors import UserError
from prosa.core.language import tr

RESAMPLES = 1000


@dataclass(frozen=True)
class Score:
    """One measure, from 0 to 100."""

    value: float
    interval: tuple[float, float] | None
    """95 %; None for a single sentence."""
    signature: str


@dataclass(frozen=True)
class TranslationQuality:
    """What was measured."""

    n: int
    chrf: Score
    bleu: Score

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def check_installed() -> None:
    """Refuse before any work what could not be measured after it.

    Raises:
        UserError: ``sacrebleu`` is not installed.
    """
    try:
        import sacrebleu  # noqa: F401
    except ImportError as error:
        raise UserError(
            tr("measuring translations needs the package sacrebleu.", "medir traduções exige o pacote sacrebleu."),
            "pip install 'prosa[eval]'",
        ) from error


def translation_quality(
    hypotheses: Sequence[str], references: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> TranslationQuality:
    """Both measures of at least one translation, each with one reference.

    Raises:
        UserError: ``sacrebleu`` is not installed.
    """
    check_installed()
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    return TranslationQuality(
        len(hypotheses),
        _score(CHRF(), hypotheses, references, resamples, seed),
        _score(BLEU(), hypotheses, references, resamples, seed),
    )


def _score(metric: Any, hypotheses: Sequence[str], references: Sequence[str], resamples: int, seed: int) -> Score:
    value = float(metric.corpus_score(list(hypotheses), [list(references)]).score)
    interval = None
    if len(hypotheses) > 1:
        # the counts of each sentence, which add up to those of a set (sacrebleu's own bootstrap does the same)
        counts = np.array(metric._extract_corpus_statistics(list(hypotheses), [list(references)]))
        draws = np.random.default_rng(seed)
        picks = (draws.integers(0, len(counts), len(counts)) for _ in range(resamples))
        scores = [float(metric._compute_score_from_stats(counts[pick].sum(0).tolist()).score) for pick in picks]
        low, high = np.quantile(scores, [0.025, 0.975])
        interval = float(low), float(high)
    return Score(value, interval, str(metric.get_signature()))
