"""What has come of an answer, which may be stopped at any moment: by Ctrl-C, or by who reads it."""

import time
from collections.abc import Generator

from prosa.generate.completion import Token
from prosa.generate.reply import Reply, turn_of
from prosa.tokenizers.chat import ChatEncoder, Message


class Draft:
    """An answer in the making.

    Attributes:
        tokens: how many the model has written.
        seconds: how long it took to; the time of its tools does not count.
    """

    def __init__(self, encoder: ChatEncoder) -> None:
        self.tokens = 0
        self.seconds = 0.0
        self._encoder = encoder
        self._turns: list[Message] = []  # of calls that have all their results
        self._ids: list[int] = []  # theirs
        self._calling: list[Message] = []  # a turn that calls, and results so far
        self._turn: list[int] = []  # the ids of the turn under way

    def watch(self, items: Generator[Token | Message, None, Reply]) -> Generator[Token | Message, None, Reply]:
        """Pass on what comes, and remember it."""
        while True:
            since = time.monotonic()
            try:
                item = next(items)
            except StopIteration as end:
                reply: Reply = end.value
                return reply
            if isinstance(item, Token):
                self.tokens += 1
                self._turn.append(item.id)
            elif item.role == "assistant":
                self._calling = [item]
            else:
                self._take_result(item)
            if not (isinstance(item, Message) and item.role == "tool"):
                self.seconds += time.monotonic() - since
            yield item

    def _take_result(self, result: Message) -> None:
        self._calling.append(result)
        turn, *results = self._calling
        if len(results) == len(turn.calls):
            self._turns += self._calling
            self._ids += [*self._turn, self._encoder.end_id, *self._encoder.prompt(results)]
            self._turn, self._calling = [], []

    def cut(self) -> tuple[list[Message], list[int]] | None:
        """The turns and ids of an answer that ends here, without what was not finished of a call; None: nothing."""
        called = self._turn.index(self._encoder.call_id) if self._encoder.call_id in self._turn else len(self._turn)
        ids = self._turn[:called]
        turn = turn_of(self._encoder, ids)
        if not self._turns and not turn.content.strip():
            return None
        return [*self._turns, turn], [*self._ids, *ids, self._encoder.end_id]
