"""Who says which of two answers is better: a verifier, a score such as a reward model's, or an outside model.

Each judge is an object with a name and ``compare``. The outside one is in outside.py.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.evaluate.arena.comparison import Winner


@dataclass(frozen=True)
class Verdict:
    """What a judge says of two answers.

    Attributes:
        winner: whose answer is better, or None: nothing that could be read as a verdict.
        flipped: whether the verdict was another when the answers changed places; None: not asked in both orders.
        unreadable: the judge's replies that are no verdict.
    """

    winner: Winner | None
    flipped: bool | None = None
    unreadable: tuple[str, ...] = ()


class Judge(Protocol):
    """Compares two answers to one prompt."""

    @property
    def name(self) -> str:
        """What the comparisons say of who judged."""
        ...

    def compare(self, prompt: str, a: str, b: str) -> Verdict:
        """Whether ``a`` (the first) or ``b`` (the second) is the better answer to ``prompt``."""
        ...


@dataclass(frozen=True)
class VerifierJudge:
    """A right answer beats a wrong one; both right or both wrong is a tie.

    Attributes:
        check: (prompt, answer) to whether the answer is right.
    """

    check: Callable[[str, str], bool]
    name: str = "verifier"

    def compare(self, prompt: str, a: str, b: str) -> Verdict:
        """Check both."""
        right_a, right_b = self.check(prompt, a), self.check(prompt, b)
        return Verdict("tie" if right_a == right_b else "first" if right_a else "second")


@dataclass(frozen=True)
class ScoreJudge:
    """The answer of the higher score wins; scores that differ by ``margin`` or less are a tie.

    Attributes:
        score: (prompt, answers) to a score of each answer, such as a reward model's.
        margin: in the score's own unit, at least 0.
    """

    score: Callable[[str, Sequence[str]], Sequence[float]]
    margin: float = 0.0
    name: str = "reward"

    def __post_init__(self) -> None:
        if not self.margin >= 0:
            raise UserError(
                tr(
                    f"a margin of {self.margin}: it must be at least 0.",
                    f"uma margem de {self.margin}: precisa ser no mínimo 0.",
                )
            )

    def compare(self, prompt: str, a: str, b: str) -> Verdict:
        """Score both.

        Raises:
            UserError: a score is not a number.
        """
        score_a, score_b = map(float, self.score(prompt, (a, b)))
        if not (math.isfinite(score_a) and math.isfinite(score_b)):
            raise UserError(
                tr(
                    f"{self.name} gave the scores {score_a} and {score_b}: not numbers to compare.",
                    f"{self.name} deu as notas {score_a} e {score_b}: não são números que se comparem.",
                )
            )
        if abs(score_a - score_b) <= self.margin:
            return Verdict("tie")
        return Verdict("first" if score_a > score_b else "second")
