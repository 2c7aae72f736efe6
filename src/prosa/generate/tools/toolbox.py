"""The tools that a model may call, by name."""

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.generate.tools import run
from prosa.generate.tools.calls import ToolCall, ToolResult, failure, parse_call
from prosa.generate.tools.functions import Tool, from_function

F = TypeVar("F", bound=Callable[..., Any])
MAX_CHARS = 2000


class Toolbox:
    """Tools, and the bounds within which they run.

    Args:
        tools: of ``builtin_tools``, ``from_file`` or ``from_function``.
        timeout: seconds after which a user's function is stopped.
        max_chars: a longer result is cut, with a note that says so.

    Raises:
        UserError: two tools of one name, or bounds that are not positive.
    """

    def __init__(self, tools: Iterable[Tool] = (), *, timeout: float = 10.0, max_chars: int = MAX_CHARS) -> None:
        if not timeout > 0 or max_chars < 1:
            raise UserError(tr("timeout and max_chars must be positive", "timeout e max_chars precisam ser positivos"))
        self._tools: dict[str, Tool] = {}
        self._timeout = timeout
        self._max_chars = max_chars
        self._worker: run.Worker | None = None
        for tool in tools:
            self._add(tool)

    def add(self, function: F) -> F:
        """Make a tool of a function and take it in; given back unchanged, so that this is also a decorator.

        Raises:
            UserError: the function cannot be a tool, or there is one of its name.
        """
        self._add(from_function(function))
        return function

    @property
    def schemas(self) -> list[dict[str, Any]]:
        """The tools as an OpenAI request has them."""
        return [tool.schema for tool in self._tools.values()]

    @property
    def announcement(self) -> str:
        """What a system turn tells the model of its tools: their names and parameters, a line each."""
        return announcement({tool.name: list(tool.arguments.schema["properties"]) for tool in self._tools.values()})

    def run(self, call: ToolCall) -> ToolResult:
        """Run a call. Whatever is wrong with it or happens in it is an error result."""
        tool = self._tools.get(call.name)
        if tool is None:
            problem = str(unknown(tr("tool", "ferramenta"), call.name, self._tools))
            return failure(call.name, problem, self._max_chars)
        if tool.bounded:
            return run.respond(tool, call.arguments, self._max_chars)
        if self._worker is None:
            theirs = [tool for tool in self._tools.values() if not tool.bounded]
            self._worker = run.Worker(theirs, self._timeout, self._max_chars)
        return self._worker.call(call)

    def answer(self, text: str) -> ToolResult:
        """Run the call that the model wrote; one that cannot be read is an error result too."""
        try:
            call = parse_call(text)
        except UserError as error:
            return failure("", str(error), self._max_chars)
        return self.run(call)

    def close(self) -> None:
        """End the process in which tools run, and their state with it. It is not needed at the program's end."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _add(self, tool: Tool) -> None:
        name = tool.name
        if name in self._tools:
            raise UserError(
                tr(f"there are two tools of the name {name}", f"há duas ferramentas com o nome {name}"),
                tr("Give one of the functions another name.", "Dê outro nome a uma das funções."),
            )
        if run.START == "spawn" and not tool.bounded and not _found_again(tool):
            raise UserError(
                tr(
                    f"{name}: on this system a tool must be in a file or module.",
                    f"{name}: neste sistema uma ferramenta precisa estar num arquivo ou módulo.",
                ),
                tr("Put it in a file and give --tools FILE.py.", "Ponha-a num arquivo e dê --tools ARQUIVO.py."),
            )
        self.close()  # its process does not have this one
        self._tools[name] = tool


def announcement(parameters: Mapping[str, Sequence[str]]) -> str:
    """Tools' names and those of their parameters, a line each."""
    return "\n".join(f"{name}({', '.join(names)})" for name, names in parameters.items())


def _found_again(tool: Tool) -> bool:
    """Whether another process can find the function."""
    if tool.again is None and tool.function.__module__ == "__main__":
        return False
    try:
        pickle.dumps(tool)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True
