"""Tokens as OpenAI's answers show them, with their log-probabilities."""

from collections.abc import Sequence
from typing import Any

from prosa.generate.completion import Alternative, Token
from prosa.tokenizers.protocol import Tokenizer

NEVER = -9999.0
"""What OpenAI writes for minus infinity, which JSON has not."""


def escaped(data: bytes) -> str:
    """A token's text; bytes that are no whole characters as ``\\x..``."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"\\x{byte:02x}" for byte in data)


def token_bytes(tokenizer: Tokenizer, id: int) -> bytes:
    """What a token adds to a text; a control token's name."""
    names = {number: name for name, number in tokenizer.special_tokens.items()}
    return names[id].encode() if id in names else tokenizer.token_bytes(id)


def chat_logprob(tokenizer: Tokenizer, token: Token, top: int) -> dict[str, Any]:
    """An entry of ``logprobs.content``."""

    def entry(item: Token | Alternative) -> dict[str, Any]:
        data = token_bytes(tokenizer, item.id)
        return {"token": escaped(data), "logprob": max(item.logprob, NEVER), "bytes": list(data)}

    return {**entry(token), "top_logprobs": [entry(other) for other in token.top[:top]]}


class Logprobs:
    """``logprobs`` of ``/v1/completions``, from several pieces of one text.

    Args:
        top: alternatives to show; the token itself is always among them.
    """

    def __init__(self, tokenizer: Tokenizer, top: int) -> None:
        self._tokenizer, self._top = tokenizer, top
        self._at = 0

    def of(self, tokens: Sequence[tuple[Token, bool]], texts: Sequence[str]) -> dict[str, Any]:
        """Of the next tokens.

        Args:
            tokens: each with whether its log-probability is known (a text's first token has none).
            texts: what each adds to the text.
        """
        offsets = []
        for text in texts:
            offsets.append(self._at)
            self._at += len(text)
        return {
            "tokens": [self._name(token.id) for token, _ in tokens],
            "token_logprobs": [max(token.logprob, NEVER) if known else None for token, known in tokens],
            "top_logprobs": [self._best(token) if known else None for token, known in tokens] if self._top else None,
            "text_offset": offsets,
        }

    def _best(self, token: Token) -> dict[str, float]:
        best = {self._name(other.id): max(other.logprob, NEVER) for other in token.top[: self._top]}
        best.setdefault(self._name(token.id), max(token.logprob, NEVER))
        return best

    def _name(self, id: int) -> str:
        text = escaped(data := token_bytes(self._tokenizer, id))
        return text if text.encode() == data else f"bytes:{text}"
