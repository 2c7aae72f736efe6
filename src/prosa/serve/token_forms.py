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


def written_bytes(tokenizer: Tokenizer, token: Token) -> bytes:
    """What a token has added to a text: of one in which a stop string begins, what stands before that."""
    data = token_bytes(tokenizer, token.id)
    if token.removed is None:
        return data
    whole = data[: len(data) - _unfinished(data)]
    return whole.removesuffix(token.removed.encode())


def _unfinished(data: bytes) -> int:
    """Bytes at the end that begin a character."""
    for n in range(1, min(4, len(data) + 1)):
        if data[-n] & 0xC0 == 0xC0:
            return n if n < (2 if data[-n] < 0xE0 else 3 if data[-n] < 0xF0 else 4) else 0
        if data[-n] < 0x80:
            return 0
    return 0


def chat_logprob(tokenizer: Tokenizer, token: Token, top: int) -> dict[str, Any]:
    """An entry of ``logprobs.content``."""

    def entry(item: Token | Alternative) -> dict[str, Any]:
        data = written_bytes(tokenizer, item) if isinstance(item, Token) else token_bytes(tokenizer, item.id)
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
            "tokens": [self._named(written_bytes(self._tokenizer, token)) for token, _ in tokens],
            "token_logprobs": [max(token.logprob, NEVER) if known else None for token, known in tokens],
            "top_logprobs": [self._best(token) if known else None for token, known in tokens] if self._top else None,
            "text_offset": offsets,
        }

    def _best(self, token: Token) -> dict[str, float]:
        best = {self._name(other.id): max(other.logprob, NEVER) for other in token.top[: self._top]}
        best.setdefault(self._name(token.id), max(token.logprob, NEVER))
        return best

    def _name(self, id: int) -> str:
        return self._named(token_bytes(self._tokenizer, id))

    def _named(self, data: bytes) -> str:
        text = escaped(data)
        return text if text.encode() == data else f"bytes:{text}"
