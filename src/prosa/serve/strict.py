"""Bodies that are taken exactly: JSON as RFC 8259 has it, no unknown fields, nothing converted."""

import json
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from prosa.core.language import tr
from prosa.serve.errors import ApiError, wrong

MAX_DEPTH = 64
"""Arrays and objects inside each other."""
MAX_NAMES = 4096
"""Of an object; each that is unknown would be an error, and 300,000 of them keep the server from all else."""


class Strict(BaseModel):
    """A request, or part of one."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, regex_engine="python-re")


class JsonRoute(APIRoute):
    """A route whose body, where it has one, is JSON, and nothing else; in the address nothing is asked for.

    (The page and its files, which are not in the schema, take what addresses of pages may have.)
    """

    def get_route_handler(self) -> Any:
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            if self.include_in_schema:
                _check_query(request)
            if self.body_field is not None:
                _check_type(request)
                request._json = parsed(await request.body())
            response: Response = await inner(request)
            return response

        return handler


def parsed(body: bytes) -> Any:
    """The JSON value of a body.

    Raises:
        ApiError: it is none.
    """
    try:
        text = body.decode("utf-8")
        value = strict_json(text)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is no text
    except (ValueError, RecursionError) as error:  # also UnicodeError, and numbers of thousands of digits
        at = (error.lineno, error.colno) if isinstance(error, json.JSONDecodeError) else None
        place = tr(f" (line {at[0]}, column {at[1]})", f" (linha {at[0]}, coluna {at[1]})") if at else ""
        place = f" ({error})" if isinstance(error, _Odd) else place
        message = tr(f"The body is not JSON in UTF-8{place}.", f"O corpo não é JSON em UTF-8{place}.")
        raise ApiError(400, message, code="invalid_json") from None
    if not isinstance(value, dict):
        raise ApiError(400, tr("The body is not a JSON object.", "O corpo não é um objeto JSON."), code="invalid_json")
    if _deeper(value, MAX_DEPTH):
        message = tr(f"The body is nested more than {MAX_DEPTH} deep.", f"O corpo tem mais de {MAX_DEPTH} níveis.")
        raise ApiError(400, message, code="invalid_json")
    return value


def strict_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is none, a name comes twice in an object (one of the two would be ignored), or NaN.
        RecursionError: a tower of brackets.
    """
    return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)


def explained(error: RequestValidationError) -> ApiError:
    """What pydantic found wrong, the first of it, by the field's path in the request."""
    found = list(error.errors())
    deepest = max(found, key=lambda one: (_of_kind(one), len(_path(one, error.body)), _telling(one)))
    param = _path(deepest, error.body) or None
    kind = deepest["type"]
    if kind == "extra_forbidden":
        return wrong(
            param, tr(f"Unknown parameter: '{param}'.", f"Parâmetro desconhecido: '{param}'."), "unknown_parameter"
        )
    if kind in ("missing", "union_tag_not_found"):
        message = tr(f"Missing required parameter: '{param}'.", f"Falta o parâmetro obrigatório: '{param}'.")
        return wrong(param, message, "missing_required_parameter")
    code = (
        "unsupported_value"
        if kind == "literal_error"
        else "invalid_type"
        if kind.endswith("_type")
        else "invalid_value"
    )
    said = _said(deepest)
    return wrong(param, tr(f"Invalid '{param}': {said}.", f"'{param}' inválido: {said}."), code)


def _telling(error: Any) -> int:
    """Of several about one field: that it is unknown says most, a type that it has not, of several, least."""
    return 2 if error["type"] == "extra_forbidden" else 0 if error["type"].endswith("_type") else 1


