"""What generation gives back: tokens, and the text they make."""

from dataclasses import dataclass
from typing import Any, Literal

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that could have stood here."""

    id: int
    text: str  # for display: the tokenizer's ``token_text``
    logprob: float


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    ``text`` is what it adds to the completion: whole characters only (of a character made of several tokens, the last
    has it and the others have ""), nothing for a special token, and only the part before a stop string. The texts of a
    completion's tokens, joined, are the completion's text. Of the last before a
    stop string, ``removed`` is what that took of it.

    ``logprob`` and ``top`` (most probable first, ``Sampling.top_logprobs`` of them) are natural logarithms under the
    model's own distribution: log-softmax of the raw logits, before penalty, temperature and truncation.
    """

    id: int
    text: str
    logprob: float
    top: tuple[Alternative, ...] = ()
    removed: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A prompt's continuation; the token that ended it is not among the tokens.

    ``finish_reason``: "stop" (``ended_by``: the end-of-text or end-of-turn token; None: a stop string) or "length"
    (``max_tokens``, or the context's end). ``end``: that token with its log-probability, where the engine made it.
    """

    prompt: str | tuple[int, ...]
    text: str
    tokens: list[Token]
    finish_reason: FinishReason
    ended_by: int | None = None
    end: Token | None = None

    @property
    def logprob(self) -> float:
        """The sum of the tokens' log-probabilities, nats."""
        return sum(token.logprob for token in self.tokens)

    def to_json(self) -> dict[str, Any]:
        """``{"text", "tokens": [{"id", "text", "logprob"}], "finish_reason"}``; tokens have ``top`` where asked for."""

        def plain(item: Token | Alternative) -> dict[str, Any]:
            return {"id": item.id, "text": item.text, "logprob": item.logprob}

        tokens = [plain(t) | ({"top": [plain(a) for a in t.top]} if t.top else {}) for t in self.tokens]
        return {"text": self.text, "tokens": tokens, "finish_reason": self.finish_reason}
