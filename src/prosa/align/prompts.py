"""What a model is asked while it learns from rewards: problems of tasks, prompts of files, or both in turns.

The prompts of an iteration are a pure function of (seed, iteration). Those of a task are drawn anew from its training
side; those of files are read in an order that is another for each pass. Held-out ones are the tasks' test side, and a
share of the files' by a hash of the question (``data/division.py``).

A line of a file is {"prompt": "…"} (also as turns, and "messages" in its place) and perhaps "answer", which makes it
verifiable: a reply is right if its final answer is that, as a number or as a text (``evaluate/tasks/extract.py``).
GSM8K's form is read too: {"question": "…", "answer": "… #### 72"}, in English, the answer after the last ``####``.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from prosa.core.errors import UserError
from prosa.core.language import Lang, number, tr
from prosa.corpus.problems import Problems
from prosa.data.conversations import check_turns, content_of, system, turns
from prosa.data.division import divide, first_asked
from prosa.data.permutation import derive_seed, permute
from prosa.data.records import BadRecord, Record, read_records
from prosa.evaluate.tasks.extract import same_number, same_text, whole_number
from prosa.evaluate.tasks.own_file import MARK
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.task import Task
from prosa.tokenizers.chat import Message

WORDINGS = ("own", "bare")
TRIES = 50  # problems that are looked at for each one that fits the context


@dataclass(frozen=True)
class Asked:
    """A prompt.

    Attributes:
        messages: turns that end with the one to be answered.
        source: the task's name, or the file's.
        check: whether a reply's text is right; None where nobody knows.
    """

    messages: tuple[Message, ...]
    source: str
    check: Callable[[str], bool] | None = None

    @property
    def asked(self) -> str:
        """The first user's turn."""
        return first_asked(self.messages)


Fits = Callable[[Asked], bool]
"""Whether a prompt leaves room for a reply in the context."""


class Source(Protocol):
    """Where prompts come from."""

    name: str
    fingerprint: str

    def draw(self, seed: int, step: int, start: int, n: int) -> list[Asked]:
        """``n`` prompts to learn from for an iteration; ``start`` were given in those before."""
        ...

    def held_out(self, seed: int, n: int) -> list[Asked]:
        """Up to ``n`` prompts that are never drawn."""
        ...


class TaskSource:
    """Problems of one task in one language and set of wordings.

    Raises:
        UserError: the task is for testing only, has not the language, or none of its problems fits the context.
    """

    def __init__(self, task: Task, language: Lang, wording: str, fits: Fits) -> None:
        self.task, self.language, self.wording, self.fits = task, language, wording, fits
        self.name = task.name
        self.fingerprint = f"{task.name}/{language}/{wording}"
        self.draw(0, 0, 0, 1)

    def draw(self, seed: int, step: int, start: int, n: int) -> list[Asked]:
        """See ``Source``."""
        own = derive_seed(seed, self.fingerprint, step)
        found = self._fitting(self.task.problems("train", seed=own, n=TRIES * n, **self._asked_so))
        drawn = list(islice(found, n))
        if len(drawn) < n:
            raise UserError(
                tr(
                    f"problems of {self.name} in {self.language} do not fit the model's context.",
                    f"os problemas de {self.name} em {self.language} não cabem no contexto do modelo.",
                ),
                tr(
                    "Leave the task out, or train a model with a longer context.",
                    "Deixe a tarefa de fora, ou treine um modelo com contexto maior.",
                ),
            )
        return drawn

    def held_out(self, seed: int, n: int) -> list[Asked]:
        """See ``Source``; distinct problems of the test side, fewer where there are fewer."""
        return list(islice(self._fitting(_up_to_the_end(self.task.problems("test", seed=seed, n=TRIES * n,
                                                                            **self._asked_so))), n))  # fmt: skip

    @property
    def _asked_so(self) -> dict[str, Any]:
        return {"language": self.language, "wording": self.wording}

    def _fitting(self, problems: Iterator[Problem]) -> Iterator[Asked]:
        made = (Asked((Message("user", p.prompt),), self.name, partial(self.task.check, p)) for p in problems)
        return (asked for asked in made if self.fits(asked))


class FileSource:
    """Prompts of files.

    Args:
        share: of the prompts, held out.

    Raises:
        UserError: all are held out.
    """

    def __init__(self, name: str, prompts: Sequence[Asked], share: float) -> None:
        self.name = name
        self._learnt, self._held_out = divide(prompts, share)
        digest = hashlib.sha256(repr([(p.messages, p.source) for p in self._learnt]).encode("utf-8", "surrogatepass"))
        self.fingerprint = digest.hexdigest()[:16]
        if not self._learnt:
            raise UserError(
                tr(
                    f"all {number(len(prompts))} prompts of {name} are held out.",
                    f"todos os {number(len(prompts))} prompts de {name} ficaram de fora do treino.",
                ),
                tr("Lower rl.held_out, or give more.", "Diminua rl.held_out, ou dê mais prompts."),
            )

    def draw(self, seed: int, step: int, start: int, n: int) -> list[Asked]:
        """See ``Source``; each once a pass."""
        size = len(self._learnt)
        return [
            self._learnt[int(permute(place, size, derive_seed(seed, "prompts", epoch)))]
            for epoch, place in (divmod(at, size) for at in range(start, start + n))
        ]

    def held_out(self, seed: int, n: int) -> list[Asked]:
        """See ``Source``."""
        return self._held_out[:n]


