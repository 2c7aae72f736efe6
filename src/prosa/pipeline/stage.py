"""What the training stages share: is the stage done, may it begin, is there something to go on from."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from prosa.core.config import from_mapping, read_yaml, to_mapping
from prosa.core.errors import UserError
from prosa.core.files import claim, is_complete, remove_half_written
from prosa.core.language import tr
from prosa.core.progress import say
from prosa.corpus.made import is_stage
from prosa.pipeline.differences import differences
from prosa.pipeline.run import model_folder, run_of
from prosa.train.config import TrainConfig

if TYPE_CHECKING:
    from prosa.train.loop import TrainResult

Resume = Literal["no", "auto", "must"]
RESOLVED, TRAINING = "config.resolved.yaml", "training.json"
C = TypeVar("C", bound=TrainConfig)


def settled(config: C, result: "TrainResult") -> C:
    """A training's settings with what "auto" became, so that they make the same training again."""
    return dataclasses.replace(
        config,
        steps=result.steps,
        micro_batch=result.resolved.micro_batch,
        precision=result.resolved.precision,
        workers=result.resolved.workers,
        compile=result.resolved.compile,
    )


def check_wishes(resume: Resume, force: bool) -> None:
    """Refuse what contradicts itself.

    Raises:
        UserError: both ``force`` and ``resume`` are asked for.
    """
    if force and resume != "no":
        raise UserError(
            tr("--force and --resume contradict each other.", "--force e --resume se contradizem."),
            tr("--force begins anew, --resume goes on.", "--force começa de novo, --resume continua."),
        )


def start_of(model: str, stages: Sequence[str]) -> Path:
    """The folder of the model that a stage begins with: of a run, the first of ``stages`` that it has, whatever came
    after it; else what ``model_folder`` says.

    Raises:
        UserError: there is none.
    """
    for stage in stages:
        if (Path(model) / stage / "config.json").is_file():
            return Path(model) / stage
    return model_folder(model)


def result_folder(model: str, source: Path, out: Path | None, stage: str) -> Path:
    """Where a stage's result goes: to ``stage`` in ``out``, or in the run that its model comes from.

    Args:
        model: as the user named it.
        source: its folder, of ``start_of``.

    Raises:
        UserError: it would replace the model it is made from, or ``out`` is needed.
    """
    named = model.rpartition(":")[0] if not Path(model).exists() else model  # run, or run:stage
    run = out or (Path(named) if source.parent == Path(named) else run_of(source))
    if run is None:
        raise UserError(
            tr(f"{source} is in no run: where should the result go?", f"{source} não está em uma execução."),
            tr("Give --out FOLDER.", "Dê --out PASTA."),
        )
    if (run / stage).resolve() == source.resolve():
        raise UserError(
            tr(f"{source} would be replaced by its own result.", f"{source} seria substituída pelo próprio resultado."),
            tr("Choose another --out.", "Escolha outro --out."),
        )
    return run / stage


def check_same_start(folder: Path, asked: Any, fields: Sequence[str]) -> None:
    """Refuse to resume a training that was begun from something else.

    Args:
        asked: the stage's configuration, a dataclass.
        fields: those of it that must be as they were: model, adapters, …

    Raises:
        UserError: they are not.
    """
    if not (folder / RESOLVED).is_file():
        return
    begun = from_mapping(type(asked), read_yaml(folder / RESOLVED), (folder / RESOLVED).as_posix())
    other = [name for name in fields if getattr(begun, name) != getattr(asked, name)]
    if other:
        was = ", ".join(f"{name} {getattr(begun, name)}" for name in other)
        now = ", ".join(f"{name} {getattr(asked, name)}" for name in other)
        raise UserError(
            tr(f"{folder} was begun from {was}, not from {now}.", f"{folder} foi começada de {was}, não de {now}."),
            tr("Go on with the same, or begin anew with --force.", "Continue com o mesmo, ou recomece com --force."),
        )


def is_done(folder: Path, asked: Any, resume: Resume) -> bool:
    """Whether a stage that may be resumed is complete already, with what is asked for.

    Raises:
        UserError: it is complete with other settings; or ``resume`` is "must" and there is nothing.
    """
    if resume == "no":
        return False
    if is_complete(folder):
        there = from_mapping(type(asked), read_yaml(folder / RESOLVED), (folder / RESOLVED).as_posix())
        changed = differences(to_mapping(there), to_mapping(asked))
        if changed:
            raise UserError(
                tr(f"{folder} is complete, with other settings: ", f"{folder} está completa, com outra configuração: ")
                + "; ".join(changed),
                tr(
                    "Choose another --out, or begin anew with --force.", "Escolha outro --out, ou recomece com --force."
                ),
            )
        say(tr(f"{folder} is complete; nothing to do.", f"{folder} está completa; nada a fazer."))
        return True
    checkpoints = folder / "checkpoints"
    if resume == "must" and not (checkpoints.is_dir() and any(checkpoints.iterdir())):
        raise UserError(
            tr(f"there is nothing to resume in {folder}.", f"não há o que retomar em {folder}."),
            tr(
                "Use --resume auto to begin when there is nothing, or leave --resume out.",
                "Use --resume auto para começar quando não houver nada, ou omita --resume.",
            ),
        )
    return False


def claim_stage(folder: Path, resume: Resume, *, force: bool, inputs: list[Path], later: Sequence[str] = ()) -> None:
    """Make ``folder`` free for a stage that begins anew; with ``force``, what was made from it goes too.

    A stage that is resumed keeps what it has, but for files that were half written when it was killed.

    Args:
        later: stages of the run that may be made from this one, or from one another, in that order.

    Raises:
        UserError: something is there.
    """
    if resume != "no":
        remove_half_written(folder)
        return
    replaced = is_stage(folder)
    made_from_it: list[Path] = []
    for stage in [folder.parent / name for name in later if force and replaced]:
        if any(_is_from(stage, model) for model in (folder, *made_from_it)):
            made_from_it.append(stage)
    claim(folder, force=force, inputs=inputs, resumable=(folder / RESOLVED).is_file())
    for stage in made_from_it:
        shutil.rmtree(stage)
        say(
            tr(
                f"removed {stage}: it was made from what is replaced.",
                f"removida {stage}: foi feita do que é substituído.",
            )
        )


def _is_from(stage: Path, model: Path) -> bool:
    """Whether a stage's configuration names ``model`` as what it was made from."""
    if not (stage / RESOLVED).is_file():
        return False
    source = read_yaml(stage / RESOLVED).get("model")
    return isinstance(source, str) and Path(source).resolve() == model.resolve()
