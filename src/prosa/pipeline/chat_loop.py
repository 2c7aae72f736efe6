"""The chat's loop: a line is read, a command is run or a question answered, whatever goes wrong with it is told."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.data.conversation_file import ConversationFile
from prosa.generate.completion import Token
from prosa.generate.session import Answering, Exchange, Session
from prosa.show.chat import ChatScreen, speed

BLOCK = '"""'


class Quit(Exception):
    """The person wants to go."""


@dataclass
class Chat:
    """A chat on a screen: what the commands work on.

    Attributes:
        folder: the model's.
        file: where the conversation is kept, after every answer.
        speed: whether to tell, after each answer, how fast it came.
    """

    session: Session
    screen: ChatScreen
    folder: Path
    file: ConversationFile | None = None
    speed: bool = False
    _told: bool = False  # that something is left out

    def answer(self, items: Answering) -> bool:
        """Show an answer as it comes, and keep it; whether it came to its end, or Ctrl-C stopped it."""
        before, stopped = self.session.exchanges, False
        try:
            for item in items:
                if isinstance(item, Token):
                    self.screen.token(item)
                else:
                    self.screen.turn(item)
        except KeyboardInterrupt:
            items.close()
            stopped = True
        except UserError:
            self.screen.end()
            raise
        if self.session.exchanges is before:
            self.screen.end(tr("stopped before a word was written", "interrompida antes da primeira palavra"))
        else:
            self.screen.end(*self._notes(self.session.exchanges[-1], before))
            self.keep()
        return not stopped

    def keep(self) -> None:
        """Bring the file up to date, where there is one and something to keep."""
        if self.file is None or not self.session.exchanges:
            return
        try:
            self.file.save(self.session.messages)
        except UserError as error:
            self.screen.error(error)

    def begin(self) -> None:
        """The conversation is another one now."""
        self._told = False
        if self.file is not None:
            self.file.begin()

    def _notes(self, made: Exchange, before: list[Exchange]) -> list[str]:
        session, notes = self.session, []
        limit, context = number(session.max_tokens), number(session.context)
        if made.ending == "cut":
            notes.append(tr("stopped", "interrompida"))
        elif made.ending == "max_tokens":
            notes.append(tr(f"cut at --max-tokens {limit}", f"cortada em --max-tokens {limit}"))
        elif made.ending == "context":
            notes.append(
                tr(f"cut: the context of {context} tokens is full", f"cortada: o contexto de {context} tokens encheu")
            )
        elif not made.text.strip():
            notes.append(tr("no answer", "sem resposta"))
        if made.sample and session.sampling.greedy and made.ids == before[-1].ids:
            notes.append(
                tr("the same answer: the temperature is 0", "a mesma resposta: a temperatura é 0"),
            )
        if made.left_out and not self._told:
            self._told = True
            notes.append(
                tr(
                    f"the conversation no longer fits the context of {context} tokens: from now on the model does not "
                    "read its beginning",
                    f"a conversa já não cabe no contexto de {context} tokens: de agora em diante o modelo não lê o "
                    "começo dela",
                )
            )
        if self.speed:
            notes.append(speed(made.tokens, made.seconds))
        return notes


@dataclass(frozen=True)
class Typed:
    """What a person typed; ``block``: between triple quotes, which is never a command."""

    text: str
    block: bool = False


def read_typed(read: Callable[[str], str]) -> Typed | None:
    r"""A line, or several: those that end with ``\`` and the next, or all between triple quotes.

    Returns:
        None where Ctrl-C took back what was begun.

    Raises:
        EOFError, KeyboardInterrupt: before anything was typed.
    """
    lines = [read(tr("you › ", "você › "))]
    try:
        if not lines[0].lstrip().startswith(BLOCK):
            while lines[-1].endswith("\\") and _read_more(read, lines):
                lines[-2] = lines[-2].removesuffix("\\")
            return Typed("\n".join(lines))
        lines[0] = lines[0].lstrip().removeprefix(BLOCK)
        while not lines[-1].rstrip().endswith(BLOCK) and _read_more(read, lines):
            pass
        lines[-1] = lines[-1].rstrip().removesuffix(BLOCK)
        return Typed("\n".join(lines).strip("\n"), block=True)
    except KeyboardInterrupt:
        return None


def _read_more(read: Callable[[str], str], lines: list[str]) -> bool:
    """One more line; False where the input ends, and what was begun with it."""
    try:
        lines.append(read("... "))
    except EOFError:
        return False
    return True


def converse(chat: Chat, read: Callable[[str], str]) -> None:
    """Talk until the person goes: by /quit, Ctrl-D, Ctrl-C at the prompt or the end of the input."""
    from prosa.pipeline.chat_commands import run_command

    while True:
        chat.screen.note("")
        try:
            typed = read_typed(read)
        except (EOFError, KeyboardInterrupt):
            chat.screen.note("")
            break
        if typed is None or not typed.text.strip():
            continue
        try:
            if typed.block or not typed.text.startswith("/"):
                chat.answer(chat.session.ask(typed.text))
            elif typed.text.startswith("//"):
                chat.answer(chat.session.ask(typed.text[1:]))
            else:
                run_command(chat, typed.text)
        except Quit:
            break
        except UserError as error:
            chat.screen.error(error)
        except KeyboardInterrupt:
            chat.screen.end(tr("stopped", "interrompida"))
        except BrokenPipeError:
            raise
        except Exception as error:  # of torch, of the disk: the conversation must not be lost with it
            chat.screen.end()
            chat.screen.error(UserError(f"{type(error).__name__}: {error}"))
    chat.screen.note(tr("Goodbye.", "Até logo."))