class Prompts:
    """The prompts of all iterations, from sources in turns."""

    def __init__(self, sources: Sequence[Source], seed: int) -> None:
        self.sources, self.seed = sources, seed

    @property
    def fingerprint(self) -> str:
        """Of all that the prompts depend on but the seed."""
        return hashlib.sha256(repr([source.fingerprint for source in self.sources]).encode()).hexdigest()[:16]

    def at(self, step: int, n: int) -> list[Asked]:
        """The ``n`` prompts of an iteration (from 0), when every iteration asks as many."""
        count = len(self.sources)

        def before(first: int, source: int) -> int:
            return (first - source + count - 1) // count

        found = []
        for i, source in enumerate(self.sources):
            start, end = before(step * n, i), before((step + 1) * n, i)
            found += source.draw(self.seed, step, start, end - start) if end > start else []
        return found

    def held_out(self, n: int) -> list[Asked]:
        """About ``n`` prompts to measure on, as many of each source, those of one name counted as one."""
        names = list(dict.fromkeys(source.name for source in self.sources))
        found = []
        for name in names:
            own = [source for source in self.sources if source.name == name]
            for source in own:
                found += source.held_out(self.seed, -(-n // (len(names) * len(own))))
        return found


def task_sources(tasks: Sequence[Task], languages: Sequence[Lang], fits: Fits) -> list[Source]:
    """A source for each task, language that it has, and set of wordings that training is asked in.

    Raises:
        UserError: as ``TaskSource``; or a task has none of the languages.
    """
    found: list[Source] = []
    for task in tasks:
        spoken = [language for language in languages if language in task.languages]
        if not spoken:
            raise UserError(
                tr(
                    f"{task.name} is not asked in {', '.join(languages)}.",
                    f"{task.name} não é perguntada em {', '.join(languages)}.",
                ),
                tr("It has: ", "Tem: ") + ", ".join(task.languages),
            )
        found += [
            TaskSource(task, language, wording, fits)
            for language in spoken
            for wording in WORDINGS
            if wording in task.wordings
        ]
    return found


def read_prompts(paths: Sequence[Path], problems: Problems, language: Lang) -> Iterator[Asked]:
    """The prompts of JSONL, JSON and Parquet files; what is none is counted and named in ``problems``.

    Args:
        language: that numbers are read in.

    Raises:
        UserError: as ``read_records``.
    """
    return read_records(paths, lambda record: _prompt(record, language), problems)


def _prompt(record: Record, language: Lang) -> Asked:
    value = record.value
    field = next((field for field in ("prompt", "messages", "conversations", "question") if field in value), None)
    if field is None:
        fields = ", ".join(repr(key) for key in list(value)[:8])
        raise BadRecord(
            tr(f"neither 'prompt' nor 'messages'; there are: {fields}", f"não há 'prompt' nem 'messages'; há: {fields}")
        )
    messages = [*system(value), *_turns(value, field)]
    check_turns(messages, to_answer=True)
    if not messages[-1].content.strip():
        raise BadRecord(tr("the prompt is empty", "o prompt está vazio"))
    return Asked(
        tuple(messages), _file(record.source), _checker(value, messages, "en" if field == "question" else language)
    )


def _file(source: str) -> str:
    """The name of the file in ``path:line``."""
    return Path(source.rpartition(":")[0]).name


def _turns(value: Mapping[str, Any], field: str) -> list[Message]:
    if isinstance(value[field], str):
        return [Message("user", content_of(value[field], f"{field!r}", f"{field!r}"))]
    return turns(value, field)


def _checker(value: Mapping[str, Any], messages: list[Message], language: Lang) -> Callable[[str], bool] | None:
    """What tells whether a reply gives the line's ``answer``; None where it has none."""
    given = value.get("answer")
    if given is None:
        return None
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if is_number:
        given = str(given)
    answer = content_of(given, "'answer'", "'answer'").rpartition(MARK)[2].strip()
    if not answer:
        raise BadRecord(tr("the answer is empty", "a resposta está vazia"))
    problem = Problem("prompts", messages[-1].content, answer, language, "train", "")
    found = Decimal(given) if is_number else whole_number(answer, language)
    if found is None or not found.is_finite():
        return partial(same_text, problem)
    return partial(same_number, replace(problem, answer=f"{found:f}"))


def _up_to_the_end(problems: Iterator[Problem]) -> Iterator[Problem]:
    """The problems; that there are no more of them is no error."""
    try:
        yield from problems
    except UserError:
        return
