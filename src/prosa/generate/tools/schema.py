"""A Python annotation as a JSON Schema, and JSON values as Python values of that annotation.

``str``, ``int``, ``float``, ``bool``, ``list[X]``, ``dict[str, X]``, ``Literal``, ``X | None``, dataclasses and
TypedDicts; each becomes a ``Form``, which holds both directions.
"""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from prosa.core.errors import UserError
from prosa.core.language import tr

SUPPORTED = "str, int, float, bool, list[...], dict[str, ...], Literal[...], ... | None, dataclass, TypedDict"

_NAMES: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


@dataclasses.dataclass(frozen=True)
class Form:
    """What a value looks like in JSON (``schema``), and ``read(value, where)``, which checks it and makes it Python's.

    ``read`` raises a UserError that names ``where`` the value is: ``filter.cities[2]``.
    """

    schema: dict[str, Any]
    read: Callable[[Any, str], Any]


@dataclasses.dataclass(frozen=True)
class Field:
    """A member of an object: ``notes`` (description, default) stand beside its form's schema."""

    form: Form
    required: bool
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)


def form_of(hint: Any, inside: tuple[Any, ...] = ()) -> Form:
    """The form of an annotation; ``inside``: the classes in whose fields it stands.

    Raises:
        UserError: it is none of those supported.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and hint in _NAMES:
        return _plain(hint)
    if origin is Literal and all(type(option) in _NAMES for option in arguments):
        return _literal(arguments)
    if origin is list and arguments:
        return _list(form_of(arguments[0], inside))
    if origin is dict and arguments[:1] == (str,):
        return _dict(form_of(arguments[1], inside))
    if origin in (Union, types.UnionType) and len(arguments) == 2 and type(None) in arguments:
        return _optional(form_of(next(argument for argument in arguments if argument is not type(None)), inside))
    if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or typing.is_typeddict(hint)) and hint not in inside:
        return _class(hint, (*inside, hint))
    name = hint.__name__ if isinstance(hint, type) else str(hint)
    raise UserError(tr(f"{name} is not supported", f"{name} não é aceito"))


def _plain(kind: type) -> Form:
    def read(value: Any, where: str) -> Any:
        if type(value) is kind and value not in (math.inf, -math.inf):  # JSON's 1e999 comes as infinity
            return value
        if kind is float and type(value) is int:
            try:
                return float(value)
            except OverflowError:
                pass
        raise _wrong(value, schema, where)

    schema = {"type": _NAMES[kind]}
    return Form(schema, read)


def _literal(options: tuple[Any, ...]) -> Form:
    def read(value: Any, where: str) -> Any:
        if any(type(value) is type(option) and value == option for option in options):
            return value
        raise _wrong(value, schema, where)

    kinds = {_NAMES[type(option)] for option in options}
    schema = ({"type": kinds.pop()} if len(kinds) == 1 else {}) | {"enum": list(options)}
    return Form(schema, read)


def _list(item: Form) -> Form:
    def read(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong(value, schema, where)
        return [item.read(inner, f"{where}[{i}]") for i, inner in enumerate(value)]

    schema = {"type": "array", "items": item.schema}
    return Form(schema, read)


def _dict(item: Form) -> Form:
    def read(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(value, schema, where)
        return {key: item.read(inner, f"{where}.{key}") for key, inner in value.items()}

    schema = {"type": "object", "additionalProperties": item.schema}
    return Form(schema, read)


def _optional(form: Form) -> Form:
    def read(value: Any, where: str) -> Any:
        return None if value is None else form.read(value, where)

    return Form({"anyOf": [form.schema, {"type": "null"}]}, read)


def _class(cls: Any, inside: tuple[Any, ...]) -> Form:
    """The form of a dataclass or TypedDict."""
    try:
        hints = typing.get_type_hints(cls)
    except Exception as error:  # annotations in text are code of the user's
        raise UserError(f"{cls.__name__}: {error}") from error
    if typing.is_typeddict(cls):
        required = {name: name in cls.__required_keys__ for name in hints}
        notes: dict[str, dict[str, Any]] = {}
    else:
        fields = [field for field in dataclasses.fields(cls) if field.init]
        missing = dataclasses.MISSING
        required = {field.name: field.default is missing and field.default_factory is missing for field in fields}
        notes = {field.name: default_note(field.default) for field in fields if field.default is not missing}
    members = {
        name: Field(form_of(hints[name], inside), needed, notes.get(name, {})) for name, needed in required.items()
    }
    return object_form(members, lambda values: cls(**values))


def default_note(value: Any) -> dict[str, Any]:
    """``{"default": value}`` where the value can be written as JSON, else nothing."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return {}
    return {"default": value}


def object_form(fields: Mapping[str, Field], build: Callable[[dict[str, Any]], Any]) -> Form:
    """An object with these members and no others; ``build`` makes of their values what is wanted."""

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(value, schema, where)
        path = f"{where}." if where else ""
        problems = [
            tr(f"{path}{_short(name)} is unknown", f"{path}{_short(name)} não existe")
            for name in value
            if name not in fields
        ]
        problems += [
            tr(f"{path}{name} is missing", f"falta {path}{name}")
            for name, field in fields.items()
            if field.required and name not in value
        ]
        values = {}
        for name, field in fields.items():
            if name in value:
                try:
                    values[name] = field.form.read(value[name], path + name)
                except UserError as error:
                    problems.append(error.what)
        if problems:
            raise UserError("; ".join(problems))
        return build(values)

    schema = {
        "type": "object",
        "properties": {name: field.form.schema | field.notes for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required],
        "additionalProperties": False,
    }
    return Form(schema, read)


def outline(schema: Mapping[str, Any]) -> str:
    """The form that a schema wants, to be read: ``{"city": <string>, "unit": "C" | "F"}``."""
    if "enum" in schema:
        return " | ".join(json.dumps(option, ensure_ascii=False) for option in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(outline(option) for option in schema["anyOf"])
    if schema["type"] == "array":
        return f"[{outline(schema['items'])}, ...]"
    if schema["type"] != "object":
        return "null" if schema["type"] == "null" else f"<{schema['type']}>"
    if "properties" not in schema:
        return f'{{"...": {outline(schema["additionalProperties"])}}}'
    return "{" + ", ".join(f'"{name}": {outline(inner)}' for name, inner in schema["properties"].items()) + "}"


def _wrong(value: Any, schema: Mapping[str, Any], where: str) -> UserError:
    wanted, found = outline(schema), _short(value)
    return UserError(tr(f"{where} must be {wanted}, and is {found}", f"{where} deve ser {wanted}, e é {found}"))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}..."
