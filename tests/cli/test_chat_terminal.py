"""``prosa chat`` on a terminal: a pseudo-terminal in which somebody types, and reads what is shown."""

import os
import re
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from prosa.corpus.problems import Problems
from prosa.data.conversations import read_conversations
from prosa.models.huggingface import save_model
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train
from scripted import GREETED, GREETING, SUM, chain_model

pty = pytest.importorskip("pty")  # no Windows

PROMPT = "you › "
PATIENCE = 150  # seconds: other tests may be running


class Terminal:
    """A terminal in which the command runs."""

    def __init__(self, *argv: str) -> None:
        variables = {**os.environ, "TERM": "xterm-256color", "PROSA_LANG": "en", "INPUTRC": os.devnull}
        for name in ("FORCE_COLOR", "NO_COLOR"):
            variables.pop(name, None)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(sys.executable, [sys.executable, "-m", "prosa", "chat", *argv], variables)
        self._seen = b""

    def until(self, text: str) -> str:
        """All that is shown until a text is, without the codes of line editing."""
        end = time.monotonic() + PATIENCE
        while text.encode() not in self._seen:
            assert time.monotonic() < end, self._seen.decode(errors="replace")
            if select.select([self.fd], [], [], 0.1)[0]:
                self._seen += os.read(self.fd, 2**16)
        shown, _, self._seen = self._seen.partition(text.encode())
        return re.sub(r"\x1b\[\?2004[hl]\r?", "", shown.decode()).replace("\r\n", "\n")

    def type(self, text: str) -> None:
        """Type."""
        os.write(self.fd, text.encode())

    def ask(self, line: str) -> str:
        """Type a line, and give what is shown after it until the next prompt."""
        self.type(line + "\r")
        self.until(line)
        return self.until(PROMPT).strip("\n")

    def end(self) -> tuple[str, int]:
        """What is shown until the command ends, and its exit code."""
        while True:
            try:
                if not select.select([self.fd], [], [], PATIENCE)[0]:
                    os.kill(self.pid, signal.SIGKILL)
                self._seen += (more := os.read(self.fd, 2**16))
            except OSError:  # Linux: the other side is closed
                more = b""
            if not more:
                break
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return self._seen.decode().replace("\r\n", "\n"), code


@pytest.fixture
def terminal():
    opened: list[Terminal] = []

    def start(*argv: str) -> Terminal:
        opened.append(Terminal(*argv))
        return opened[-1]

    yield start
    for one in opened:
        try:
            os.kill(one.pid, signal.SIGKILL)
            os.waitpid(one.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def dim(text: str) -> str:
    return f"\x1b[2m{text}\x1b[0m"


def test_a_chat_in_a_terminal(terminal, chat_run, tmp_path):
    file = tmp_path / "a.jsonl"
    here = terminal(str(chat_run), "--temperature", "0", "--save", str(file))
    assert "/help lists the commands" in here.until(PROMPT)
    assert here.ask(GREETING) == GREETED
    assert here.ask(SUM) == f"{dim('  calculator(3,5*2) → ')}{dim('7')}\nDá 7."
    assert "/temperature 0.8  (/temperatura)" in here.ask("/help")
    assert "unknown command: /hlep. Did you mean /help?" in here.ask("/hlep")
    assert "\x1b[30;106m" in here.ask("/tokens")
    assert "a new conversation" in here.ask("/clear")
    here.type("\x1b[A" * 5 + "\r")  # the arrow key, to the sum
    here.until(SUM)
    assert here.until(PROMPT).strip("\n").endswith("Dá 7.")
    here.type("\x04")
    shown, code = here.end()
    assert ("Goodbye." in shown, code) == (True, 0)
    found = [[m.content for m in c.messages if m.role == "user"] for c in read_conversations([file], Problems())]
    assert found == [[GREETING, SUM], [SUM]]


@pytest.fixture(scope="session")
def endless(tmp_path_factory) -> Path:
    """A model that counts from 0 to 9 again and again, and never ends."""
    folder = tmp_path_factory.mktemp("endless")
    tokenizer = train(["a"], TokenizerConfig(vocab_size=263))
    digits = [tokenizer.encode(digit)[0] for digit in "0123456789"]
    following = dict(zip(digits, [*digits[1:], digits[0]], strict=True))
    model = chain_model(tokenizer.vocab_size, 20_000, lambda id: following.get(id, digits[0]))
    save_model(model, folder, tokenizer=tokenizer)
    return folder


def test_ctrl_c_stops_an_answer_and_then_the_chat(terminal, endless):
    here = terminal(str(endless), "--temperature", "0", "--max-tokens", "19000", "--no-tools")
    here.until(PROMPT)
    here.type("Conte\r")
    here.until("0123456789" * 3)
    here.type("\x03")
    shown = here.until(PROMPT)
    assert dim("[stopped]") in shown
    written = re.match(r"[0-9]*", shown)[0]
    assert ("0123456789" * (len(written) // 10 + 1)).startswith(written)
    assert re.search(r"<\|assistant\|>(.*\n)*.*9.*<\|end\|>", here.ask("/tokens"))  # what was written is read
    time.sleep(1)  # CPython's readline loses a Ctrl-C between showing the prompt and waiting: 3 of 150 here, none later
    here.type("\x03")
    shown, code = here.end()
    assert ("Goodbye." in shown, code) == (True, 0)
    assert "Traceback" not in shown


def test_ctrl_c_while_a_question_of_the_command_line_is_answered(terminal, endless, tmp_path):
    file = tmp_path / "a.jsonl"
    options = ("--temperature", "0", "--max-tokens", "19000", "--no-tools", "--save", str(file))
    here = terminal(str(endless), "--prompt", "Conte", *options)
    here.until("0123456789")
    here.type("\x03")
    shown, code = here.end()
    assert code == 130
    assert "Traceback" not in shown
    (read,) = read_conversations([file], Problems())
    assert read.messages[1].content.startswith("0123456789")
