"""What came of filling a text's blanks (``fill.py``). Imports no torch."""

from dataclasses import dataclass
from typing import Any

from prosa.tokenizers.frame import MASK


@dataclass(frozen=True)
class Candidate:
    """A token that may stand in a blank; ``text`` as in the text (``##`` goes on with the word before it)."""

    id: int
    text: str
    probability: float


@dataclass(frozen=True)
class Filled:
    """A text with blanks, and what may stand in each, the likeliest first."""

    text: str
    blanks: list[list[Candidate]]

    @property
    def best(self) -> str:
        """The text with each blank's likeliest token."""
        pieces = self.text.split(MASK)
        whole = pieces[0]
        for blank, piece in zip(self.blanks, pieces[1:], strict=True):
            token = blank[0].text
            goes_on = token.startswith("##")
            whole = (whole.rstrip() + token[2:] if goes_on else whole + token.strip()) + piece
        return whole

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "text": self.text,
            "best": self.best,
            "blanks": [[{"token": c.text, "probability": c.probability} for c in blank] for blank in self.blanks],
        }
