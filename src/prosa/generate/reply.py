"""An assistant's reply: its turn and, where that calls tools, what they gave and its next turn, until it ends.

``replies`` makes many at once, ``stream`` one token by token; both give the same. The program's part (a tool's turn and
the role token after it) is marked as not written by the model: nothing is learnt from it.

Which tools there are, the system turn tells (``announced``); a model that learnt from such conversations calls tools
where there are some and answers by itself where there are none.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from prosa.core.errors import UserError
from prosa.generate.completion import Completion, FinishReason, Token
from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling
from prosa.generate.tools.calls import ToolCall, parse_call
from prosa.generate.tools.toolbox import Toolbox
from prosa.tokenizers.chat import ChatEncoder, Message

MAX_ROUNDS = 4
"""Times that a reply may call tools; what it calls after that is not run, and ends it."""

_ANNOUNCED = re.compile(r"(?:\A|\n\n)(?:[\w-]+\([\w, ]*\)(?:\n|\Z))+\Z")


class Offered(Protocol):
    """Tools that may be called; a ``Toolbox``, or tools that others run."""

    @property
    def announcement(self) -> str:
        """What a system turn tells of them."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What came after a prompt.

    Attributes:
        prompt: the ids that were read before, what is announced of tools among them.
        messages: the assistant's turn; with tools, theirs and its next in turns.
        ids: all of it after the prompt, whose last id is ``<|assistant|>``.
        written: which of ``ids`` the model wrote.
        finish_reason: of the last turn.
    """

    prompt: tuple[int, ...]
    messages: tuple[Message, ...]
    ids: tuple[int, ...]
    written: tuple[bool, ...]
    finish_reason: FinishReason

    @property
    def text(self) -> str:
        """The last turn's content: the answer."""
        return self.messages[-1].content


def announced(messages: Sequence[Message], toolbox: Offered | None) -> list[Message]:
    """The conversation with its tools named in the system turn, after what that says already."""
    if toolbox is None or not toolbox.announcement:
        return list(messages)
    said = [m.content for m in messages[:1] if m.role == "system"]
    return [Message("system", "\n\n".join([*said, toolbox.announcement])), *messages[len(said) :]]


def unannounced(messages: Sequence[Message]) -> list[Message]:
    """The conversation without the tools that ``announced`` named, whichever they were."""
    if not messages or messages[0].role != "system":
        return list(messages)
    said = _ANNOUNCED.sub("", messages[0].content)
    return [*([Message("system", said)] if said else []), *messages[1:]]


def replies(
    engine: Engine,
    encoder: ChatEncoder,
    conversations: Sequence[Sequence[Message]],
    sampling: Sampling | None = None,
    *,
    max_tokens: int,
    samples: int = 1,
    toolbox: Toolbox | None = None,
) -> list[Reply]:
    """Answer each conversation.

    Args:
        conversations: each ends with the turn to be answered.
        max_tokens: the most of a turn.
        samples: replies to each.
        toolbox: what may be called, and is announced; None: a call ends the reply, and is not run.

    Returns:
        ``samples`` replies to the first conversation, then those to the second, …

    Raises:
        UserError: as ``Engine.generate``.
    """
    all_ = [
        _Exchange(encoder, encoder.prompt(announced(messages, toolbox)), number)
        for messages in conversations
        for number in range(samples)
    ]
    going = all_
    while going:
        made = engine.generate(
            [exchange.read for exchange in going],
            sampling,
            max_tokens=max_tokens,
            samples=[exchange.number for exchange in going],
        )
        for exchange, completion in zip(going, made, strict=True):
            exchange.take(completion, toolbox, engine.model.config.context)
        going = [exchange for exchange in going if exchange.finish_reason is None]
    return [exchange.reply() for exchange in all_]


