"""How to make it again: the command, the resolved configuration, the machine and the versions."""

import shlex
from pathlib import PurePath
from typing import Any

import yaml

from prosa.core.language import tr
from prosa.show.load import RunData
from prosa.show.markup import Html, join, tag
from prosa.show.parts import fold, missing, section, table


def command(environment: dict[str, Any] | None) -> str | None:
    """The command that made the run, from env.json, as one would type it."""
    words = (environment or {}).get("command")
    if not isinstance(words, list) or not words:
        return None
    first = PurePath(str(words[0]).replace("\\", "/"))
    rest = [str(word) for word in words[1:]]
    if first.name.removesuffix(".exe") == "prosa" or first.name == "__main__.py":
        return shlex.join(["prosa", *rest])
    return shlex.join([str(words[0]), *rest])


def again_command(run: RunData) -> str:
    """The build that repeats the run from its resolved recipe, into a folder beside it."""
    try:
        named = bool(dict(yaml.safe_load(run.recipe or "") or {}).get("paths"))
    except (yaml.YAMLError, TypeError, ValueError):
        named = False
    texts = [] if named else [tr("TEXTS", "TEXTOS")]
    recipe = run.recipe_file.as_posix() if run.recipe_file is not None else ""
    out = (run.folder.parent / f"{run.name}-2").as_posix()
    return shlex.join(["prosa", "build", *texts, "--recipe", recipe, "--out", out])


def repeat(run: RunData) -> Html:
    """Everything needed to repeat the run."""
    typed = command(run.environment)
    if typed is None:
        made = missing(
            tr("the command that made this run.", "o comando que fez esta execução."),
            tr("It is saved when training starts.", "Ele é salvo quando o treino começa."),
        )
    else:
        made = tag("pre", tag("code", typed))
    again = None
    if run.recipe_file is not None:
        again = join(
            tag("p", tr("Or, from the whole configuration below:", "Ou, a partir da configuração inteira abaixo:")),
            tag("pre", tag("code", again_command(run))),
        )
    return section(
        "repeat",
        tr("Make it again", "Fazer de novo"),
        tag("p", tr("This run was made by:", "Esta execução foi feita por:")),
        made,
        again,
        _configuration(run),
        _environment(run.environment),
        _unread(run),
    )


def _configuration(run: RunData) -> Html:
    if run.recipe is None:
        return missing(
            tr("the resolved configuration.", "a configuração resolvida."),
            tr("It is saved when training starts.", "Ela é salva quando o treino começa."),
        )
    return fold(
        tr("The whole configuration (YAML)", "A configuração inteira (YAML)"),
        tag("pre", tag("code", run.recipe.strip())),
    )


def _environment(environment: dict[str, Any] | None) -> Html | None:
    if not environment:
        return None
    names = {
        "prosa": "Prosa",
        "commit": "commit",
        "python": "Python",
        "platform": tr("system", "sistema"),
        "cpu": tr("processor", "processador"),
        "cores": tr("cores", "núcleos"),
        "torch_threads": tr("threads used", "threads usadas"),
        "gpu": "GPU",
    }
    rows = [[name, str(environment[key])] for key, name in names.items() if environment.get(key) is not None]
    packages = environment.get("packages")
    rows += [[str(name), str(version)] for name, version in (packages if isinstance(packages, dict) else {}).items()]
    caption = tr("What it ran on", "Em que rodou")
    heads = [tr("what", "o quê"), tr("which", "qual")]
    cells = [[name, tag("td", value)] for name, value in rows]
    return fold(tr("Machine and versions", "Máquina e versões"), table(caption, heads, cells)) if rows else None


def _unread(run: RunData) -> Html | None:
    if not run.problems:
        return None
    items = []
    for problem in run.problems:
        where = "" if problem.line is None else tr(f", line {problem.line}", f", linha {problem.line}")
        items.append(tag("li", tag("code", problem.file), where))
    return join(
        tag("h3", tr("Files that could not be read in full", "Arquivos que não puderam ser lidos por inteiro")),
        tag("ul", *items),
    )
