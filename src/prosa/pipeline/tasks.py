"""``prosa evaluate --tasks``: what a model gets right, task by task, and what ways of asking change."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prosa.core.config import read_yaml
from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.language import Lang, number, tr
from prosa.core.progress import progress, warn
from prosa.corpus.problems import Problems
from prosa.evaluate.tasks.answerer import Answerer
from prosa.evaluate.tasks.exam import Exam, exam
from prosa.evaluate.tasks.measure import Difference, Score, compare, measure
from prosa.evaluate.tasks.own_file import read_exam
from prosa.evaluate.tasks.prompting import Prompting
from prosa.evaluate.tasks.registry import find_tasks
from prosa.pipeline.run import AFTER_BASE, BASE, load
from prosa.pipeline.stage import RESOLVED

if TYPE_CHECKING:
    from prosa.tokenizers.protocol import Tokenizer

FormChoice = Literal["auto", "chat", "plain"]


@dataclass(frozen=True)
class TaskScores:
    """What a model scored.

    Attributes:
        model: its folder.
        form: how it was asked.
        scores: of every task in every way of asking.
        differences: of every further way of asking to the first, over all tasks.
    """

    model: Path
    form: str
    scores: list[Score]
    differences: list[tuple[Prompting, Prompting, Difference]]

    def to_json(self) -> dict[str, Any]:
        """The plain values."""
        return {
            "model": str(self.model),
            "form": self.form,
            "rows": [score.to_json() for score in self.scores],
            "differences": [
                {"prompting": second, "than": first, **difference.to_json()}
                for first, second, difference in self.differences
            ],
        }


def measure_tasks(
    model: str,
    *,
    tasks: tuple[str, ...] = (),
    problems_file: Path | None = None,
    problems: int = 200,
    prompting: tuple[Prompting, ...] = (),
    tools: bool = False,
    form: FormChoice = "auto",
    language: Lang | None = None,
    seed: int = 0,
    max_tokens: int | None = None,
    device: DeviceName = "auto",
) -> TaskScores:
    """Ask a model the held-out problems of tasks, or those of a file, and mark its answers by rule.

    Raises:
        UserError: no such model, task or file, nothing to ask, or tools and chat form where the model has none.
    """
    from prosa.generate.tools import Toolbox, builtin_tools

    exams = exams_of(tasks, problems_file, problems, language=language, seed=seed)
    toolbox = Toolbox(builtin_tools("en" if language == "en" else "pt")) if tools else None
    answerer, folder = load_answerer(model, form=form, device=device, toolbox=toolbox)
    ways = tuple(dict.fromkeys(prompting)) or (usual_prompting(answerer),)
    asked = sum(len(exam.problems) for exam in exams) * len(ways)
    with progress(tr("answering", "respondendo"), asked, tr("problems", "problemas")) as bar:
        found = {
            way: [measure(answerer, exam, way, seed=seed, max_tokens=max_tokens, bar=bar) for exam in exams]
            for way in ways
        }
    first, *others = ways
    return TaskScores(
        folder,
        answerer.form,
        [found[way][at] for at in range(len(exams)) for way in ways],
        [(first, way, compare(found[first], found[way])) for way in others],
    )


def exams_of(
    tasks: Sequence[str], problems_file: Path | None, problems: int, *, language: Lang | None, seed: int
) -> list[Exam]:
    """The exams of the named tasks and of the file; a task's problems are in Portuguese where no language is given.

    Raises:
        UserError: an unknown task, a file that cannot be read, or nothing at all.
    """
    found = []
    if tasks or problems_file is None:
        found = [exam(task, n=problems, seed=seed, language=language or "pt-BR") for task in find_tasks(tasks)]
    if problems_file is not None:
        bad = Problems()
        found.append(read_exam(problems_file, bad, n=problems, seed=seed, language=language))
        for problem in bad.named[:3]:
            warn(tr(f"left out: {problem.source}: {problem.why}", f"deixado de fora: {problem.source}: {problem.why}"))
        if bad.count > 3:
            more = number(bad.count)
            warn(tr(f"{more} lines were left out in all.", f"ao todo, {more} linhas ficaram de fora."))
    return found


def load_answerer(
    model: str, *, form: FormChoice = "auto", device: DeviceName = "auto", toolbox: Any = None
) -> tuple[Answerer, Path]:
    """The model that ``model`` means, ready to answer, and its folder.

    Raises:
        UserError: there is none, or it cannot be asked in this form.
    """
    from prosa.generate.engine import Engine

    network, tokenizer, folder = load(model)
    asked = form_of(folder, tokenizer) if form == "auto" else form
    return Answerer(Engine(network, tokenizer, device=device), asked, toolbox), folder


def form_of(folder: Path, tokenizer: "Tokenizer") -> Literal["chat", "plain"]:
    """Chat for a model that was tuned with the chat template: a stage after base, or a folder whose configuration
    names the model that it was made from. Plain for any other."""
    from prosa.tokenizers.config import CHAT_TOKENS

    if folder.name == BASE or not all(token in tokenizer.special_tokens for token in CHAT_TOKENS):
        return "plain"
    if folder.name in AFTER_BASE:
        return "chat"
    try:
        made_from = read_yaml(folder / RESOLVED).get("model")
    except UserError:
        return "plain"
    return "chat" if isinstance(made_from, str) else "plain"


def usual_prompting(answerer: Answerer) -> Prompting:
    """Zero-shot for a model tuned to answer; a base model is shown by examples what is asked."""
    return "few" if answerer.form == "plain" else "zero"
