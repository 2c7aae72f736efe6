"""The same question asked several times: how much the answers agree.

Over the pairs of answers to one question, and then the mean over questions:

    same      share of pairs whose texts are the same (case, spaces and punctuation around them aside)
    word F1   2 |A ∩ B| / (|A| + |B|) of their words as multisets (SQuAD, Rajpurkar et al. 2016); 1 without words

and over the answers: ``distinct``, different texts by answers (1/n: always the same); ``commonest``, the share of the
most frequent text. Nothing is said of what is true: a model may agree with itself and be wrong. The nearest relative is
self-consistency (Wang et al. 2022, arXiv 2203.11171), whose vote ``commonest`` is the size of.
"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prosa.core.progress import Bar
from prosa.evaluate.arena.diversity import Estimate, words
from prosa.evaluate.probes.estimates import mean
from prosa.evaluate.tasks.answerer import Answerer
from prosa.evaluate.tasks.extract import bare
from prosa.generate.sampling import Sampling
from prosa.tokenizers.chat import Message

FIGURES = ("same", "word_f1", "distinct", "commonest")


@dataclass(frozen=True)
class Asked:
    """A question and the answers to it."""

    question: str
    answers: list[str]

    def figures(self) -> dict[str, float]:
        """Each of ``FIGURES`` for this question."""
        texts = [bare(answer) for answer in self.answers]
        counts = Counter(texts)
        pairs = math.comb(len(texts), 2)
        bags = [Counter(words(text)) for text in texts]
        return {
            "same": sum(math.comb(count, 2) for count in counts.values()) / pairs,
            "word_f1": sum(word_f1(a, b) for a, b in itertools.combinations(bags, 2)) / pairs,
            "distinct": len(counts) / len(texts),
            "commonest": max(counts.values()) / len(texts),
        }


def word_f1(a: Counter[str], b: Counter[str]) -> float:
    """F1 of two bags of words; 1 where both are empty."""
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 1.0


@dataclass(frozen=True)
class Agreement:
    """How much a model agrees with itself.

    Attributes:
        figures: each of ``FIGURES`` over all questions.
        empty, cut: shares of answers that say nothing, or were cut off.
    """

    model: str
    form: str
    times: int
    temperature: float
    asked: list[Asked]
    figures: dict[str, Estimate]
    empty: float
    cut: float

    def to_json(self) -> dict[str, Any]:
        """The figures, and every question with its answers."""
        return {
            "model": self.model,
            "form": self.form,
            "times": self.times,
            "temperature": self.temperature,
            "n": len(self.asked),
            "figures": {
                name: {"value": found.value, "interval": list(found.interval)} for name, found in self.figures.items()
            },
            "empty": self.empty,
            "cut": self.cut,
            "questions": [
                {"question": each.question, **each.figures(), "answers": each.answers} for each in self.asked
            ],
        }


def agreement(
    answerer: Answerer,
    questions: Sequence[str],
    *,
    model: str = "",
    times: int = 10,
    sampling: Sampling,
    max_tokens: int,
    bar: Bar | None = None,
) -> Agreement:
    """Ask each question ``times`` (2 or more) times.

    Raises:
        UserError: as ``Engine.generate``.
    """
    turns = [[Message("user", question)] for question in questions]
    answers = answerer.answer(turns, max_tokens=max_tokens, sampling=sampling, samples=times, bar=bar)
    asked = [
        Asked(question, [answer.text for answer in answers[i * times : (i + 1) * times]])
        for i, question in enumerate(questions)
    ]
    each = [one.figures() for one in asked]
    return Agreement(
        model,
        answerer.form,
        times,
        sampling.temperature,
        asked,
        {name: mean([row[name] for row in each], sampling.seed) for name in FIGURES},
        sum(not bare(answer.text) for answer in answers) / len(answers),
        sum(answer.cut for answer in answers) / len(answers),
    )
