"""What an arena asks: held-out problems of tasks, prompts of the user's own file, or both in turns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from random import Random

from prosa.core.errors import UserError
from prosa.core.language import Lang, number, tr
from prosa.core.progress import warn
from prosa.corpus.problems import Problems
from prosa.evaluate.arena.prompt import Prompt
from prosa.evaluate.tasks.answerer import Answerer
from prosa.evaluate.tasks.exam import Exam, check_count
from prosa.evaluate.tasks.measure import MAX_TOKENS, asked_turns
from prosa.pipeline.tasks import exams_of, usual_prompting
from prosa.tokenizers.chat import Message

MAX_OWN_TOKENS = 128  # of an answer to a prompt of a file, which may ask for more than a word

Turns = Callable[[Answerer], Sequence[Message] | None]


@dataclass(frozen=True)
class Drawn:
    """A prompt, and how it is put to a model.

    Attributes:
        source: the task's name, or the file's.
        turns: what a model reads; None where its context is too short.
        max_tokens: the most of an answer.
    """

    prompt: Prompt
    source: str
    turns: Turns
    max_tokens: int


def draw_prompts(
    tasks: Sequence[str], file: Path | None, n: int, *, language: Lang, seed: int, verified: bool
) -> list[Drawn]:
    """Up to ``n`` prompts, as many of each source while it has any; of all tasks where nothing is named.

    A model in plain form is shown examples of a task. A prompt of a file it continues as it is.

    Args:
        verified: only prompts whose answer is known.

    Raises:
        UserError: an unknown task, a file that cannot be read or has no prompt (with an answer), or ``n`` is below 1.
    """
    check_count(n)
    named = tasks or (("all",) if file is None else ())
    exams = exams_of(named, None, n, language=language, seed=seed) if named else []
    sources = [[_problem(exam, at, seed) for at in range(len(exam.problems))] for exam in exams]
    if file is not None:
        own = _own(file, language, verified)
        sources.append(Random(f"{file.name}/{seed}").sample(own, len(own)))
    in_turns = chain.from_iterable(zip_longest(*sources))
    return [drawn for drawn in in_turns if drawn is not None][:n]


def _problem(exam: Exam, at: int, seed: int) -> Drawn:
    problem = exam.problems[at]

    def turns(answerer: Answerer) -> Sequence[Message] | None:
        return asked_turns(answerer, exam, at, usual_prompting(answerer), seed)[0]

    asked = Prompt(f"{exam.name}/{at}", (Message("user", problem.prompt),), partial(exam.check, problem))
    return Drawn(asked, exam.name, turns, MAX_TOKENS)


def _own(file: Path, language: Lang, verified: bool) -> list[Drawn]:
    """The prompts of a file, each once."""
    from prosa.align.prompts import read_prompts

    bad = Problems()
    read = list(read_prompts([file], bad, language))
    for problem in bad.named[:3]:
        warn(tr(f"left out: {problem.source}: {problem.why}", f"deixado de fora: {problem.source}: {problem.why}"))
    if bad.count > 3:
        warn(tr(f"{number(bad.count)} lines were left out.", f"{number(bad.count)} linhas ficaram de fora."))
    once = list({repr(asked.messages): asked for asked in read}.values())
    if again := len(read) - len(once):
        warn(
            tr(f"{file}: prompts that are there twice: {number(again)}", f"{file}: prompts repetidos: {number(again)}")
        )
    kept = [asked for asked in once if not verified or asked.check is not None]
    if not kept:
        raise UserError(
            tr(
                f'the verifier knows no right answer: no line of {file} has an "answer".',
                f'o verificador não conhece resposta certa: nenhuma linha de {file} tem "answer".',
            ),
            tr(
                "Let another judge decide: --judge reward, or --judge outside.",
                "Deixe outro juiz decidir: --judge reward, ou --judge outside.",
            ),
        )
    if without := len(once) - len(kept):
        warn(
            tr(
                f'{file}: prompts without "answer", left out: {number(without)}',
                f'{file}: prompts sem "answer", deixados de fora: {number(without)}',
            )
        )

    def fitting(answerer: Answerer, messages: Sequence[Message]) -> Sequence[Message] | None:
        return messages if answerer.length(messages) <= answerer.context else None

    return [
        Drawn(
            Prompt(f"{file.name}/{i}", asked.messages, asked.check),
            file.name,
            partial(fitting, messages=asked.messages),
            MAX_OWN_TOKENS,
        )
        for i, asked in enumerate(kept)
    ]
