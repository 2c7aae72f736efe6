"""A Python file of the user's as tools: each public function defined at its top level."""

import contextlib
import functools
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.tools.functions import Tool, from_function


def from_file(path: Path) -> list[Tool]:
    """The tools in a Python file, in its order; the file is run, as an import runs it.

    Raises:
        UserError: the file is missing, cannot be run, has no public function, or has some that cannot be tools (all of
            them are named).
    """
    path = path.resolve()
    tools, problems = [], []
    for function in _functions(_run(path)):
        try:
            tool = from_function(function)
        except UserError as error:
            problems.append(str(error))
        else:
            tools.append(replace(tool, again=functools.partial(_one, path, tool.name)))
    if problems:
        raise UserError(
            f"{path}: " + "\n".join(problems),
            tr(
                "A function that is no tool has a name that begins with _.",
                "Uma função que não é ferramenta tem nome que começa com _.",
            ),
        )
    if not tools:
        raise UserError(
            tr(f"{path} has no public functions.", f"{path} não tem funções públicas."),
            tr(
                "Define them at the top level (def name(...)), with names that do not begin with _.",
                "Defina-as no nível de cima (def nome(...)), com nomes que não comecem com _.",
            ),
        )
    return tools


def _functions(module: ModuleType) -> list[Callable[..., Any]]:
    """Public functions that were defined in a module, not imported into it, each once."""
    found = {
        id(value): value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and callable(value)
        and getattr(value, "__module__", None) == module.__name__
        and inspect.isfunction(inspect.unwrap(value))
    }
    return list(found.values())


def _run(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(tr(f"there is no file {path}", f"o arquivo {path} não existe"))
    name = f"tools of {path}"  # no import can ask for it
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(tr(f"{path} is not a Python file (.py)", f"{path} não é um arquivo Python (.py)"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and typing look their annotations up there
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # what stands beside it can be imported, also when a tool is called
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for results
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        where, problem = f"{path}{_line(path, error)}", f"{type(error).__name__}: {error}"
        raise UserError(tr(f"cannot run {where}: {problem}", f"não consigo executar {where}: {problem}")) from error
    return module


def _line(path: Path, error: BaseException) -> str:
    """``:12``, where an error tells on which line of a file it arose."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f":{lines[-1]}" if lines else ""


@functools.cache
def _again(path: Path) -> dict[str, Tool]:
    return {tool.name: tool for tool in from_file(path)}


def _one(path: Path, name: str) -> Tool:
    """A tool of a file in another process, which runs the file once."""
    return _again(path)[name]
