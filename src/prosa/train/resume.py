"""Going on where a run stopped: which checkpoint, and whether this run may."""

from dataclasses import replace
from pathlib import Path

from torch import nn

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.core.progress import say, warn
from prosa.data.batches import check_same
from prosa.train.checkpoint import (
    Position,
    load_checkpoint,
    newest_good,
    read_position,
    remove_leftovers,
    step_folders,
)
from prosa.train.dry_run import Resolved
from prosa.train.optimizers import Optimizer

FREE_TO_CHANGE = {"eval_every", "sample_every", "checkpoint_every", "keep_checkpoints", "log_every"}
"""Settings that the weights do not depend on."""
SETTLED_BY = {
    "micro_batch",
    "batch_size",
    "precision",
    "workers",
    "compile",
    "device",
    "activation_checkpointing",
    "loss_chunk",
    "steps",
    "minutes",
    "epochs",
}
"""Settings that what "auto" became depends on."""


def checkpoint_to_use(checkpoints: Path, resume: bool) -> Path | None:
    """The newest good checkpoint, or None to begin anew.

    Raises:
        UserError: there are checkpoints but ``resume`` is not asked for, or none of them is good.
    """
    remove_leftovers(checkpoints)
    there = step_folders(checkpoints)
    if there and not resume:
        raise UserError(
            tr(f"{checkpoints} already has checkpoints.", f"{checkpoints} já tem checkpoints."),
            tr(
                "Add --resume auto to go on from them, or --force to begin anew.",
                "Acrescente --resume auto para continuar, ou --force para começar de novo.",
            ),
        )
    good = newest_good(checkpoints)
    if there and good is None:
        raise UserError(
            tr(f"no checkpoint in {checkpoints} is whole.", f"nenhum checkpoint em {checkpoints} está inteiro."),
            tr("Restore one from a copy, or begin anew with --force.", "Recupere uma cópia, ou use --force."),
        )
    return good


def go_on(path: Path, now: Position, model: nn.Module, optimizer: Optimizer) -> tuple[Position, Resolved | None]:
    """Take over a checkpoint, and what was settled then unless a setting that it depends on has changed.

    Args:
        now: a position with today's configuration, data and threads.

    Raises:
        UserError: the data, the optimizer or the model are not those of the checkpoint.
    """
    saved = read_position(path)
    check_same(saved.data_fingerprint, now.data_fingerprint)
    other = [f"{k} ({saved.model.get(k)} -> {v})" for k, v in now.model.items() if saved.model.get(k) != v]
    if other:
        raise UserError(
            tr(f"{path} is of another model: {', '.join(other)}.", f"{path} é de outro modelo: {', '.join(other)}."),
            tr(
                "Resume with the model it began with, or begin anew with --force.",
                "Retome com o modelo com que começou, ou recomece com --force.",
            ),
        )
    changed = {k for k, v in now.config.items() if saved.config.get(k) != v} - FREE_TO_CHANGE
    if "optimizer" in changed:
        old, new = saved.config.get("optimizer"), now.config["optimizer"]
        raise UserError(
            tr(
                f"{path} was trained with {old}, not {new}, which keeps another state.",
                f"{path} foi treinado com {old}, não com {new}, que guarda outro estado.",
            ),
            tr("Keep the optimizer, or begin anew with --force.", "Mantenha o otimizador, ou use --force."),
        )
    if changed:
        names = ", ".join(f"{k} ({saved.config.get(k)} -> {now.config[k]})" for k in sorted(changed))
        warn(
            tr(
                f"settings changed since {path.name}: {names}. The result will differ from an uninterrupted run.",
                f"a configuração mudou desde {path.name}: {names}. "
                "O resultado será diferente do de um treino sem interrupção.",
            )
        )
    if saved.threads != now.threads:
        warn(
            tr(
                f"{now.threads} CPU threads now, {saved.threads} before: the result's last digits may differ.",
                f"{now.threads} threads de CPU agora, {saved.threads} antes: os últimos dígitos podem mudar.",
            )
        )
    if saved.ranks != now.ranks:
        warn(
            tr(
                f"processes now: {now.ranks}, before: {saved.ranks}: the result's last digits may differ.",
                f"processos agora: {now.ranks}, antes: {saved.ranks}: os últimos dígitos podem mudar.",
            )
        )
    load_checkpoint(path, model, optimizer)
    say(tr(f"going on from {path} (step {saved.step})", f"continuando de {path} (passo {saved.step})"))
    same = not changed & SETTLED_BY and saved.resolved["device"] == next(model.parameters()).device.type
    position = replace(saved, config=now.config, threads=now.threads, ranks=now.ranks)
    return position, Resolved(**saved.resolved) if same else None
