"""A chat: what was said, what the model reads of it, and its next answer. Nothing here knows of a terminal.

What the model wrote stays as the ids that it wrote: a text has several spellings in tokens, and encoding an answer
again may give one that the model never wrote. Only what is loaded from a file is encoded anew.

When the context is full, the oldest exchanges are left out of what the model reads, whole ones, never the system turn.
"""

import unicodedata
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.generate.completion import Token
from prosa.generate.draft import Draft
from prosa.generate.engine import Engine
from prosa.generate.reply import Reply, announced, stream, unannounced
from prosa.generate.sampling import Sampling
from prosa.generate.tools import Toolbox
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.text import surrogate_error

ROOM = 4
"""The answer has ``max_tokens`` of room, or one part in so many of the context where that is less."""

Ending = Literal["stop", "max_tokens", "context", "cut"]
Answering = Generator[Token | Message, None, "Exchange"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer.

    Attributes:
        messages: the user's turn, then the assistant's and its tools'. Calls that were not run are not among them.
        ids: all of it as the model reads it.
        ending: why the answer ended; "cut": it was stopped from outside.
        tokens: how many the model wrote; 0 of one that was loaded.
        seconds: how long it took to, its tools not counted.
        sample: which of the question's answers this is.
        left_out: how many exchanges before it were not read.
    """

    messages: tuple[Message, ...]
    ids: tuple[int, ...]
    ending: Ending = "stop"
    tokens: int = 0
    seconds: float = 0.0
    sample: int = 0
    left_out: int = 0

    @property
    def text(self) -> str:
        """The answer: the content of the last turn."""
        return self.messages[-1].content


class Session:
    """A conversation with a model.

    Args:
        system: the system turn's text, "" for none.
        sampling: may be changed from answer to answer, as ``max_tokens`` may.
        max_tokens: the most of a turn.
        toolbox: what the model may call; None: nothing, and a call ends the answer.

    Raises:
        UserError: the system turn fills the context.
    """

    def __init__(
        self,
        engine: Engine,
        encoder: ChatEncoder,
        *,
        system: str = "",
        sampling: Sampling,
        max_tokens: int,
        toolbox: Toolbox | None = None,
    ) -> None:
        self.engine = engine
        self.encoder = encoder
        self.sampling = sampling
        self.max_tokens = max_tokens
        self.toolbox = toolbox
        self.exchanges: list[Exchange] = []
        self.system = system

    @property
    def context(self) -> int:
        """The most tokens that the model reads."""
        return self.engine.model.config.context

    @property
    def system(self) -> str:
        """The system turn's text, without the tools that it announces."""
        return self._system

    @system.setter
    def system(self, text: str) -> None:
        text = _said(text)
        head = self._head(text)
        if len(head) >= self.context:
            raise UserError(
                tr(
                    f"the system turn has {number(len(head))} tokens, the model's context {number(self.context)}.",
                    f"o turno do sistema tem {number(len(head))} tokens, e o contexto do modelo, "
                    f"{number(self.context)}.",
                ),
                tr("Shorten it, or use fewer tools.", "Encurte-o, ou use menos ferramentas."),
            )
        self._system = text

    @property
    def messages(self) -> list[Message]:
        """The whole conversation, the system turn as the model reads it."""
        return [*self._head_messages(self._system), *(m for exchange in self.exchanges for m in exchange.messages)]

    def reads(self) -> list[int]:
        """The ids that the next question will come after."""
        return [*self._head(self._system), *_joined(self.exchanges[self.left_out :])]

    @property
    def left_out(self) -> int:
        """How many of the oldest exchanges the next question will not come after, however short it is."""
        return self._left_out(self.exchanges, len(self._head(self._system)))

    def ask(self, text: str) -> Answering:
        """The answer to a question, as it comes: its tokens, and each turn (assistant's, tool's) when it is whole.

        When it is stopped, by closing the generator or by Ctrl-C within it, what was written by then is kept as an
        answer that was cut; if that is nothing, the conversation stays as it was.

        Returns:
            The exchange, which is the last of ``exchanges`` now.

        Raises:
            UserError: at once: the question is longer than the context, or is no text.
        """
        return self._answer(Message("user", _said(text)), self.exchanges, 0)

    def retry(self) -> Answering:
        """``ask`` the last question again, for another of its answers; it takes the place of the old one.

        Raises:
            UserError: there is none.
        """
        *before, last = self._some()
        return self._answer(last.messages[0], before, last.sample + 1)

    def undo(self) -> Exchange:
        """Take back the last question and its answer.

        Raises:
            UserError: there is none.
        """
        *self.exchanges, last = self._some()
        return last

    def clear(self) -> None:
        """Begin a new conversation; the system turn stays."""
        self.exchanges = []

    def restore(self, messages: Sequence[Message]) -> int:
        """Go on with a conversation from elsewhere, in place of this one.

        Returns:
            Turns at its end that were left out: a question without an answer, calls without their results.

        Raises:
            UserError: its system turn fills the context; this conversation stays as it was.
        """
        messages = unannounced(messages)
        system = messages.pop(0).content if messages[:1] and messages[0].role == "system" else ""
        starts = [n for n, message in enumerate(messages) if message.role == "user"]
        parts = [messages[start:end] for start, end in zip(starts, [*starts[1:], len(messages)], strict=True)]
        left = 0
        while parts and (len(parts[-1]) == 1 or parts[-1][-1].role != "assistant" or parts[-1][-1].calls):
            left += len(parts.pop())
        found = [
            Exchange(tuple(part), tuple(ids.ids.tolist()))
            for part, ids in zip(parts, self.encoder.encode_batch(parts), strict=True)
        ]
        self.system = system
        self.exchanges = found
        return left

    def _some(self) -> list[Exchange]:
        if not self.exchanges:
            raise UserError(tr("there is no question yet.", "ainda não há pergunta."))
        return self.exchanges

    def _head_messages(self, system: str) -> list[Message]:
        return announced([Message("system", system)] if system else [], self.toolbox)

    def _head(self, system: str) -> list[int]:
        """The ids of the system turn."""
        ids: list[int] = self.encoder.encode(self._head_messages(system)).ids.tolist()
        return ids

    def _left_out(self, exchanges: Sequence[Exchange], fixed: int) -> int:
        """How many of the oldest exchanges have no place beside ``fixed`` tokens and the answer."""
        place = self.context - fixed - min(self.max_tokens, self.context // ROOM)
        for n in range(len(exchanges), 0, -1):
            place -= len(exchanges[n - 1].ids)
            if place < 0:
                return n
        return 0

    def _answer(self, question: Message, before: Sequence[Exchange], sample: int) -> Answering:
        """``ask``; what must be right is checked here and now."""
        before = list(before)
        head, asked = self._head(self._system), self.encoder.prompt([question])
        if len(head) + len(asked) > self.context:
            beside = tr(f", beside the system turn's {number(len(head))}", f", além dos {number(len(head))} do sistema")
            n, limit = number(len(asked)), number(self.context)
            raise UserError(
                tr(
                    f"the message has {n} tokens{beside if head else ''}; the model's context is {limit}.",
                    f"a mensagem tem {n} tokens{beside if head else ''}; o contexto do modelo é de {limit}.",
                ),
                tr("Shorten it.", "Encurte-a."),
            )
        left_out = self._left_out(before, len(head) + len(asked))
        items = stream(
            self.engine,
            self.encoder,
            [*head, *_joined(before[left_out:]), *asked],
            self.sampling,
            max_tokens=self.max_tokens,
            sample=sample,
            toolbox=self.toolbox,
        )
        draft = Draft(self.encoder)

        def keep(messages: Sequence[Message], ids: Sequence[int], ending: Ending, tokens: int) -> Exchange:
            exchange = Exchange((question, *messages), (*asked, *ids), ending, tokens, draft.seconds, sample, left_out)
            self.exchanges = [*before, exchange]
            return exchange

        def answering() -> Answering:
            try:
                reply = yield from draft.watch(items)
            except (KeyboardInterrupt, GeneratorExit):
                written = draft.cut()
                if written is not None:
                    keep(*written, "cut", draft.tokens)
                raise
            return keep(*self._closed(reply), self._ending(reply), sum(reply.written))

        return answering()

    def _closed(self, reply: Reply) -> tuple[tuple[Message, ...], list[int]]:
        """A reply as a part of the conversation: without calls that wait for a result, and ended as a turn ends."""
        *turns, last = reply.messages
        ids = list(reply.ids)
        if ids and ids[-1] in (self.encoder.end_id, self.encoder.tokenizer.end_of_text):
            ids.pop()
        return (*turns, replace(last, calls=())), [*ids, self.encoder.end_id]

    def _ending(self, reply: Reply) -> Ending:
        if reply.finish_reason == "stop":
            return "stop"
        last = next((n for n, written in enumerate(reversed(reply.written)) if not written), len(reply.written))
        return "max_tokens" if last == self.max_tokens else "context"


def _said(text: str) -> str:
    """What a person says, in NFC."""
    error = surrogate_error(text)
    if error is not None:
        raise error
    return unicodedata.normalize("NFC", text)


def _joined(exchanges: Sequence[Exchange]) -> list[int]:
    return [id for exchange in exchanges for id in exchange.ids]
