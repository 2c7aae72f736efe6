"""A chat as the terminal shows it: answers on stdout as they come, and what is about them, dimmed, on stderr.

No text of a person, a model, a tool or a file reaches the terminal with control characters: they are drawn.
"""

import itertools
import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.generate.completion import Token
from prosa.show.console import new_console
from prosa.show.markup import CONTROLS
from prosa.show.terminal import visible
from prosa.tokenizers.chat import ChatEncoder, Message, Role, ToolCall

LONGEST = 200  # characters of a call, and of a result, that are shown
ROLE_COLOURS: dict[Role, str] = {"system": "magenta", "user": "cyan", "assistant": "green", "tool": "yellow"}


class ChatScreen:
    """Writes a chat.

    Args:
        call_id: the token that begins a call.
    """

    def __init__(self, call_id: int) -> None:
        self._call_id = call_id
        self._out = new_console()
        self._err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else self._out.width)
        self._calling = False  # a call is being written
        self._calls: list[ToolCall] = []  # that wait for their results
        self._written = "\n"  # the end of what is on stdout

    def token(self, token: Token) -> None:
        """A token of the answer; those of a call are shown when it is whole."""
        self._calling = self._calling or token.id == self._call_id
        if self._calling or not token.text:
            return
        self._written = token.text.translate(CONTROLS)
        self._out.file.write(self._written)
        self._out.file.flush()

    def turn(self, message: Message) -> None:
        """A turn that is whole: the calls of an assistant's, and then their results."""
        if message.role == "assistant":
            self._calling = False
            self._calls = list(message.calls)
        elif self._calls:
            self._dim(f"{_one_line(message.content)}\n")
            self._calls.pop(0)
        if self._calls:
            self.end_line()
            self._dim(f"  {_called(self._calls[0])} → ")

    def end(self, *notes: str) -> None:
        """The answer ends; calls that have no result were not run."""
        for n, call in enumerate(self._calls):
            self._dim(("" if n == 0 else f"  {_called(call)} → ") + tr("not run", "não executada") + "\n")
        self._calls, self._calling = [], False
        self.end_line()
        for note in notes:
            self._dim(f"[{note}]\n")

    def end_line(self) -> None:
        """What comes next on stdout begins a line."""
        if not self._written.endswith("\n"):
            self._written = "\n"
            self._out.file.write("\n")
            self._out.file.flush()

    def note(self, text: str) -> None:
        """Something about the chat."""
        self._dim(f"{text}\n")

    def error(self, error: UserError) -> None:
        """A mistake, which ends nothing."""
        self._err.print(Text((tr("error: ", "erro: ") + error.what).translate(CONTROLS), style="red"), soft_wrap=True)
        if error.hint:
            self._dim(f"{error.hint}\n")

    def lines(self, rows: Sequence[tuple[str, str]]) -> None:
        """What a command was asked for: names, and what is to be said of each."""
        wide = max((len(name) for name, _ in rows), default=0)
        for name, text in rows:
            line = Text(f"  {name.translate(CONTROLS):<{wide}}  ", style="bold")
            self._out.print(line.append(text.translate(CONTROLS), style="not bold"), soft_wrap=True)

    def text(self, text: str) -> None:
        """A text that a command was asked for."""
        self._out.print(Text(text.translate(CONTROLS)), soft_wrap=True)

    def conversation(self, messages: Sequence[Message]) -> None:
        """Turns that were had elsewhere."""
        for message in messages:
            if message.role == "user":
                self._dim(f"› {message.content}\n")
            elif message.role == "assistant" and message.content:
                self.text(message.content)
            self.turn(message)

    def ids(self, ids: Sequence[int], encoder: ChatEncoder) -> None:
        """Ids as the model reads them: a line a turn in its role's colour, each token apart, and their numbers."""
        coloured = self._out.is_terminal and not self._out.no_color
        roles = {id: role for role, id in encoder.role_ids.items()}
        special = set(encoder.tokenizer.special_tokens.values())
        starts = [n for n, id in enumerate(ids) if id in roles]
        for start, end in itertools.pairwise([*starts, len(ids)]):
            colour, line = ROLE_COLOURS[roles[ids[start]]], Text()
            for n, id in enumerate(ids[start:end]):
                shown = visible(encoder.tokenizer.token_text(id))
                if id in special:
                    line.append(shown, style=f"bold {colour}")
                elif coloured:
                    line.append(shown, style=f"black on {'bright_' * (n % 2)}{colour}")
                else:
                    line.append(f"[{shown}]")
            self._out.print(line, soft_wrap=True)
            self._out.print(Text(" ".join(map(str, ids[start:end])), style="dim"), soft_wrap=True)

    def _dim(self, text: str) -> None:
        self._err.print(Text(text.translate(CONTROLS), style="dim"), end="", soft_wrap=True)
        self._err.file.flush()


def speed(tokens: int, seconds: float) -> str:
    """How fast an answer came."""
    rate = number(tokens / seconds, 1 if tokens < 100 * seconds else 0) if seconds else "–"
    return f"{number(tokens)} tokens, {rate} tokens/s"


def _called(call: ToolCall) -> str:
    """A call as people write one; one that could not be read, as it was written."""
    if not call.name:
        return _one_line(str(call.arguments.get("text", "")))
    values = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in call.arguments.items()
    }
    inside = list(values.values()) if len(values) == 1 else [f"{name}: {value}" for name, value in values.items()]
    return _one_line(f"{call.name}({', '.join(inside)})")


def _one_line(text: str) -> str:
    line = text.replace("\n", "⏎")
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
