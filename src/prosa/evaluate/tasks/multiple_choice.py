"""Multiple choice: a problem of another task with its answer among three plausible wrong ones, A to D.

The wrong ones are what a half-right reply would say: a neighbouring number, another weekday, another person or tense of
the same verb, a plural by another rule. The place of the right answer is drawn, the four alike, so that blind guessing,
or always the same letter, is right a quarter of the time.

The key is the other task's: what is held out there is held out here. A reply is right that begins with the letter by
itself ("B", "B) 124") or names it ("a alternativa B", "the answer is B"; the last one named counts). A sentence that
begins with the Portuguese article "A" names no letter.
"""

import re
from collections.abc import Callable
from random import Random

from prosa.core.language import Lang
from prosa.evaluate.tasks.arithmetic import ARITHMETIC
from prosa.evaluate.tasks.conjugation import CONJUGATION, TENSES, conjugate
from prosa.evaluate.tasks.dates import WEEKDAY, WEEKDAYS
from prosa.evaluate.tasks.plurals import PLURALS
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.task import ENDLESS, Question, Task, Wordings

_LETTERS = "ABCD"
_NAMED = re.compile(
    r"\b(?i:alternativa|letra|opção|resposta|option|answer)"
    r"(?i:\W+(?:certa|correta|final|correct|é|is|a|the))*\W+([A-D])\b"
)
_BEGINS = re.compile(r"\W*([A-D])(?:\W*$|\s*[).:,-])", re.MULTILINE)


def _numbers(question: Question, language: Lang, random: Random) -> list[str]:
    """A unit off, or a carry forgotten or one too many; the right number is as often the greatest as the least."""
    less = random.randrange(4)
    errors = random.sample((-10, -2, -1), less) + random.sample((1, 2, 10), 3 - less)
    return [str(int(question.answer) + error) for error in errors]


def _weekdays(question: Question, language: Lang, random: Random) -> list[str]:
    return random.sample([day for day in WEEKDAYS[language] if day != question.answer], 3)


def _plurals(question: Question, language: Lang, random: Random) -> list[str]:
    """The noun with endings that other nouns take."""
    noun = question.fields["noun"]
    if noun.endswith("ão"):
        forms = [noun[:-2] + ending for ending in ("ões", "ães", "ãos", "ãoes", "ons")]
    else:
        forms = [noun + "s", noun + "es", noun[:-1] + "is", noun[:-1] + "ns", noun, noun + "ses"]
    right = (question.answer, *question.accepted)
    return [form for form in dict.fromkeys(forms) if form not in right][:3]


def _verb_forms(question: Question, language: Lang, random: Random) -> list[str]:
    """Other forms of the same verb."""
    verb = question.fields["verb"]
    forms = {form for tense in TENSES for form in conjugate(verb, tense)} - {question.answer, *question.accepted}
    return random.sample(sorted(forms), 3)


_SOURCES: tuple[tuple[tuple[Task, ...], Callable[[Question, Lang, Random], list[str]]], ...] = (
    (ARITHMETIC, _numbers),
    ((WEEKDAY,), _weekdays),
    ((PLURALS,), _plurals),
    ((CONJUGATION,), _verb_forms),
)


def _question(i: int, language: Lang) -> Question:
    random = Random(i)
    tasks, wrong = random.choice(_SOURCES)
    task = random.choice(tasks)
    number = random.randrange(task.size(language))
    asked = task.question(number, language)
    random = Random(f"{task.name}/{number}")  # the same problem always has the same options
    options = wrong(asked, language, random)
    place = random.randrange(len(_LETTERS))
    options.insert(place, asked.answer)
    fields = {
        "question": task.wordings["own"].train[language][0].format(**asked.fields),
        "query": task.wordings["own"].test[language][0].format(**asked.fields),
        "options": "\n".join(f"{letter}) {option}" for letter, option in zip(_LETTERS, options, strict=True)),
    }
    return Question(asked.key, fields, _LETTERS[place])


def _same_letter(problem: Problem, reply: str) -> bool:
    """Whether the reply names the right letter, by the rule above."""
    named: list[str] = _NAMED.findall(reply)
    if named:
        return named[-1] == problem.answer
    begins = _BEGINS.match(reply)
    return begins is not None and begins[1] == problem.answer


_WORDINGS = {
    "own": Wordings(
        train={
            "pt-BR": (
                "{question}\n{options}\nResponda com a letra.",
                "Escolha a resposta certa, A, B, C ou D: {question}\n{options}",
            ),
            "en": (
                "{question}\n{options}\nAnswer with the letter.",
                "Choose the right answer, A, B, C or D: {question}\n{options}",
            ),
        },
        test={
            "pt-BR": ("{query}\n{options}\nQual é a letra da alternativa correta?",),
            "en": ("{query}\n{options}\nWhich letter is the correct option?",),
        },
    )
}

MULTIPLE_CHOICE = Task("multiple-choice", lambda _: ENDLESS, _question, _same_letter, _WORDINGS)
