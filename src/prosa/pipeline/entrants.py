"""The models of an arena, and what they answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.core.progress import Bar
from prosa.pipeline.arena_prompts import Drawn
from prosa.pipeline.run import model_folder
from prosa.pipeline.tasks import load_answerer


@dataclass(frozen=True)
class Entrant:
    """A model and its answers.

    Attributes:
        name: as it was given.
        form: how it was asked.
        answers: by prompt id; empty where the prompt is longer than the context.
        cut: answers that did not end by themselves.
        too_long: prompts longer than the context.
    """

    name: str
    folder: Path
    form: str
    answers: Mapping[str, str]
    cut: int
    too_long: int


def folders_of(models: Sequence[str]) -> dict[str, Path]:
    """Each model's folder.

    Raises:
        UserError: there are fewer than two models, one of them twice, or no such model.
    """
    if len(models) < 2:
        raise UserError(
            tr(
                f"an arena needs at least two models, not {number(len(models))}.",
                f"uma arena precisa de ao menos dois modelos, e não {number(len(models))}.",
            ),
            tr(
                "Such as: prosa arena runs/mine:sft runs/mine:rl",
                "Por exemplo: prosa arena runs/minha:sft runs/minha:rl",
            ),
        )
    found: dict[str, Path] = {}
    for name in models:
        folder = model_folder(name)
        for other, there in found.items():
            if folder.resolve() == there.resolve():
                raise UserError(tr(f"{other} and {name} are the same model.", f"{other} e {name} são o mesmo modelo."))
        found[name] = folder
    return found


def enter(name: str, drawn: Sequence[Drawn], device: DeviceName, bar: Bar) -> Entrant:
    """What a model answers.

    Args:
        bar: advances by each prompt.

    Raises:
        UserError: the model cannot be loaded, or no prompt fits its context.
    """
    answerer, folder = load_answerer(name, device=device)
    turns = {each.prompt.id: each.turns(answerer) for each in drawn}
    answers, cut = {id: "" for id, asked in turns.items() if asked is None}, 0
    too_long = len(answers)
    if too_long == len(drawn):
        raise UserError(
            tr(
                f"no prompt fits the context of {name}, {number(answerer.context)} tokens.",
                f"nenhum prompt cabe no contexto de {name}, {number(answerer.context)} tokens.",
            ),
            tr("Leave it out, or give shorter prompts.", "Deixe-o de fora, ou dê prompts menores."),
        )
    bar.advance(too_long)
    for limit in sorted({each.max_tokens for each in drawn}):
        asked = {each.prompt.id: turns[each.prompt.id] for each in drawn if each.max_tokens == limit}
        fitting = {id: own for id, own in asked.items() if own is not None}
        made = answerer.answer(list(fitting.values()), max_tokens=limit, bar=bar)
        answers |= {id: answer.text for id, answer in zip(fitting, made, strict=True)}
        cut += sum(answer.cut for answer in made)
    return Entrant(name, folder, answerer.form, answers, cut, too_long)
