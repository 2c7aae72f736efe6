"""A task: a numbered space of questions, the wordings they are put in, and the rule that judges a reply.

Question i is a pure function of i, so a seed only chooses an order. Test problems are the space's test side in a random
order without repetition, training problems are drawn from the other side with repetition: an endless stream without
memory. The same seed asks the same questions in every language and wording, which makes such comparisons paired.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from random import Random

from prosa.core.errors import UserError, unknown
from prosa.core.language import Lang, number, tr
from prosa.evaluate.tasks.problem import Problem, Split, split_of
from prosa.tokenizers.chat import ToolCall

ENDLESS = 2**48  # the size of a space whose question i is drawn with ``Random(i)``


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, before it is put into words.

    Attributes:
        key: what is held out together (see problem.py).
        fields: what the wordings' ``{names}`` stand for; equal fields are the same question.
        answer: the right answer.
        accepted: further right answers.
        call: the call of a built-in tool that finds the answer, where there is one.
    """

    key: str
    fields: Mapping[str, str]
    answer: str
    accepted: tuple[str, ...] = ()
    call: ToolCall | None = None


Templates = Mapping[Lang, tuple[str, ...]]


@dataclass(frozen=True)
class Wordings:
    """Ways of asking, for ``str.format`` with a question's fields. No wording is in both; a side may have none."""

    train: Templates
    test: Templates

    def of(self, split: Split) -> Templates:
        """The wordings of one side."""
        return self.train if split == "train" else self.test


@dataclass(frozen=True)
class Task:
    """A kind of problem.

    Attributes:
        size: how many questions there are in a language.
        question: question number 0 ≤ i < size in a language.
        judge: whether a reply is right.
        wordings: sets of wordings by name; every task has the set ``own``.
        test_only: a suite of a few fixed problems: all are test, none is for training.
    """

    name: str
    size: Callable[[Lang], int]
    question: Callable[[int, Lang], Question]
    judge: Callable[[Problem, str], bool]
    wordings: Mapping[str, Wordings]
    test_only: bool = False

    @property
    def languages(self) -> tuple[Lang, ...]:
        """The languages that problems can be asked in."""
        return tuple(self.wordings["own"].test)

    def check(self, problem: Problem, reply: str) -> bool:
        """Whether ``reply`` answers ``problem``. What a base model writes after its answer is to be cut off before."""
        return self.judge(problem, reply)

    def problems(
        self, split: Split, *, seed: int, n: int, language: Lang = "pt-BR", wording: str = "own"
    ) -> Iterator[Problem]:
        """``n`` problems, a pure function of the arguments; fewer are the beginning of more.

        Args:
            split: test problems are distinct; training problems may come again.
            seed: another seed gives another order, never another side.
            wording: the set of wordings.

        Raises:
            UserError: no such wording, language or side; or, on reaching it, the end of the distinct test problems.
        """
        worded = self._worded(split, seed, n, language, self._templates(split, language, wording))

        def counted() -> Iterator[Problem]:
            found = 0
            for problem in worded:
                yield problem
                found += 1
            if found < n:
                raise UserError(
                    tr(
                        f"{self.name} has {number(found)} distinct {split} problems in {language}, not {number(n)}.",
                        f"{self.name} tem {number(found)} problemas distintos de {split} em {language}, "
                        f"não {number(n)}.",
                    ),
                    tr("Ask for no more than there are.", "Peça no máximo os que existem."),
                )

        return counted()

    def up_to(self, n: int, *, seed: int, language: Lang = "pt-BR", wording: str = "own") -> list[Problem]:
        """The first ``n`` test problems of ``problems``, or all where there are fewer.

        Raises:
            UserError: no such wording or language.
        """
        return list(self._worded("test", seed, n, language, self._templates("test", language, wording)))

    def _worded(self, split: Split, seed: int, n: int, language: Lang, templates: tuple[str, ...]) -> Iterator[Problem]:
        random = Random(f"{self.name}/{split}/{seed}/wording")
        for q in islice(self._questions(split, seed, language), n):
            prompt = random.choice(templates).format(**q.fields)
            yield Problem(self.name, prompt, q.answer, language, split, q.key, q.accepted, q.call)

    def _templates(self, split: Split, language: Lang, wording: str) -> tuple[str, ...]:
        if wording not in self.wordings:
            raise unknown(tr("wording", "formulação"), wording, self.wordings)
        if language not in self.languages:
            raise unknown(tr(f"language of {self.name}", f"língua de {self.name}"), language, self.languages)
        templates = self.wordings[wording].of(split).get(language, ())
        if not templates:
            raise UserError(
                tr(
                    f"the wording {wording!r} of {self.name} is for testing only.",
                    f"a formulação {wording!r} de {self.name} é só para teste.",
                ),
                tr("Train on another task or wording.", "Treine com outra tarefa ou formulação."),
            )
        return templates

    def _side(self, question: Question) -> Split:
        return "test" if self.test_only else split_of(question.key)

    def _questions(self, split: Split, seed: int, language: Lang) -> Iterator[Question]:
        """The side's questions: of training without end, of test each once."""
        random = Random(f"{self.name}/{split}/{seed}")
        size = self.size(language)
        if split == "train":
            while True:
                question = self.question(random.randrange(size), language)
                if self._side(question) == split:
                    yield question
        seen: set[tuple[str, ...]] = set()  # two numbers of an endless space may be the same question
        for i in shuffled(size, random):
            question = self.question(i, language)
            fields = tuple(question.fields.values())
            if self._side(question) == split and fields not in seen:
                seen.add(fields)
                yield question


def shuffled(size: int, random: Random) -> Iterator[int]:
    """0..size-1 in random order, each once (Fisher and Yates 1938); only what was moved is kept: size may be huge."""
    moved: dict[int, int] = {}
    for last in range(size - 1, -1, -1):
        i = random.randrange(last + 1)
        yield moved.get(i, i)
        moved[i] = moved.pop(last, last)
