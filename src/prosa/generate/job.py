"""A completion that the scheduler is asked for: the row, who gets its tokens, and where it stands."""

from collections.abc import Callable

from prosa.generate.completion import Completion, Token
from prosa.generate.room import Range
from prosa.generate.row import Row

End = Completion | Exception
Deliver = Callable[[list[Token], End | None], None]
"""Takes tokens that are final, in their order, and with the last of them how it ended. Must be quick, and not raise."""


class Cancelled(Exception):
    """The completion was not wanted any more."""


class Job:
    """One completion.

    Args:
        size: the longest that its window may become.

    Attributes:
        range: its place in the arena, once it has one.
        prompt_tokens: how many the model sees of the prompt.
        cancelled: may be set at any time, from any thread.
    """

    def __init__(self, row: Row, size: int, deliver: Deliver) -> None:
        self.row = row
        self.size = size
        self.range: Range | None = None
        self.prompt_tokens = len(row.window)
        self.cancelled = False
        self._deliver = deliver

    @property
    def place(self) -> Range:
        """Its range, when it has joined."""
        assert self.range is not None
        return self.range

    @property
    def left(self) -> int:
        """Tokens to be read before the last, which is read for what comes next."""
        return len(self.row.window) - 1 - len(self.place.tokens)

    @property
    def reused(self) -> int:
        """How many tokens were copied instead of being read, as another text begins with the same."""
        return 0 if self.range is None else self.range.reused

    def give(self, tokens: list[Token], end: End | None = None) -> None:
        """Pass on tokens that are final, and how it ended."""
        if not tokens and end is None:
            return
        try:
            self._deliver(tokens, end)
        except Exception:  # a reader that is gone; the others must not suffer
            self.cancelled = True
