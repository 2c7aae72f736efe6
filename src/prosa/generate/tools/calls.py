"""What the model writes to call a tool, and what comes back.

A call is a JSON object with a name and arguments, and nothing else::

    {"name": "calculator", "arguments": {"expression": "3,5*2"}}

A result is plain text. Nothing in it has a meaning to the program: not as JSON, not as a role, not as a call.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.generate.tools.functions import NAME
from prosa.tokenizers.chat import ToolCall

__all__ = ["ToolCall", "ToolResult", "failure", "parse_call", "success"]

MAX_DEPTH = 50
"""Arrays and objects inside each other, in the arguments of a call."""

_FORM = '{"name": "...", "arguments": {...}}'


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call gave: text for the model to read. ``name`` is "" where no call could be read."""

    name: str
    content: str
    error: bool = False


def parse_call(text: str) -> ToolCall:
    """Read a call.

    Raises:
        UserError: it is not JSON (RFC 8259: no NaN, no name twice), or not a name and arguments.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        place = error.pos + 1
        raise _malformed(
            tr(f"the call is not JSON (character {place})", f"a chamada não é JSON (caractere {place})")
        ) from None
    except (ValueError, RecursionError):  # a name twice, NaN, a number of thousands of digits, a tower of brackets
        raise _malformed(tr("the call is not plain JSON", "a chamada não é JSON simples")) from None
    if not isinstance(value, dict) or set(value) != {"name", "arguments"}:
        raise _malformed(
            tr("the call is not an object with name and arguments", "a chamada não é um objeto com name e arguments")
        )
    name, arguments = value["name"], value["arguments"]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise _malformed(tr("name is not a tool's name", "name não é um nome de ferramenta"))
    if not isinstance(arguments, dict):
        raise _malformed(tr("arguments is not an object", "arguments não é um objeto"))
    if _deeper(arguments, MAX_DEPTH):
        raise _malformed(tr("the arguments are nested too deeply", "os argumentos estão aninhados demais"))
    return ToolCall(name, arguments)


def success(name: str, text: str, max_chars: int) -> ToolResult:
    """A result with at most ``max_chars`` of a text, and a note where it was cut."""
    return ToolResult(name, _presentable(text, max_chars))


def failure(name: str, problem: str, max_chars: int) -> ToolResult:
    """An error that the model can read, cut in the same way."""
    return ToolResult(name, _presentable(tr("Error: ", "Erro: ") + problem, max_chars), error=True)


def _presentable(text: str, max_chars: int) -> str:
    cut = len(text) - max_chars
    text = re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text[:max_chars])  # no encoding has lone surrogates
    if cut <= 0:
        return text
    return text + tr("\n[characters cut: ", "\n[caracteres cortados: ") + f"{number(cut)}]"


def _malformed(what: str) -> UserError:
    return UserError(what, tr(f"Write {_FORM}", f"Escreva {_FORM}"))


def _deeper(value: Any, limit: int) -> bool:
    level: list[Any] = [value]
    for _ in range(limit + 1):
        holders = [item for item in level if isinstance(item, dict | list)]
        level = [inner for item in holders for inner in (item.values() if isinstance(item, dict) else item)]
    return bool(level)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name comes twice")
    return value


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
