"""A prompt that models are compared on."""

from collections.abc import Callable
from dataclasses import dataclass

from prosa.tokenizers.chat import Message


@dataclass(frozen=True)
class Prompt:
    """What every model answers.

    Attributes:
        id: comparisons that share it are not independent of each other.
        turns: of a conversation; the last one is to be answered.
        check: whether an answer is right; None where nobody knows.
    """

    id: str
    turns: tuple[Message, ...]
    check: Callable[[str], bool] | None = None

    @property
    def text(self) -> str:
        """As one text: a lone turn as it is, several with the role before each."""
        if len(self.turns) == 1:
            return self.turns[0].content
        return "\n\n".join(f"[{turn.role}]\n{turn.content}" for turn in self.turns)
