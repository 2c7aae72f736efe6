"""A text as a bag of words: how often each n-gram of words or characters occurs in it, in no order.

    count      x[t] = how often t occurs in the text                         (a sum of one-hot vectors)
    TF-IDF     x[t] = count(t) (1 + ln((1 + N) / (1 + n(t)))), then divided by its length |x|
                                            (Salton & Buckley 1988; smoothed as scikit-learn has it)

N texts were learnt from, n(t) of which have t. A word is two or more letters or digits; characters are taken within
words, a space at either end (" gato " gives " g", "ga", … " gato"). Both are what scikit-learn's CountVectorizer and
TfidfVectorizer do ("word", "char_wb"): the tests compare the numbers.

Shapes: N texts, V terms; a matrix (N, V) is kept by its entries that are not 0, row by row (``Rows``).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr

FeatureName = Literal["counts", "tf-idf", "characters"]
WORDS, CHARACTERS = (1, 2), (2, 5)  # lengths of n-grams where none are told
LONGEST_NGRAM = 10
_WORD, _SPACES = re.compile(r"\b\w\w+\b"), re.compile(r"\s+")


@dataclass(frozen=True)
class BagConfig:
    """What is counted."""

    features: Literal["auto", "counts", "tf-idf", "characters"] = "auto"
    """counts: of words; tf-idf: of words, rare ones weigh more; characters: tf-idf of n-grams of characters. auto:
    counts for naive-bayes, tf-idf for the others."""
    shortest: int = 0
    """The shortest n-gram. 0: 1 word, or 2 characters."""
    longest: int = 0
    """The longest n-gram. 0: 2 words, or 5 characters."""
    min_texts: int = 2
    """In how many texts an n-gram must occur to count."""

    def __post_init__(self) -> None:
        if not (0 <= self.shortest <= LONGEST_NGRAM and 0 <= self.longest <= LONGEST_NGRAM and self.min_texts >= 1):
            raise UserError(
                tr(
                    f"bag: shortest is {self.shortest}, longest {self.longest}, min_texts {self.min_texts}: n-grams "
                    f"have 1 to {LONGEST_NGRAM} parts, and occur in 1 text or more.",
                    f"bag: shortest é {self.shortest}, longest {self.longest}, min_texts {self.min_texts}: n-gramas "
                    f"têm 1 a {LONGEST_NGRAM} partes, e ocorrem em pelo menos 1 texto.",
                )
            )

    def lengths(self, features: FeatureName) -> tuple[int, int]:
        """Lengths of the n-grams.

        Raises:
            UserError: the shortest is longer than the longest.
        """
        usual = CHARACTERS if features == "characters" else WORDS
        shortest, longest = self.shortest or min(usual[0], self.longest or usual[0]), self.longest or usual[1]
        longest = max(longest, shortest) if not self.longest else longest
        if shortest > longest:
            raise UserError(
                tr(
                    f"bag: the shortest n-gram ({shortest}) is longer than the longest ({longest}).",
                    f"bag: o n-grama mais curto ({shortest}) é maior que o mais longo ({longest}).",
                )
            )
        return shortest, longest


@dataclass(frozen=True)
class Rows:
    """A matrix (N, V) by its entries: row i has ``values[starts[i]:starts[i+1]]`` in those ``columns``, ascending."""

    starts: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def times(self, matrix: NDArray[np.floating]) -> NDArray[np.float64]:
        """The product with a matrix (V, K): (N, K)."""
        found = np.zeros((len(self), matrix.shape[1]))
        for i, (start, stop) in enumerate(zip(self.starts[:-1], self.starts[1:], strict=True)):
            found[i] = self.values[start:stop] @ matrix[self.columns[start:stop]].astype(np.float64)
        return found


@dataclass(frozen=True)
class Bag:
    """Which n-grams count, and what each weighs.

    Attributes:
        terms: V n-grams, each column's.
        idf: (V,), or None for plain counts.
    """

    features: FeatureName
    lengths: tuple[int, int]
    terms: tuple[str, ...]
    idf: NDArray[np.float64] | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "_column_of", {term: n for n, term in enumerate(self.terms)})

    @classmethod
    def of(cls, texts: Sequence[str], features: FeatureName, config: BagConfig) -> "Bag":
        """The n-grams of ``texts``, in alphabetical order.

        Raises:
            UserError: no n-gram occurs in as many texts as it must.
        """
        lengths = config.lengths(features)
        found: Counter[str] = Counter()
        for text in texts:
            found.update(set(ngrams(text, features, lengths)))
        terms = tuple(sorted(term for term, n in found.items() if n >= config.min_texts))
        if not terms:
            what = tr("sequence of characters", "sequência de caracteres")
            what = what if features == "characters" else tr("word", "palavra")
            raise UserError(
                tr(
                    f"no {what} occurs in {config.min_texts} texts or more: there is nothing to count.",
                    f"nenhuma {what} ocorre em pelo menos {config.min_texts} textos: não há o que contar.",
                ),
                tr("Give more texts, or --bag.min-texts 1.", "Dê mais textos, ou --bag.min-texts 1."),
            )
        idf = None
        if features != "counts":
            n_V = np.array([found[term] for term in terms], np.float64)
            idf = np.log((1 + len(texts)) / (1 + n_V)) + 1
        return cls(features, lengths, terms, idf)

    def rows(self, texts: Iterable[str]) -> Rows:
        """The texts as rows; a text without a known n-gram is all 0."""
        column_of: dict[str, int] = self._column_of  # type: ignore[attr-defined]
        starts, columns, values = [0], list[NDArray[np.int64]](), list[NDArray[np.float64]]()
        for text in texts:
            counts = Counter(
                column
                for term in ngrams(text, self.features, self.lengths)
                if (column := column_of.get(term)) is not None
            )
            here = np.array(sorted(counts), np.int64)
            x = np.array([counts[column] for column in here.tolist()], np.float64)
            if self.idf is not None and len(x):
                x = x * self.idf[here]
                x = x / np.sqrt(x @ x)
            columns.append(here)
            values.append(x)
            starts.append(starts[-1] + len(here))
        if not columns:
            return Rows(np.array(starts), np.empty(0, np.int64), np.empty(0))
        return Rows(np.array(starts), np.concatenate(columns), np.concatenate(values))


def ngrams(text: str, features: FeatureName, lengths: tuple[int, int]) -> Iterator[str]:
    """The n-grams of a text, as often as they occur."""
    text = text.lower()
    if features == "characters":
        for word in _SPACES.sub(" ", text).split():
            padded = f" {word} "
            for n in range(lengths[0], lengths[1] + 1):
                for start in range(max(1, len(padded) - n + 1)):
                    yield padded[start : start + n]
                if n >= len(padded):  # longer ones would be the same
                    break
        return
    words = _WORD.findall(text)
    for n in range(lengths[0], lengths[1] + 1):
        for start in range(len(words) - n + 1):
            yield " ".join(words[start : start + n])
