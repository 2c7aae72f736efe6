"""What every command shares: flags from a function's signature, recipes as defaults, errors to exit codes."""

import dataclasses
import inspect
import json
import os
import sys
import traceback
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import prosa
from prosa.core.errors import UserError
from prosa.core.language import Lang, tr
from prosa.core.progress import say

DONE, OUR_FAULT, USER_MISTAKE, INTERRUPTED = 0, 1, 2, 130


def guarded(work: Callable[[], int]) -> int:
    """Run ``work``; tell errors to the user in words and give the exit code."""
    try:
        code = work()
        sys.stdout.flush()
        return code
    except UserError as error:
        say(tr("error: ", "erro: ") + error.what)
        if error.hint:
            say(error.hint)
        return USER_MISTAKE
    except KeyboardInterrupt as stop:
        say("\n" + (str(stop) or tr("interrupted.", "interrompido.")))
        return INTERRUPTED
    except BrokenPipeError:  # `prosa ... | head`: the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:  # a path too long, a full disk behind stdout, a folder without permission
        say(tr(f"error: {error}", f"erro: {error}"))
        return USER_MISTAKE
    except Exception:
        traceback.print_exc()
        say(
            tr(
                f"This is a fault of Prosa {prosa.__version__}, not yours. Please report it with the lines above.",
                f"Isto é uma falha da Prosa {prosa.__version__}, não sua. Por favor, relate-a com as linhas acima.",
            )
        )
        return OUR_FAULT


def run(
    function: Callable[..., Any],
    argv: list[str],
    *,
    prog: str,
    positional: tuple[str, ...] = (),
    show: Callable[..., None],
    as_json: Callable[[Any], Any],
    fixed: Mapping[str, Any] | None = None,
    views: Mapping[str, str] | None = None,
    examples: str,
) -> int:
    """Parse ``argv`` by the signature of ``function``, call it, print its result.

    Parameters that are parts of a recipe (``train: TrainConfig``) become ``--train.lr`` and take their defaults from
    ``--recipe``, then from the environment, then from ``--budget``. Every command also has ``--lang`` and ``--json``.

    Args:
        function: A stage of ``prosa.pipeline``.
        positional: Parameters given without a flag.
        show: Prints the result for a person.
        as_json: The result as plain values; an iterator gives a line an element.
        fixed: Parameters that the command itself gives and that are no flags.
        views: Flags (name: help) that ``show`` takes, true or false, and ``function`` knows nothing of.
        examples: Command lines for ``--help``.
    """
    import tyro

    defaults = _recipe_parts(function, argv)
    views = views or {}
    extra: dict[str, tuple[Any, Any]] = dict.fromkeys(views, (bool, False))
    extra |= {"lang": (Lang | None, None), "json": (bool, False)}
    if defaults:
        extra["recipe"] = (str | None, None)
    if {"model", "train"} <= defaults.keys():
        extra["budget"] = (str | None, None)
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in (fixed or {}):
            continue
        hint = Annotated[hints[name], tyro.conf.Positional] if name in positional else hints[name]
        parameters.append(parameter.replace(default=defaults.get(name, parameter.default), annotation=hint))
    for name, (hint, value) in extra.items():
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=hint))

    def parsed(**arguments: Any) -> dict[str, Any]:
        return arguments

    parsed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    parsed.__annotations__ = {p.name: p.annotation for p in parameters}
    parsed.__doc__ = _docstring(function, {name: views.get(name) or EXTRA_HELP[name] for name in extra})
    arguments = tyro.cli(
        parsed,
        args=argv,
        prog=prog,
        description=_description(function, examples),
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    arguments.pop("lang")
    wants_json = arguments.pop("json")
    chosen = {name: arguments.pop(name) for name in views}
    for name in {"recipe", "budget"} & extra.keys():
        del arguments[name]
    result = function(**arguments, **({} if wants_json else fixed or {}))
    if not wants_json:
        show(result, **chosen)
        return DONE
    value = as_json(result)
    for line in value if isinstance(value, Iterator) else [value]:
        print(json.dumps(line, ensure_ascii=False))
    return DONE


def _recipe_parts(function: Callable[..., Any], argv: list[str]) -> dict[str, Any]:
    """The parameters of ``function`` that are parts of a recipe, with the values of the recipe in force."""
    hints = typing.get_type_hints(function)
    if not any(dataclasses.is_dataclass(hint) for name, hint in hints.items() if name != "return"):
        return {}
    from prosa.pipeline.budgets import within
    from prosa.pipeline.recipe import Recipe, load_recipe

    parts = typing.get_type_hints(Recipe)
    recipe, budget = load_recipe(_option(argv, "--recipe")), _option(argv, "--budget")
    if budget is not None:
        recipe = within(recipe, budget)
    return {name: getattr(recipe, name) for name, hint in hints.items() if parts.get(name) == hint}


def _option(argv: list[str], name: str) -> str | None:
    """The value of an option that must be known before the others are parsed."""
    for i, word in enumerate(argv):
        if word == "--":
            return None
        if word == name and i + 1 < len(argv):
            return argv[i + 1]
        if word.startswith(f"{name}="):
            return word.split("=", 1)[1]
    return None


def language_of(argv: list[str]) -> Lang | None:
    """What ``--lang`` says, before the other flags are read; None where it says nothing that is known."""
    value = _option(argv, "--lang")
    return typing.cast(Lang, value) if value in typing.get_args(Lang) else None


EXTRA_HELP = {
    "lang": "Language of messages and report: en or pt-BR (default: PROSA_LANG, then the locale).",
    "json": "Print the result as JSON on stdout, nothing else.",
    "budget": "Time for training (90s, 10m, 1h): chooses model, batch and rate over the recipe's; flags override it.",
    "recipe": "Recipe (a name, or a YAML file) that the defaults come from; flags override it.",
}


def _docstring(function: Callable[..., Any], extra: dict[str, str]) -> str:
    """The function's docstring with the extra flags (name: help) in its ``Args``."""
    text = inspect.getdoc(function) or ""
    if "Args:" not in text:
        text += "\n\nArgs:"
    head, _, tail = text.partition("Args:")
    flags = "".join(f"\n    {name}: {text}" for name, text in extra.items())
    return f"{head}Args:{flags}{tail}"


def _description(function: Callable[..., Any], examples: str) -> str:
    text = (inspect.getdoc(function) or "").split("Args:")[0].strip()
    indented = "\n".join(f"  {line.strip()}" for line in examples.strip().splitlines())
    return f"{text}\n\nExamples:\n{indented}"


def spelled_out_resume(argv: list[str]) -> list[str]:
    """``--resume`` without a value means that there must be something to resume: ``--resume must``."""
    if "--resume" not in argv:
        return argv
    at = argv.index("--resume") + 1
    bare = at == len(argv) or argv[at] not in ("auto", "no", "must")
    return [*argv[:at], "must", *argv[at:]] if bare else argv