def _said(error: Any) -> str:
    """A finding in the language of the messages; pydantic's own words where there are none here."""
    kind, ctx = error["type"], error.get("ctx", {})
    types = {
        "string_type": ("text", "um texto"),
        "int_type": ("a whole number", "um número inteiro"),
        "int_from_float": ("a whole number", "um número inteiro"),
        "float_type": ("a number", "um número"),
        "finite_number": ("a finite number", "um número finito"),
        "bool_type": ("true or false", "true ou false"),
        "list_type": ("a list", "uma lista"),
        "dict_type": ("an object", "um objeto"),
        "model_type": ("an object", "um objeto"),
        "model_attributes_type": ("an object", "um objeto"),
    }
    if kind in types:
        english, portuguese = types[kind]
        return tr(f"it must be {english}", f"deve ser {portuguese}")
    if kind == "none_required":
        return tr("this server does not take it", "este servidor não o aceita")
    if kind in ("literal_error", "union_tag_invalid"):
        names = str(ctx.get("expected") or ctx.get("expected_tags"))
        names = names.replace("True", "true").replace("False", "false")
        return tr(f"here it can only be {names}", f"aqui só pode ser {names.replace(' or ', ' ou ')}")
    if kind in ("less_than_equal", "greater_than_equal", "less_than", "greater_than"):
        bound = f"{next(iter(ctx.values()))}".removesuffix(".0")
        english, portuguese = {
            "less_than_equal": ("at most", "no máximo"),
            "greater_than_equal": ("at least", "no mínimo"),
            "less_than": ("less than", "menor que"),
            "greater_than": ("more than", "maior que"),
        }[kind]
        return tr(f"it must be {english} {bound}", f"deve ser {portuguese} {bound}")
    if kind in ("too_long", "too_short", "string_too_long", "string_too_short"):
        text = kind.startswith("string")
        if kind.endswith("long"):
            most = ctx["max_length"]
            if most == 0:
                return tr("here it can only be empty", "aqui só pode ser vazio")
            return (
                tr(f"it has more than {most} characters", f"tem mais de {most} caracteres")
                if text
                else tr(f"it has more than {most} items", f"tem mais de {most} itens")
            )
        least = ctx["min_length"]
        return (
            tr(f"it needs at least {least} characters", f"precisa de ao menos {least} caracteres")
            if text
            else tr(f"it needs at least {least} items", f"precisa de ao menos {least} itens")
        )
    return str(error["msg"]).removeprefix("Value error, ")


def _of_kind(error: Any) -> bool:
    """Whether something is of a kind that is not known: then nothing else about it matters."""
    tagged = error["type"] == "literal_error" and error["loc"][-1] == "type"
    return bool(tagged or error["type"].startswith("union_tag"))


def _path(error: Any, body: Any) -> str:
    """``messages[0].content`` of ``("body", "messages", 0, "UserMessage", "content")``: the parts that the body has."""
    path, here = "", body
    location = error["loc"][1:] if error["loc"][:1] in (("body",), ("path",), ("query",)) else error["loc"]
    for number, part in enumerate(location):
        last = number == len(location) - 1
        keyed = isinstance(here, dict) and part in here
        if keyed or (isinstance(here, list) and isinstance(part, int) and 0 <= part < len(here)):
            here = here[part]
        elif not (last and error["type"] == "missing"):
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else f"{part}"
    if error["type"].startswith("union_tag"):
        path += "." + error["ctx"]["discriminator"].strip("'")
    return path[:200]


def _check_query(request: Request) -> None:
    for name in request.query_params:
        name = name[:200]
        message = tr(f"Unknown parameter in the address: '{name}'.", f"Parâmetro desconhecido no endereço: '{name}'.")
        raise wrong(name, message, "unknown_parameter")


def _check_type(request: Request) -> None:
    kind, _, options = request.headers.get("content-type", "").lower().partition(";")
    charset = options.partition("charset=")[2].strip().strip('"')
    if kind.strip() != "application/json" or charset not in ("", "utf-8", "utf8"):
        message = tr("The body must be application/json in UTF-8.", "O corpo deve ser application/json em UTF-8.")
        raise ApiError(415, message, code="unsupported_media_type")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(
            415,
            tr("A compressed body is not taken.", "Um corpo comprimido não é aceito."),
            code="unsupported_media_type",
        )


def _deeper(value: Any, limit: int) -> bool:
    level: list[Any] = [value]
    for _ in range(limit):
        holders = [item for item in level if isinstance(item, dict | list)]
        if not holders:
            return False
        level = [inner for item in holders for inner in (item.values() if isinstance(item, dict) else item)]
    return any(isinstance(item, dict | list) for item in level)


class _Odd(ValueError):
    """An object has a name twice, or too many."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_NAMES:
        raise _Odd(tr(f"an object has {len(pairs)} names", f"um objeto tem {len(pairs)} nomes"))
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in value if names.count(name) > 1)[:100]
        raise _Odd(tr(f"'{twice}' comes twice", f"'{twice}' aparece duas vezes"))
    return value


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
