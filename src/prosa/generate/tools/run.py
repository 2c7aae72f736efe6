"""A tool is run: in this process where it is bounded, else in one of its own that can be stopped.

``Worker`` is that process. It starts at the first call and stays, so that a call costs a message each way and functions
keep their state from call to call; after one that hangs or ends the process, the next call starts a new one. What
travels is JSON: the arguments to it, a text already cut back from it.

It starts by ``fork`` on Linux, where any function can be run, also a closure or one typed into a notebook; elsewhere by
``spawn``, which finds a function again by its module or file. (PyTorch's data loaders choose in the same way.) It leads
a process group of its own: Ctrl-C at the terminal does not reach it, and what a tool has started goes with it. It ends
with this process, however that ends.
"""

import contextlib
import json
import multiprocessing
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import astuple
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Any, NoReturn

from prosa.core.errors import UserError
from prosa.core.language import duration, language, set_language, tr
from prosa.generate.tools.calls import ToolCall, ToolResult, failure, success
from prosa.generate.tools.functions import Tool

START = "fork" if sys.platform == "linux" else "spawn"

_FOLDERS = re.compile(
    r"""(?<![\w./\\]) (?!(?<=:)//[^/])  # not within a relative path, nor after https:
        (?:[A-Za-z]:)? [/\\]+ (?:[^\s/\\'"][^/\\'"\n]*[/\\]+)+""",
    re.VERBOSE,
)


def respond(tool: Tool, arguments: dict[str, Any], max_chars: int) -> ToolResult:
    """Call a tool here and now. Whatever it raises becomes an error result."""
    try:
        value = tool.call(arguments)
    except UserError as error:
        return failure(tool.name, str(error), max_chars)
    except (Exception, SystemExit) as error:
        return failure(tool.name, _told(error), max_chars)
    if isinstance(value, str):
        return success(tool.name, value, max_chars)
    try:
        return success(tool.name, json.dumps(value, ensure_ascii=False, allow_nan=False), max_chars)
    except (TypeError, ValueError, RecursionError) as error:
        kind, why = type(value).__name__, _told(error)
        problem = tr(f"the {kind} it returned has no form in JSON", f"o {kind} que ela devolveu não tem forma em JSON")
        return failure(tool.name, f"{problem} ({why})", max_chars)


def _told(error: BaseException) -> str:
    """An exception's type and message, with file names in it but not the folders they are in."""
    try:
        message = _FOLDERS.sub("", str(error))
    except Exception:
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


class Worker:
    """The process in which tools run, one call at a time.

    Args:
        tools: all those it may be asked to run.
        timeout: seconds after which a call is stopped.
        max_chars: a longer result is cut.
    """

    def __init__(self, tools: Sequence[Tool], timeout: float, max_chars: int) -> None:
        self._tools = tools
        self._timeout = timeout
        self._max_chars = max_chars
        self._connection: Connection
        self._process: BaseProcess | None = None
        self._end: Finalize | None = None
        self._one_call = threading.Lock()

    def call(self, call: ToolCall) -> ToolResult:
        """Run a call; nothing that the tool does is raised here.

        Raises:
            UserError: the process cannot start.
        """
        message = json.dumps([call.name, call.arguments, language()]).encode()
        with self._one_call:
            if self._process is not None and not self._process.is_alive():
                self.stop()
            finished = False
            try:
                if self._process is None:
                    self._start()
                self._connection.send_bytes(message)
                if not self._connection.poll(self._timeout):
                    limit = duration(self._timeout)
                    problem = tr(f"stopped after {limit}", f"interrompida depois de {limit}")
                    return failure(call.name, problem, self._max_chars)
                result = ToolResult(*json.loads(self._connection.recv_bytes()))
                finished = True
                return result
            except (EOFError, OSError):
                problem = tr("it ended the process in which tools run", "ela encerrou o processo em que roda")
                return failure(call.name, problem, self._max_chars)
            finally:  # also on Ctrl-C
                if not finished:
                    self.stop()

    def stop(self) -> None:
        """End the process, and what a tool started in it. The next call starts a new one."""
        if self._end is not None:
            self._end()
            self._process = self._end = None

    def _start(self) -> None:
        context: Any = multiprocessing.get_context(START)
        self._connection, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._tools, self._max_chars), name="prosa-tools")
        self._end = Finalize(self, _end, (process, self._connection), exitpriority=0)  # at the program's end, too
        try:
            process.start()
            theirs.close()
            self._connection.recv_bytes()  # it leads its group now
        except (EOFError, OSError) as error:
            raise UserError(
                tr("the process in which tools run did not start", "o processo das ferramentas não iniciou"),
                tr(
                    "On this system tools must be in a file or module, and a script of yours must call them under "
                    '`if __name__ == "__main__":`.',
                    "Neste sistema as ferramentas precisam estar num arquivo ou módulo, e um script seu precisa "
                    'chamá-las dentro de `if __name__ == "__main__":`.',
                ),
            ) from error
        self._process = process


def _end(process: BaseProcess, connection: Connection) -> None:
    connection.close()
    if process.pid is not None:
        _kill_group(process.pid)
        process.kill()  # where there are no groups, or before it leads one
        process.join()


def _serve(connection: Connection, tools: Sequence[Tool], max_chars: int) -> None:
    """The life of the process: answer calls until it is killed."""
    _detach()
    errors, leader = os.dup(2), os.getpid()
    named = {tool.name: tool for tool in tools}
    connection.send_bytes(b"ready")
    while True:
        try:
            name, arguments, lang = json.loads(connection.recv_bytes())
        except EOFError:  # the parent is gone; a forked process has a copy of its end of the pipe, and never sees this
            _end_with_parent()
        set_language(lang)
        _speak_to(errors)
        answer = json.dumps(astuple(respond(named[name], arguments, max_chars))).encode()
        if os.getpid() != leader:  # a copy that the tool forked came back: two would answer, to calls in turns
            os._exit(0)
        connection.send_bytes(answer)


def _detach() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows has no sessions
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not what the parent does then
    if hasattr(os, "setsid"):
        os.setsid()
    if "torch" in sys.modules:  # a fork has none of its threads, and would wait for them (as in its data loaders)
        sys.modules["torch"].set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> NoReturn:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    _kill_group(os.getpid())
    os._exit(1)


def _kill_group(leader: int) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def _speak_to(errors: int) -> None:
    """What a tool prints goes to the standard error, even if an earlier one closed its outputs."""
    for output in (1, 2):
        os.dup2(errors, output)
    sys.stdout = sys.stderr = open(  # noqa: SIM115
        2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False
    )
