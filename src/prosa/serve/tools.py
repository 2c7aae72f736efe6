"""The tools of a request: what the model is told of them, and what it may write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.grammar import Grammar, json_object, json_schema, text_or_calls, tool_call
from prosa.generate.tools import Toolbox
from prosa.generate.tools.toolbox import announcement
from prosa.serve.chat_request import (
    AllowedToolChoice,
    ChatRequest,
    Function,
    JsonFormat,
    NamedTool,
    SchemaFormat,
    Tool,
)
from prosa.serve.errors import told, wrong
from prosa.tokenizers.protocol import Tokenizer

ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


@dataclass(frozen=True)
class Offer:
    """The tools that the model may call in this answer.

    Attributes:
        must: it has to call.
        most: calls of an answer; None: any number.
        own: functions that the server has itself, as it offers them: models learnt to call these by their names.
    """

    functions: tuple[Function, ...]
    must: bool = False
    most: int | None = None
    own: Sequence[Mapping[str, Any]] = ()

    @property
    def announcement(self) -> str:
        """What a system turn tells of them: descriptions, where there are some, then, as models learn it, all names."""
        names = {function.name: list(_schema(function).get("properties", {})) for function in self.functions}
        told = [line for function in self.functions if _plain(function) not in self.own for line in _told(function)]
        return "\n\n".join(["\n".join(told), announcement(names)] if told else [announcement(names)])


def offer(body: ChatRequest, most_tools: int, toolbox: Toolbox | None = None) -> Offer | None:
    """The tools that a request offers; None where it offers none, or none may be called.

    Args:
        toolbox: the server's own.

    Raises:
        ApiError: too many, two of one name, parameters that are no schema of an object, a choice of what is not there.
    """
    everything = checked_tools(body.tools or [], most_tools, toolbox)
    by_name = {function.name: function for function in everything.functions}
    choice = body.tool_choice or "auto"
    if not by_name:
        if body.tools is None and body.parallel_tool_calls is not None:
            raise wrong("parallel_tool_calls", tr("It needs 'tools'.", "Exige 'tools'."))
        if choice not in ("auto", "none"):
            raise wrong("tool_choice", tr("There are no tools to choose from.", "Não há ferramentas para escolher."))
        return None
    most = 1 if body.parallel_tool_calls is False else None
    if isinstance(choice, NamedTool):
        return replace(everything, functions=(_chosen(choice, by_name),), must=True, most=1)
    if isinstance(choice, AllowedToolChoice):
        allowed = {tool.function.name: _chosen(tool, by_name) for tool in choice.allowed_tools.tools}
        must = choice.allowed_tools.mode == "required"
        return replace(everything, functions=tuple(allowed.values()), must=must, most=most)
    if choice == "none":
        return None
    return replace(everything, must=choice == "required", most=most)


def checked_tools(tools: Sequence[Tool], most_tools: int, toolbox: Toolbox | None) -> Offer:
    """All of these tools.

    Raises:
        ApiError: as ``offer``.
    """
    functions = [tool.function for tool in tools]
    if len(functions) > most_tools:
        raise wrong("tools", tr(f"At most {most_tools} tools.", f"No máximo {most_tools} ferramentas."))
    by_name = {function.name: function for function in functions}
    for number, function in enumerate(functions):
        where = f"tools[{number}].function"
        if by_name[function.name] is not function:
            raise wrong(f"{where}.name", tr("Another tool has this name.", "Outra ferramenta tem este nome."))
        schema = _schema(function)
        if schema.get("type", "object") != "object" or not isinstance(schema.get("properties", {}), dict):
            message = tr("It must be the schema of an object.", "Deve ser o esquema de um objeto.")
            raise wrong(f"{where}.parameters", message)
    return Offer(tuple(functions), own=[schema["function"] for schema in toolbox.schemas] if toolbox else [])


def grammar(tokenizer: Tokenizer, body: ChatRequest, offered: Offer | None) -> Grammar | None:
    """What the answer must be; None: any text.

    Raises:
        ApiError: a schema that cannot be followed.
    """
    schema = _format(body)
    tools = [(function.name, _schema(function)) for function in offered.functions] if offered else []
    try:
        if offered and offered.must:
            return tool_call(tokenizer, tools, most=offered.most)
        if offered and (schema is not None or any(function.strict for function in offered.functions)):
            return text_or_calls(tokenizer, tools, most=offered.most, schema=schema)
    except UserError as error:
        raise told(error, "tools") from error
    if schema is None:
        return None
    try:
        return json_object(tokenizer) if schema is ANY_OBJECT else json_schema(tokenizer, schema)
    except UserError as error:
        raise told(error, "response_format") from error


def _format(body: ChatRequest) -> Mapping[str, Any] | None:
    if isinstance(body.response_format, SchemaFormat):
        return body.response_format.json_schema.schema_
    return ANY_OBJECT if isinstance(body.response_format, JsonFormat) else None


def _schema(function: Function) -> Mapping[str, Any]:
    return {"type": "object", "properties": {}} if not function.parameters else function.parameters


def _plain(function: Function) -> dict[str, Any]:
    return {"name": function.name, "description": function.description, "parameters": function.parameters}


def _told(function: Function) -> list[str]:
    """What a client says of a function and its parameters, a line each."""
    found = [(function.name, function.description)]
    for name, parameter in _schema(function).get("properties", {}).items():
        found.append((name, parameter.get("description") if isinstance(parameter, dict) else None))
    return [f"{name}: {' '.join(text.split())}" for name, text in found if isinstance(text, str) and text.strip()]


def _chosen(choice: NamedTool, there: Mapping[str, Function]) -> Function:
    name = choice.function.name
    if name not in there:
        raise wrong("tool_choice", tr(f"There is no tool {name}.", f"Não há ferramenta {name}."))
    return there[name]
