"""From tokens to text as they come: whole characters only, and nothing of a stop string.

Tokens are held back while they may still change: bytes of an unfinished character, or text that may be the beginning
of a stop string. A token once given out is final, so that streamed tokens are exactly those of the finished completion.
"""

from dataclasses import replace
from typing import Protocol

from prosa.generate.completion import Token


class Decoder(Protocol):
    """Ids to text, one at a time (``tokenizers.stream.Utf8Stream``)."""

    @property
    def incomplete(self) -> bool:
        """Whether bytes of an unfinished character are held back."""
        ...

    def push(self, id: int) -> str:
        """The text that an id makes certain."""
        ...

    def finish(self) -> str:
        """What was held back."""
        ...


class Writer:
    """The text of one completion.

    Args:
        silent: special tokens, which add nothing to the text.
        stop: strings that end the text.
    """

    def __init__(self, decoder: Decoder, silent: frozenset[int], stop: tuple[str, ...]) -> None:
        self._decoder = decoder
        self._silent = silent
        self._stop = stop
        self._held: list[Token] = []
        self._whole = 0  # how many of the held tokens end at a whole character
        self.stopped = False  # a stop string was met; nothing may be added after it

    def add(self, token: Token) -> list[Token]:
        """Take a token (its ``text`` is set here) and give back those that are now final."""
        text = "" if token.id in self._silent else self._decoder.push(token.id)
        self._held.append(replace(token, text=text))
        if not self._decoder.incomplete:
            self._whole = len(self._held)
        return self._settle(last=False)

    def finish(self) -> list[Token]:
        """The text ends here: give back the rest. Bytes of a character that never came whole become U+FFFD."""
        rest = self._decoder.finish()
        if rest and self._held:
            self._held[-1] = replace(self._held[-1], text=self._held[-1].text + rest)
        return self._settle(last=True)

    def _settle(self, *, last: bool) -> list[Token]:
        """Cut at a stop string, else let go of what cannot become part of one."""
        text = "".join(token.text for token in self._held)
        cut = min((at for at in (text.find(s) for s in self._stop) if at >= 0), default=None)
        if cut is not None:
            self.stopped = True
            kept = self._before(cut)
            self._held = []
            return kept
        if last:
            free = len(self._held)
        else:
            end, free, at = len(text) - overlap(text, self._stop), 0, 0
            for number, token in enumerate(self._held[: self._whole], 1):
                start, at = at, at + len(token.text)
                if at > end:
                    break
                if start < end:  # a token without text at the very end may belong to a character of a stop string
                    free = number
        given, self._held = self._held[:free], self._held[free:]
        self._whole -= free
        return given

    def _before(self, cut: int) -> list[Token]:
        """The held tokens that begin before ``cut``, the last one's text up to it."""
        kept, at = [], 0
        for token in self._held:
            if at >= cut:
                break
            kept.append(replace(token, text=token.text[: cut - at]))
            at += len(token.text)
        if kept:
            whole = self._held[len(kept) - 1].text
            kept[-1] = replace(kept[-1], removed=whole[len(kept[-1].text) :])
        return kept


def overlap(text: str, stop: tuple[str, ...]) -> int:
    """The length of the longest end of ``text`` that is the beginning of a stop string."""
    return max((n for s in stop for n in range(1, min(len(s), len(text) + 1)) if text.endswith(s[:n])), default=0)
