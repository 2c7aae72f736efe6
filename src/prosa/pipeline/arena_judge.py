"""Who judges an arena: the verifiers, a reward model, or an outside judge."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.files import is_complete
from prosa.core.language import Lang, number, tr
from prosa.core.progress import say
from prosa.evaluate.arena.contest import Contest, hold_contest
from prosa.evaluate.arena.judges import Reward, VerifierJudge, reward_judge
from prosa.evaluate.arena.outside import OutsideJudge
from prosa.evaluate.arena.prompt import Prompt
from prosa.evaluate.arena.replies import Replies
from prosa.evaluate.arena.server import Server
from prosa.pipeline.gains import scorer
from prosa.pipeline.run import REWARD

JudgeName = Literal["verifier", "reward", "outside"]
Answers = Mapping[str, Mapping[str, str]]  # of each model, the answer to each prompt by its id
Hold = Callable[[Sequence[Prompt], Answers], tuple[Contest, int]]
"""Judges the answers: the contest, and how many prompts were left out because the judge could not hold an answer."""


def choose_judge(
    judge: JudgeName,
    *,
    reward: Path | None,
    url: str | None,
    model: str | None,
    folders: Sequence[Path],
    replies: Path | None,
    language: Lang,
    device: DeviceName,
) -> Hold:
    """The judge, seen to be there.

    Args:
        reward: the reward model's folder; None: the one beside a model.
        url, model: of an outside judge.
        folders: of the models.
        replies: where an outside judge's are kept.

    Raises:
        UserError: options of another judge, none of its own, or there is no such judge.
    """
    _check_options(judge, reward, url, model)
    if judge == "reward":
        folder = _reward_folder(reward, folders)
        return partial(_by_reward, scorer(folder, device), folder)
    if url is not None and model is not None:
        outside = OutsideJudge(Server(url), model, language, Replies(replies))
        outside.server.reach()
        if replies is None:
            say(
                tr(
                    "The judge's replies are kept only with --out FILE: without it, what is interrupted begins anew.",
                    "As respostas do juiz só são guardadas com --out ARQUIVO: sem ele, tudo recomeça do zero.",
                )
            )
        return partial(_by_outside, outside)
    return _by_verifier


def _by_verifier(asked: Sequence[Prompt], given: Answers) -> tuple[Contest, int]:
    return hold_contest(VerifierJudge(), asked, given), 0


def _by_reward(score: Reward, folder: Path, asked: Sequence[Prompt], given: Answers) -> tuple[Contest, int]:
    judge, held = reward_judge(score, asked, given, str(folder))
    if not held:
        raise UserError(
            tr(
                f"the context of the reward model {folder} holds the answers to no prompt.",
                f"o contexto do modelo de recompensa {folder} não comporta as respostas de nenhum prompt.",
            ),
            tr("Use another judge, or shorter prompts.", "Use outro juiz, ou prompts menores."),
        )
    return hold_contest(judge, held, given), len(asked) - len(held)


def _by_outside(judge: OutsideJudge, asked: Sequence[Prompt], given: Answers) -> tuple[Contest, int]:
    """Where it is broken off, it is said what is kept."""
    try:
        return hold_contest(judge, asked, given), 0
    except BaseException:
        if judge.replies.path is not None and len(judge.replies):
            replies, path = number(len(judge.replies)), judge.replies.path
            say(
                tr(
                    f"\nReplies of the judge kept in {path}: {replies}. The same command goes on from there.",
                    f"\nRespostas do juiz guardadas em {path}: {replies}. O mesmo comando continua daí.",
                )
            )
        raise


def _check_options(judge: JudgeName, reward: Path | None, url: str | None, model: str | None) -> None:
    """Refuse options of another judge, and an outside judge without its own."""
    of_reward: dict[str, Path | str | None] = {"--reward": reward}
    of_outside: dict[str, Path | str | None] = {"--judge-url": url, "--judge-model": model}
    others = {"verifier": of_reward | of_outside, "reward": of_outside, "outside": of_reward}[judge]
    for flag, value in others.items():
        if value is not None:
            right = "reward" if flag == "--reward" else "outside"
            raise UserError(
                tr(f"{flag} is for another judge than {judge}.", f"{flag} é para outro juiz, e não {judge}."),
                tr(f"Add --judge {right}, or leave {flag} out.", f"Acrescente --judge {right}, ou omita {flag}."),
            )
    missing = [flag for flag, value in of_outside.items() if not value]
    if judge == "outside" and missing:
        raise UserError(
            tr(f"the outside judge is not named: {missing[0]}", f"falta dizer qual é o juiz de fora: {missing[0]}"),
            tr(
                "Such as: --judge-url http://localhost:8000/v1 --judge-model NAME",
                "Por exemplo: --judge-url http://localhost:8000/v1 --judge-model NOME",
            ),
        )


def _reward_folder(given: Path | None, folders: Sequence[Path]) -> Path:
    """The reward model's folder: the one given, else that of the first model's run which has one."""
    if given is not None:
        return given
    for folder in folders:
        if is_complete(folder.parent / REWARD):
            return folder.parent / REWARD
    raise UserError(
        tr("there is no reward model beside the models.", "não há modelo de recompensa ao lado dos modelos."),
        tr("Give one: --reward FOLDER (prosa reward makes it).", "Dê um: --reward PASTA (prosa reward faz um)."),
    )
