"""A Python function with a typed signature as a tool: name, description and JSON Schema of its parameters.

The first line of the docstring is the description; the Google-style section ``Args:`` describes the parameters. A
parameter with a default may be left out of a call.
"""

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.tools.schema import SUPPORTED, Field, Form, default_note, form_of, object_form, outline

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Names that clients of the OpenAI API take."""


@dataclass(frozen=True)
class Tool:
    """A function that the model may call.

    ``bounded``: ends soon and with little by construction, so it needs no process of its own. ``again`` makes the same
    tool in another process, where ``function`` cannot be found by its module and name.
    """

    name: str
    description: str
    function: Callable[..., Any]
    arguments: Form
    bounded: bool = False
    again: Callable[[], "Tool"] | None = None

    @property
    def schema(self) -> dict[str, Any]:
        """The tool as the ``tools`` of an OpenAI request have it."""
        function = {"name": self.name, "description": self.description, "parameters": self.arguments.schema}
        return {"type": "function", "function": function}

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """The function's value for the arguments of a call.

        Raises:
            UserError: arguments that are unknown, missing or of the wrong type; the right form is told.
            Exception: whatever the function raises.
        """
        try:
            values = self.arguments.read(dict(arguments), "")
        except UserError as error:
            form = f'{{"name": "{self.name}", "arguments": {outline(self.arguments.schema)}}}'
            raise UserError(error.what, tr(f"The right form: {form}", f"A forma certa: {form}")) from None
        return self.function(**values)

    def __reduce__(self) -> tuple[Any, ...]:
        return (self.again, ()) if self.again else (from_function, (self.function,))


def from_function(function: Callable[..., Any], *, bounded: bool = False) -> Tool:
    """Make a tool of a function.

    Raises:
        UserError: parameters without an annotation or with one that JSON has no form for, ``*args`` or ``**kwargs``, a
            name that cannot be a tool's; all that is wrong is told at once.
    """
    name = getattr(function, "__name__", repr(function))
    if not callable(function) or inspect.isclass(function) or not NAME.fullmatch(name):
        raise UserError(
            tr(f"{name} cannot be a tool.", f"{name} não pode ser uma ferramenta."),
            tr(
                "A tool is a function whose name has at most 64 of the letters a to z, digits and _.",
                "Uma ferramenta é uma função cujo nome tem no máximo 64 letras de a a z sem acento, dígitos e _.",
            ),
        )
    document = inspect.getdoc(function) or ""
    try:
        hints = typing.get_type_hints(function)
        parameters = inspect.signature(function).parameters.values()
    except Exception as error:  # annotations in text are code of the user's
        raise UserError(
            tr(f"{name}: cannot read the annotations: {error}", f"{name}: não consigo ler as anotações: {error}")
        ) from error
    described = _described(document)
    fields, problems = {}, []
    for parameter in parameters:
        try:
            form = _parameter_form(parameter, hints)
        except UserError as error:
            problems.append(error.what)
            continue
        notes = {"description": described[parameter.name]} if parameter.name in described else {}
        required = parameter.default is Parameter.empty
        fields[parameter.name] = Field(form, required, notes if required else notes | default_note(parameter.default))
    hint = tr("Annotate each parameter with one of: ", "Anote cada parâmetro com um destes: ") + SUPPORTED
    if inspect.iscoroutinefunction(function):
        hint = hint if problems else tr("Write def in place of async def.", "Escreva def em vez de async def.")
        problems.append(tr("async functions are not supported", "funções async não são aceitas"))
    if problems:
        raise UserError(
            tr(f"{name} cannot be a tool: ", f"{name} não pode ser uma ferramenta: ") + "; ".join(problems) + ".", hint
        )
    description = document.partition("\n")[0].strip()
    return Tool(name, description, function, object_form(fields, lambda values: values), bounded)


def _parameter_form(parameter: Parameter, hints: Mapping[str, Any]) -> Form:
    name = parameter.name
    if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
        raise UserError(tr(f"{parameter} takes any number of values", f"{parameter} recebe qualquer número de valores"))
    if parameter.kind is Parameter.POSITIONAL_ONLY:
        raise UserError(tr(f"{name} cannot be given by name", f"{name} não pode ser dado pelo nome"))
    if name not in hints:
        raise UserError(tr(f"{name} has no annotation", f"{name} não tem anotação"))
    try:
        return form_of(hints[name])
    except UserError as error:
        raise UserError(f"{name}: {error.what}") from None


def _described(document: str) -> dict[str, str]:
    """The parameters in the ``Args:`` of a docstring: ``name: text`` or ``name (type): text``, on one or more lines."""
    section = re.search(r"^Args:[ \t]*\n((?:[ \t]+.*(?:\n|$)|[ \t]*\n)*)", document, re.MULTILINE)
    found: dict[str, str] = {}
    if section is None:
        return found
    lines = inspect.cleandoc("\n" + section[1]).splitlines()
    name = ""
    for line in lines:
        start = re.match(r"(\w+)(?: *\([^)]*\))? *:(.*)", line)
        if start:
            name = start[1]
            found[name] = start[2].strip()
        elif name and line.strip():
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found
