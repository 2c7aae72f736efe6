"""One completion in the making: what the model sees, what was drawn, and when it ends."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from prosa.generate.completion import Completion, FinishReason, Token
from prosa.generate.draws import stream_key, uniform
from prosa.generate.sampling import Sampling
from prosa.generate.writer import Writer

Overflow = Literal["stop", "slide"]


@dataclass(frozen=True, slots=True)
class Limits:
    """When a row ends, and what happens at the end of the context."""

    max_tokens: int
    context: int
    overflow: Overflow
    end_of_text: int | None
    ends: frozenset[int]
    """Ids that end a text: of a document, and of an assistant's turn."""


class Row:
    """The state of one completion.

    Args:
        prompt: as the caller gave it.
        ids: the prompt as the model reads it, not empty; the model sees the last ``context`` of them.
        sample: which of the prompt's samples this is.
        writer: makes the text.
    """

    def __init__(
        self,
        prompt: str | tuple[int, ...],
        ids: list[int],
        sample: int,
        sampling: Sampling,
        limits: Limits,
        writer: Writer,
    ) -> None:
        self.prompt = prompt
        self.sampling = sampling
        self.window = ids[-limits.context :]
        self.seen = set(ids) - limits.ends  # to end is no repetition
        self.counts: Counter[int] = Counter()  # of the tokens written so far
        self.matcher = None if sampling.grammar is None else sampling.grammar.matcher()
        self.tokens: list[Token] = []
        self.finish_reason: FinishReason | None = None
        self._limits = limits
        self._key = stream_key(sampling.seed, ids, sample)
        self._count = 0
        self._end: Token | None = None
        self._writer = writer

    def draw(self) -> float:
        """The random number in [0, 1) that decides the next token."""
        return uniform(self._key, self._count)

    def take(self, token: Token) -> list[Token]:
        """Go on by one token (its text is not known yet); gives back the tokens that are now final."""
        if token.id in self._limits.ends:
            self._end = token
            return self._finish("stop")
        if self.matcher is not None:
            self.matcher.take(token.id)
        final = self._writer.add(token)
        self.tokens += final
        self._count += 1
        if self._writer.stopped:
            self.finish_reason = "stop"
        elif self._count == self._limits.max_tokens:
            final += self._finish("length")
        elif len(self.window) < self._limits.context:
            self.window.append(token.id)
        elif self._limits.overflow == "slide":
            self.window = [*self.window[(self._limits.context + 1) // 2 :], token.id]
        else:  # the token stands one past the last position: it was predicted, and cannot be read
            final += self._finish("length")
        self.seen.add(token.id)
        self.counts[token.id] += 1
        return final

    def completion(self) -> Completion:
        """The finished row.

        Raises:
            UserError: its grammar could not be followed.
        """
        assert self.finish_reason is not None
        if self.matcher is not None:
            self.matcher.check()
        text = "".join(token.text for token in self.tokens)
        ended_by = None if self._end is None else self._end.id
        return Completion(self.prompt, text, self.tokens, self.finish_reason, ended_by, self._end)

    def _finish(self, reason: FinishReason) -> list[Token]:
        final = self._writer.finish()
        self.tokens += final
        self.finish_reason = "stop" if self._writer.stopped else reason
        return final