def stream(
    engine: Engine,
    encoder: ChatEncoder,
    prompt: Sequence[int],
    sampling: Sampling | None = None,
    *,
    max_tokens: int,
    sample: int = 0,
    toolbox: Toolbox | None = None,
) -> Generator[Token | Message, None, Reply]:
    """Answer one prompt: its tokens as they come, and each turn (assistant's, tool's) when it is whole.

    A token of id ``encoder.call_id`` begins a call, whose text follows. The other arguments are those of ``replies``.

    Args:
        prompt: ids, read as they are: what is announced of tools is in them. The last is ``<|assistant|>``.
        sample: which of the replies that ``replies`` gives to it.
    """
    exchange = _Exchange(encoder, list(prompt), sample)
    while exchange.finish_reason is None:
        completion = yield from engine.stream(exchange.read, sampling, max_tokens=max_tokens, sample=sample)
        yield from exchange.turns(completion, toolbox, engine.model.config.context)
    return exchange.reply()


def turn_of(encoder: ChatEncoder, ids: Sequence[int]) -> Message:
    """The assistant's turn that ids write; control ids in the middle of it are no text."""
    return _turn(*_texts(encoder, ids))


class _Exchange:
    """A reply in the making."""

    def __init__(self, encoder: ChatEncoder, prompt: list[int], number: int) -> None:
        self.number = number
        self.messages: list[Message] = []
        self.finish_reason: FinishReason | None = None
        self._encoder = encoder
        self._prompt = prompt
        self._ids: list[int] = []
        self._written: list[bool] = []
        self._rounds = 0

    @property
    def read(self) -> list[int]:
        """What the model reads."""
        return self._prompt + self._ids

    def take(self, completion: Completion, toolbox: Toolbox | None, context: int) -> None:
        """Take in a turn, and run what it calls."""
        for _ in self.turns(completion, toolbox, context):
            pass

    def turns(self, completion: Completion, toolbox: Toolbox | None, context: int) -> Iterator[Message]:
        """``take``, giving each turn as soon as it is whole: the assistant's before its calls are run."""
        ids = [token.id for token in completion.tokens]
        content, *calls = _texts(self._encoder, ids)
        self.messages.append(_turn(content, *calls))
        self._add(ids if completion.ended_by is None else [*ids, completion.ended_by], written=True)
        yield self.messages[-1]
        ended = completion.ended_by == self._encoder.end_id
        if not (calls and ended and toolbox) or self._rounds == MAX_ROUNDS:
            self.finish_reason = completion.finish_reason
            return
        self._rounds += 1
        results = []
        for text in calls:
            results.append(Message("tool", toolbox.answer(text).content))
            yield results[-1]
        self.messages += results
        # as in a prompt: the results, and the role of the turn to come
        self._add(self._encoder.prompt(results), written=False)
        if len(self.read) > context:
            self.messages.append(Message("assistant", ""))
            self.finish_reason = "length"
            yield self.messages[-1]

    def reply(self) -> Reply:
        """The finished reply."""
        assert self.finish_reason is not None
        return Reply(
            tuple(self._prompt), tuple(self.messages), tuple(self._ids), tuple(self._written), self.finish_reason
        )

    def _add(self, ids: list[int], *, written: bool) -> None:
        self._ids += ids
        self._written += [written] * len(ids)


def _texts(encoder: ChatEncoder, ids: Sequence[int]) -> list[str]:
    """A turn's content, and the text of each call after it."""
    control = set(encoder.tokenizer.special_tokens.values())
    parts: list[list[int]] = [[]]
    for id in ids:
        if id == encoder.call_id:
            parts.append([])
        elif id not in control:
            parts[-1].append(id)
    return [encoder.tokenizer.decode(part) for part in parts]


def _turn(content: str, *calls: str) -> Message:
    return Message("assistant", content, tuple(map(_call, calls)))


def _call(text: str) -> ToolCall:
    """The call that was written; one that cannot be read has no name."""
    try:
        return parse_call(text)
    except UserError:
        return ToolCall("", {"text": text})
