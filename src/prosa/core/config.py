"""Configuration is nested dataclasses; a recipe is their YAML. Defaults < recipe < environment < flags."""

import dataclasses
import os
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr

T = TypeVar("T")
ENVIRONMENT_PREFIX = "PROSA__"


def to_mapping(config: Any) -> dict[str, Any]:
    """A dataclass as plain dicts, lists, strings and numbers, ready for YAML or JSON."""
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return value


def from_mapping(cls: type[T], mapping: Mapping[str, Any], where: str, base: T | None = None) -> T:
    """Build a dataclass from a mapping; what the mapping leaves out comes from ``base`` or the defaults.

    Raises:
        UserError: an unknown key (the nearest is suggested) or a value of the wrong type; the key is named in full.
    """
    if not isinstance(mapping, Mapping):
        raise UserError(
            tr(
                f"{where}: expected key: value pairs, found {mapping!r}",
                f"{where}: esperava pares chave: valor, achei {mapping!r}",
            )
        )
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in mapping.items():
        if key not in fields:
            raise unknown(tr(f"key in {where}", f"chave em {where}"), str(key), fields)
        hint = hints[key]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            values[key] = from_mapping(hint, value or {}, f"{where}: {key}", getattr(base, key, None))
        else:
            values[key] = _convert(value, hint, f"{where}: {key}")
    try:
        return dataclasses.replace(base, **values) if base is not None else cls(**values)  # type: ignore[type-var]
    except TypeError as error:
        missing = [
            n for n, f in fields.items() if n not in values and f.default is f.default_factory is dataclasses.MISSING
        ]
        raise UserError(f"{where}: " + tr("missing keys: ", "faltam as chaves: ") + ", ".join(missing)) from error


def _convert(value: Any, hint: Any, where: str) -> Any:
    """``value`` as the type ``hint``: Optional, Literal, tuple[X, ...], dict, Path, bool, int, float, str."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    bad = UserError(tr(f"{where}: {value!r} is not {_name(hint)}", f"{where}: {value!r} não é {_name(hint)}"))
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        for option in arguments:
            if option is not type(None):
                try:
                    return _convert(value, option, where)
                except UserError:
                    continue
        raise bad
    if origin is typing.Literal:
        if value not in arguments:
            raise unknown(tr(f"value of {where}", f"valor de {where}"), str(value), [str(a) for a in arguments])
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise bad
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_convert(v, arguments[0], where) for v in value)
        if len(value) != len(arguments):
            raise bad
        return tuple(_convert(v, a, where) for v, a in zip(value, arguments, strict=True))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise bad
        return {str(k): _convert(v, arguments[1], where) for k, v in value.items()}
    if hint is Any:
        return value
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)  # YAML reads 3e-4 as a string
        except ValueError:
            raise bad from None
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint is str and isinstance(value, str):
        return value
    raise bad


def _name(hint: Any) -> str:
    return getattr(hint, "__name__", None) or str(hint)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's top mapping.

    Raises:
        UserError: missing, not YAML (line and column are named) or not a mapping.
    """
    import yaml

    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(tr(f"cannot read {path}: {error}", f"não consigo ler {path}: {error}")) from error
    if not isinstance(value, dict):
        raise UserError(tr(f"{path}: expected key: value pairs", f"{path}: esperava pares chave: valor"))
    return value


def write_yaml(config: Any) -> str:
    """A dataclass as YAML, keys in the order of its fields."""
    import yaml

    return yaml.safe_dump(to_mapping(config), sort_keys=False, allow_unicode=True, width=100)


def recipes_folder() -> Path:
    """Where the named recipes are: inside an installed package, or beside ``src/`` in a checkout."""
    inside = Path(__file__).parents[1] / "recipes"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "recipes"


def recipe_path(name: str) -> Path:
    """The file of a recipe given by name or by path.

    Raises:
        UserError: there is none; the nearest name is suggested.
    """
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    found = {path.stem: path for path in recipes_folder().glob("*.yaml")}
    if name not in found:
        raise unknown(tr("recipe", "receita"), name, found)
    return found[name]


def from_environment(cls: type[T], base: T) -> T:
    """``base`` with what ``PROSA__PART__KEY=value`` variables set (``PROSA__TRAIN__LR=3e-4``)."""
    import yaml

    mapping: dict[str, Any] = {}
    for variable, text in sorted(os.environ.items()):
        if variable.startswith(ENVIRONMENT_PREFIX):
            *parts, key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            inner = mapping
            for part in parts:
                inner = inner.setdefault(part, {})
                if not isinstance(inner, dict):
                    raise UserError(tr(f"{variable}: {part} is set twice.", f"{variable}: {part} definida duas vezes."))
            try:
                inner[key] = yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise UserError(tr(f"{variable}={text}: {error}", f"{variable}={text}: {error}")) from error
    return from_mapping(cls, mapping, tr("environment", "ambiente"), base) if mapping else base
