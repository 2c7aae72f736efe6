"""One answer of a chat, from tokens to the parts that a message has: its text, its calls of tools, how it ended."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from prosa.core.errors import UserError
from prosa.generate.completion import Completion, Token
from prosa.generate.tools.calls import parse_call
from prosa.serve.token_forms import chat_logprob
from prosa.tokenizers.chat import ChatEncoder


@dataclass
class Delta:
    """What is new of an answer; ``finish`` with the last of it."""

    content: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    finish: str | None = None

    def add(self, more: "Delta") -> None:
        """Go on by what comes next."""
        self.content += more.content
        self.calls += more.calls
        self.logprobs += more.logprobs
        self.annotations += more.annotations
        self.finish = more.finish


class Turn:
    """An answer in the making.

    Args:
        most_calls: how many calls of tools it may have; None: any number.
        top: alternatives of each token's log-probability; None: no log-probabilities.
    """

    def __init__(self, encoder: ChatEncoder, *, most_calls: int | None, top: int | None) -> None:
        self._encoder = encoder
        self._most, self._top = most_calls, top
        self._call: list[Token] | None = None  # the tokens of the call that is being written
        self._calls = 0
        self.full = False

    def take(self, tokens: list[Token]) -> Delta:
        """Go on by tokens. With one call more than allowed the turn is ``full``, and that call is no part of it."""
        delta = Delta()
        for token in tokens:
            if self.full:
                break
            if token.id == self._encoder.call_id:
                self._close(delta)
                self.full = self._calls == self._most
                self._call = None if self.full else []
            elif self._call is not None:
                self._call.append(token)
            else:
                delta.content += token.text
                if self._top is not None:
                    delta.logprobs.append(chat_logprob(self._encoder.tokenizer, token, self._top))
        return delta

    def end(self, completion: Completion | None) -> Delta:
        """The last of it; None: the completion was cut off, as the turn was full."""
        delta = Delta()
        self._close(delta)
        whole = completion is None or completion.finish_reason == "stop"
        delta.finish = "length" if not whole else "tool_calls" if self._calls else "stop"
        return delta

    def _close(self, delta: Delta) -> None:
        """Take in the call that has been written. What is no call is text: it was meant as one, and is not lost."""
        if self._call is None:
            return
        control = set(self._encoder.tokenizer.special_tokens.values())
        text = self._encoder.tokenizer.decode([token.id for token in self._call if token.id not in control])
        self._call = None
        try:
            called = parse_call(text)
        except UserError:
            delta.content += text
            return
        arguments = text.partition('"arguments":')[2].strip()[:-1].rstrip()
        delta.calls.append(
            {
                "index": self._calls,
                "id": f"call_{secrets.token_hex(12)}",
                "type": "function",
                "function": {"name": called.name, "arguments": arguments},
            }
        )
        self._calls += 1
