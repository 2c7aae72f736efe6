"""How a build begins: in a new folder, or in one that was begun with the same recipe on the same files."""

import shutil
from pathlib import Path
from typing import Any

from prosa.core.config import from_mapping, read_yaml, to_mapping, write_yaml
from prosa.core.errors import UserError
from prosa.core.files import claim, read_json, write_json, write_text
from prosa.core.language import tr
from prosa.core.progress import say
from prosa.corpus.files import find_files
from prosa.corpus.problems import Problems
from prosa.pipeline.differences import differences
from prosa.pipeline.recipe import Recipe
from prosa.pipeline.run import BASE, CORPUS, RECIPE, TOKENIZER, TOKENS
from prosa.pipeline.stage import Resume, check_wishes

INPUTS = "inputs.json"


def begin(out: Path, recipe: Recipe, resume: Resume, force: bool) -> None:
    """Make ``out`` ready for the stages of ``recipe``; nothing is changed before all is checked.

    A resumed build whose files have changed begins again, unless its model is being trained on the old ones.

    Raises:
        UserError: nothing to read, the folder is taken, nothing to resume, another recipe, or changed files.
    """
    inputs = inputs_of(recipe.paths, out)
    check_wishes(resume, force)
    there = (out / RECIPE).is_file()
    if resume == "must" and not there:
        raise UserError(
            tr(f"there is nothing to resume in {out}.", f"não há o que retomar em {out}."),
            tr("Leave --resume out, or use --resume auto.", "Omita --resume, ou use --resume auto."),
        )
    if resume == "no" or not there:
        claim(out, force=force, inputs=recipe.paths, resumable=there)
    else:
        _check_recipe(out, recipe)
        _check_inputs(out, inputs)
    write_json(out / INPUTS, inputs)
    write_text(out / RECIPE, write_yaml(recipe))


def inputs_of(paths: tuple[Path, ...], out: Path) -> dict[str, Any]:
    """Size and time of every file that will be read, by path."""
    found = {}
    for file in find_files(paths, Problems(), skip=out):
        if file.is_file():
            status = file.stat()
            found[file.as_posix()] = {"bytes": status.st_size, "modified_ns": status.st_mtime_ns}
    return found


def _check_recipe(out: Path, recipe: Recipe) -> None:
    before = from_mapping(Recipe, read_yaml(out / RECIPE), (out / RECIPE).as_posix())
    changed = differences(to_mapping(before), to_mapping(recipe), lenient=not (out / BASE / "COMPLETE").is_file())
    if changed:
        raise UserError(
            tr(f"{out} was begun with another recipe: ", f"{out} foi começada com outra receita: ")
            + "; ".join(changed),
            tr(
                f"Go on with --recipe {out / RECIPE}, or choose another --out, or begin anew with --force.",
                f"Continue com --recipe {out / RECIPE}, ou escolha outro --out, ou recomece com --force.",
            ),
        )


def _check_inputs(out: Path, inputs: dict[str, Any]) -> None:
    before = read_json(out / INPUTS) if (out / INPUTS).is_file() else inputs
    changed = sorted(path for path in {*before, *inputs} if before.get(path) != inputs.get(path))
    if not changed:
        return
    listed = ", ".join(changed[:5]) + (", …" if len(changed) > 5 else "")
    if (out / BASE).exists():
        raise UserError(
            tr(f"the files that {out} was made from have changed: {listed}.",
               f"os arquivos com que {out} foi feita mudaram: {listed}."),
            tr("Begin anew with --force, or choose another --out.", "Recomece com --force, ou escolha outro --out."),
        )  # fmt: skip
    say(tr(f"files have changed, reading them again: {listed}", f"arquivos mudaram, lendo de novo: {listed}"))
    for stage in (CORPUS, TOKENIZER, TOKENS):
        shutil.rmtree(out / stage, ignore_errors=True)
