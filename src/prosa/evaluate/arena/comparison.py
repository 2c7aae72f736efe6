"""One comparison: two models answered the same prompt, and a judge said whose answer is better."""

from dataclasses import dataclass
from typing import Literal

Winner = Literal["first", "second", "tie"]
POINTS: dict[Winner, float] = {"first": 1.0, "second": 0.0, "tie": 0.5}  # of the first model; the second has the rest


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a judge said of two models' answers to one prompt.

    Attributes:
        prompt_id: the prompt; comparisons that share it are not independent of each other.
        first, second: the two models.
        winner: which of them answered better, or ``tie``.
        judge: who said so.
    """

    prompt_id: str
    first: str
    second: str
    winner: Winner
    judge: str

    @property
    def points(self) -> float:
        """The first model's points: 1, 0, or a half for a tie."""
        return POINTS[self.winner]
