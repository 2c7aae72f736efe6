"""``prosa arena``: any models against each other on the same held-out prompts, before one judge."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.files import write_json
from prosa.core.language import Lang, tr
from prosa.core.progress import progress
from prosa.evaluate.arena.prompt import Prompt
from prosa.evaluate.arena.standings import Standings, standings
from prosa.pipeline.arena_judge import JudgeName, choose_judge
from prosa.pipeline.arena_prompts import Drawn, draw_prompts
from prosa.pipeline.entrants import Entrant, enter, folders_of


@dataclass(frozen=True)
class Arena:
    """How models did against each other.

    Attributes:
        unheld: prompts left out because the reward model could not hold an answer.
    """

    entrants: Sequence[Entrant]
    drawn: Sequence[Drawn]
    standings: Standings
    unheld: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """All figures, every verdict and every answer."""
        return {
            "models": [
                {
                    "model": entrant.name,
                    "folder": str(entrant.folder),
                    "form": entrant.form,
                    "cut": entrant.cut,
                    "too_long": entrant.too_long,
                }
                for entrant in self.entrants
            ],
            "seed": self.seed,
            "asked": dict(Counter(each.source for each in self.drawn)),
            "unheld": self.unheld,
            **self.standings.to_json(),
            "verdicts": [
                {"prompt_id": c.prompt_id, "first": c.first, "second": c.second, "winner": c.winner}
                for c in self.standings.contest.comparisons
            ],
            "answers": [self._answers(each.prompt) for each in self.drawn],
        }

    def _answers(self, prompt: Prompt) -> dict[str, Any]:
        replies = {}
        for entrant in self.entrants:
            text = entrant.answers[prompt.id]
            replies[entrant.name] = {"text": text, "right": None if prompt.check is None else prompt.check(text)}
        return {"prompt_id": prompt.id, "prompt": prompt.text, "replies": replies}


def arena(
    models: tuple[str, ...],
    *,
    tasks: tuple[str, ...] = (),
    prompts_file: Path | None = None,
    prompts: int = 200,
    judge: JudgeName = "verifier",
    reward: Path | None = None,
    judge_url: str | None = None,
    judge_model: str | None = None,
    out: Path | None = None,
    language: Lang = "pt-BR",
    seed: int = 0,
    device: DeviceName = "auto",
) -> Arena:
    """Models against each other: every two of them on the same held-out prompts, before a judge.

    Win rates, Bradley-Terry and Elo ratings, each with its 95% interval. Answers are greedy. A base model is shown
    examples of a task, as by prosa gains; a prompt that a model's context cannot hold it answers with nothing.
    An outside judge is asked in both orders, and a verdict that changes with the order is a tie. A key for it goes into
    the environment variable PROSA_JUDGE_KEY.

    Args:
        models: Two or more: a run (its newest model), run:stage, or a model folder.
        tasks: Tasks whose held-out problems are asked: plurals letters 2D+ arithmetic suites all ...; all of them
            where there is no file of prompts.
        prompts_file: Your own prompts, JSONL, that no model learnt from: a line is {"prompt": "..."} or
            {"messages": [...]}, with "answer" for the verifier.
        prompts: The most prompts in all, as many of each task as of another.
        judge: verifier: right beats wrong; reward: a reward model; outside: a model at an OpenAI-compatible address.
        reward: With --judge reward: the reward model's folder (default: the reward/ beside one of the models).
        judge_url: With --judge outside: the address up to and with the version, such as http://localhost:8000/v1.
        judge_model: With --judge outside: the name that the server knows the model by.
        out: A JSON file for all figures, verdicts and answers. What an outside judge replies is kept beside it as it
            comes (.replies.jsonl), so that the same command goes on where it was interrupted.
        language: Of the problems, and of what an outside judge is asked.
        seed: Of the problems and the intervals.
        device: Where to compute.

    Raises:
        UserError: fewer than two models, one of them twice, no such model, task, file or judge, options of another
            judge, ``out`` holds something else, or most answers get no verdict.
        KeyboardInterrupt: after Ctrl-C, with the outside judge's replies kept.
    """
    folders = folders_of(models)
    hold = choose_judge(
        judge,
        reward=reward,
        url=judge_url,
        model=judge_model,
        folders=list(folders.values()),
        replies=None if out is None else out.with_name(f"{out.name}.replies.jsonl"),
        language=language,
        device=device,
    )
    _check_out(out)
    drawn = draw_prompts(tasks, prompts_file, prompts, language=language, seed=seed, verified=judge == "verifier")
    with progress(tr("answering", "respondendo"), len(drawn) * len(models), "prompts") as bar:
        entrants = [enter(name, drawn, device, bar) for name in models]
    contest, unheld = hold([each.prompt for each in drawn], {entrant.name: entrant.answers for entrant in entrants})
    found = Arena(entrants, drawn, standings(contest, seed=seed), unheld, seed)
    if out is not None:
        write_json(out, found.to_json())
    return found


def _check_out(out: Path | None) -> None:
    """Refuse to write where nothing can be, or over anything but an arena's own result."""
    if out is None:
        return
    there = next(folder for folder in out.absolute().parents if folder.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise UserError(
            tr(
                f"cannot write {out}: {there} takes no files.",
                f"não consigo gravar {out}: {there} não aceita arquivos.",
            ),
            tr("Choose another --out.", "Escolha outro --out."),
        )
    if not out.exists():
        return
    try:
        value = json.loads(out.read_bytes())
    except (OSError, ValueError, RecursionError):
        value = None
    if not (isinstance(value, dict) and {"models", "verdicts", "bradley_terry"} <= value.keys()):
        raise UserError(
            tr(f"{out} is there, and no result of an arena.", f"{out} já existe, e não é resultado de uma arena."),
            tr("Choose another --out.", "Escolha outro --out."),
        )
