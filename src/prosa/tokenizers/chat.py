"""Conversations as ids: ``<|role|>content<|end|>`` a turn, and which of the ids an assistant is trained to write.

Control ids come only from here, one at a time, by structure. Contents are encoded as plain text, whatever they look
like, so that no message, document or tool output can forge a role. No plain text of the template touches a content
(``config.CHAT_TEMPLATE``), so that ``transformers`` gives the same ids when it renders the template and encodes the
whole string (a call's arguments given as an object; as JSON text the template takes them as they are spaced).

An assistant's turn may end in calls of tools, each ``<|call|>{"name": …, "arguments": {…}}``; results are turns of the
role ``tool``, in the order of the calls.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.tokenizers.config import CALL, CHAT_TOKENS, END
from prosa.tokenizers.protocol import Tokenizer

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the assistant calls, and with what: JSON values by parameter name."""

    name: str
    arguments: dict[str, Any]

    @property
    def text(self) -> str:
        """As the assistant writes it."""
        return json.dumps({"name": self.name, "arguments": self.arguments}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Message:
    """A turn of a conversation; only an assistant's has ``calls``."""

    role: Role
    content: str
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatIds:
    """A conversation's ids, and which of them the assistant wrote.

    Attributes:
        ids: (n,) uint32.
        written: (n,) bool, True for the contents and calls of assistant turns and the ``<|end|>`` after them: what a
            loss is taken of.
        ends: where each turn ends, (turns,) int64: the turn's ids end before it.
    """

    ids: NDArray[np.uint32]
    written: NDArray[np.bool_]
    ends: NDArray[np.int64]


class ChatEncoder:
    """Encodes conversations with one tokenizer.

    Raises:
        UserError: the tokenizer has no chat tokens.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        missing = [token for token in CHAT_TOKENS if token not in tokenizer.special_tokens]
        if missing:
            raise UserError(
                tr(
                    f"the tokenizer has no chat template: it lacks {', '.join(missing)}.",
                    f"o tokenizador não tem modelo de conversa: faltam {', '.join(missing)}.",
                ),
                tr(
                    "Train a tokenizer with prosa (the chat tokens are there by default) and a model on it.",
                    "Treine um tokenizador com a prosa (os tokens de conversa já vêm nele) e um modelo com ele.",
                ),
            )
        self.tokenizer = tokenizer
        self.role_ids: dict[Role, int] = {role: tokenizer.special_tokens[f"<|{role}|>"] for role in ROLES}
        self.call_id, self.end_id = tokenizer.special_tokens[CALL], tokenizer.special_tokens[END]

    def encode(self, messages: Sequence[Message]) -> ChatIds:
        """The ids of one conversation.

        Raises:
            UserError: a content with a lone surrogate.
        """
        return self.encode_batch([messages])[0]

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids after which the assistant's next turn is generated: the conversation and ``<|assistant|>``."""
        return [*self.encode(messages).ids.tolist(), self.role_ids["assistant"]]

    def encode_batch(self, conversations: Sequence[Sequence[Message]]) -> list[ChatIds]:
        """The ids of many conversations; all texts are encoded together.

        Raises:
            UserError: a content with a lone surrogate; the text's number among all texts is named.
        """
        turns = [message for messages in conversations for message in messages]
        flat, offsets = self.tokenizer.encode_batch([text for turn in turns for text in _texts(turn)])
        pieces = iter(np.split(flat, offsets[1:-1]) if len(offsets) > 1 else [])
        found = []
        for messages in conversations:
            ids: list[NDArray[np.uint32]] = []
            written: list[NDArray[np.bool_]] = []
            lengths = []
            for message in messages:
                turn = self._turn(message, [next(pieces) for _ in _texts(message)])
                ids.append(turn)
                lengths.append(len(turn))
                theirs = np.full(len(turn), message.role == "assistant")
                theirs[0] = False  # the role is given, not written
                written.append(theirs)
            found.append(
                ChatIds(
                    np.concatenate(ids) if ids else np.empty(0, np.uint32),
                    np.concatenate(written) if written else np.empty(0, np.bool_),
                    np.cumsum(lengths, dtype=np.int64),
                )
            )
        return found

    def _turn(self, message: Message, texts: list[NDArray[np.uint32]]) -> NDArray[np.uint32]:
        call, end = np.array([self.call_id], np.uint32), np.array([self.end_id], np.uint32)
        role = np.array([self.role_ids[message.role]], np.uint32)
        calls = [part for text in texts[1:] for part in (call, text)]
        return np.concatenate([role, texts[0], *calls, end]).astype(np.uint32, copy=False)


def _texts(message: Message) -> list[str]:
    return [message.content, *(call.text for call in message.calls)]
