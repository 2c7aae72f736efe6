"""A conversation that is being had, kept as one line of a JSONL file in the "messages" form (``conversations.py``).

The other lines of the file stay as they are: conversations had before, which together are data to fine-tune on.
"""

import io
import json
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prosa.core.errors import UserError
from prosa.core.files import write_bytes
from prosa.core.language import tr
from prosa.corpus.problems import Problems
from prosa.data.conversations import Conversation, check_turns, read_conversations
from prosa.data.records import BadRecord
from prosa.tokenizers.chat import Message

_SURROGATES = re.compile("[\ud800-\udfff]")


def as_record(messages: Sequence[Message]) -> dict[str, Any]:
    """The "messages" form of a conversation, calls of tools as OpenAI has them."""
    return {"messages": [_turn(message) for message in messages]}


def last_conversation(path: Path) -> Conversation:
    """The last conversation of a JSONL, JSON or Parquet file.

    Raises:
        UserError: it has none, or as ``read_conversations``.
    """
    (found,) = deque(read_conversations([path], Problems()), maxlen=1)
    return found


class ConversationFile:
    """One conversation's line in a file.

    Args:
        path: a .jsonl file, there or not.

    Raises:
        UserError: it is of another format, or a folder.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() != ".jsonl":
            raise UserError(
                tr(f"{path} is not a .jsonl file.", f"{path} não é um arquivo .jsonl."),
                tr(
                    "Conversations are kept one a line: give FILE.jsonl.",
                    "As conversas são gravadas uma por linha: dê ARQUIVO.jsonl.",
                ),
            )
        if path.is_dir():
            raise UserError(tr(f"{path} is a folder.", f"{path} é uma pasta."))
        self.path = path
        self._line = b""  # as it is in the file; b"": it is not there yet

    def load(self) -> Conversation:
        """The file's last conversation, whose line is from now on the one that ``save`` replaces.

        Raises:
            UserError: as ``last_conversation``.
        """
        found = last_conversation(self.path)
        number = int(found.source.rpartition(":")[2])
        try:
            self._line = self._lines()[number - 1]
        except (OSError, UnicodeDecodeError):
            self._line = b""
        return found

    def save(self, messages: Sequence[Message]) -> None:
        """Put the conversation on its line, at the end where it has none yet.

        Raises:
            UserError: there is no answer in it yet, or the file cannot be written.
        """
        text = json.dumps(as_record(messages), ensure_ascii=False)
        new = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text).encode() + b"\n"  # what a model wrote in a call
        try:
            check_turns(messages)
            lines = self._lines() if self.path.exists() else []
            if self._line in lines:
                lines[len(lines) - 1 - lines[::-1].index(self._line)] = new
            else:
                lines = [*(line if line.endswith(b"\n") else line + b"\n" for line in lines), new]
            write_bytes(self.path, b"".join(lines))
        except BadRecord as error:
            raise self._refused(str(error)) from error
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from error
        except UnicodeDecodeError as error:
            raise self._refused(tr("what is there is not UTF-8", "o que está lá não é UTF-8")) from error
        except UserError as error:
            raise self._refused(error.what) from error
        self._line = new

    def begin(self) -> None:
        """Another conversation begins: the line of the last one stays as it is."""
        self._line = b""

    def _lines(self) -> list[bytes]:
        content = self.path.read_bytes()
        content.decode()  # a line of UTF-8 has no place among others
        return io.BytesIO(content).readlines()

    def _refused(self, why: str) -> UserError:
        return UserError(
            tr(
                f"the conversation is not saved in {self.path}: {why}",
                f"a conversa não foi gravada em {self.path}: {why}",
            ),
            tr("Free some space, or choose another file.", "Libere espaço, ou escolha outro arquivo."),
        )


def _turn(message: Message) -> dict[str, Any]:
    calls = [
        {
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
        }
        for call in message.calls
    ]
    return {"role": message.role, "content": message.content} | ({"tool_calls": calls} if calls else {})
