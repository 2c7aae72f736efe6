"""What training word vectors can be told. Imports no torch."""

import math
from dataclasses import dataclass
from typing import Literal

from prosa.core.errors import UserError
from prosa.core.language import tr

Method = Literal["skip-gram", "cbow", "glove"]
RATES: dict[str, float] = {"skip-gram": 0.025, "cbow": 0.05, "glove": 0.05}


@dataclass(frozen=True)
class WordVectorsConfig:
    """How word vectors are trained.

    Raises:
        UserError: on construction, a field that is wrong.
    """

    method: Method = "skip-gram"
    """skip-gram: a word tells its neighbours, best for rare words; cbow: the neighbours tell the word, faster; glove:
    from counts of neighbours."""
    subwords: bool = False
    """Also learn the character n-grams of words (fastText), so that unseen words have vectors too. Not with glove."""
    dim: int = 100
    """Numbers a vector."""
    epochs: int = 5
    """Passes over the text (glove: over the counts)."""
    min_count: int = 5
    """Words that occur less often are left out."""
    window: int = 5
    """How many words before and after a word are its neighbours, at most."""
    negative: int = 5
    """Wrong words a right one (not with glove)."""
    subsample: float = 1e-3
    """Words of a larger share of the text than this are thinned out. 0: none are (glove: never)."""
    lr: float = 0.0
    """Learning rate; it falls to 0 in a line (glove: AdaGrad's, constant). 0: 0.025 (skip-gram) or 0.05."""
    min_n: int = 3
    """Letters of the shortest n-gram."""
    max_n: int = 6
    """Letters of the longest n-gram."""
    buckets: int = 200_000
    """Rows for n-grams."""
    x_max: float = 100.0
    """glove: pairs seen more often than this all weigh the same."""
    workers: int = 1
    """Threads that learn at the same time from parts of the text, without waiting for each other: faster, but the
    vectors are then not the same bits at every training, which they are with 1."""
    seed: int = 0
    """Seed of the first vectors, of windows, negatives and what is thinned out."""

    def __post_init__(self) -> None:
        for name in ("dim", "epochs", "min_count", "window", "negative", "min_n", "buckets", "workers"):
            self._check(getattr(self, name) >= 1, name, "at least 1", "pelo menos 1")
        self._check(
            self.max_n >= self.min_n, "max_n", f"at least min_n, {self.min_n}", f"pelo menos min_n, {self.min_n}"
        )
        self._check(self.seed >= 0, "seed", "0 or more", "0 ou mais")
        self._check(0 <= self.subsample < 1, "subsample", "from 0 to below 1", "de 0 a menos de 1")
        self._check(0 <= self.lr < math.inf, "lr", "a number of 0 or more", "um número maior ou igual a 0")
        self._check(0 < self.x_max < math.inf, "x_max", "above 0", "maior que 0")
        self._check(not (self.subwords and self.method == "glove"), "subwords", "off with glove", "desligado com glove")

    @property
    def rate(self) -> float:
        """The learning rate to begin with."""
        return self.lr or RATES[self.method]

    def _check(self, good: bool, name: str, en: str, pt: str) -> None:
        if not good:
            flag, value = "--" + name.replace("_", "-"), getattr(self, name)
            raise UserError(tr(f"{flag} is {value!r}; it must be {en}.", f"{flag} é {value!r}; deve ser {pt}."))
