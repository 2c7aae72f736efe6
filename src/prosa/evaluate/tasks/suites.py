"""Small suites of what people try first: filling a gap, correcting a sentence, telling praise from blame.

They are a few dozen sentences written for Prosa, in everyday Portuguese and English, and for testing only. Their
intervals are wide: they tell a model that cannot from one that can, and do not rank two good ones.

``cloze``      one missing word. Right is the expected word, or another that was foreseen; a good word that nobody
               foresaw counts as wrong, so the score is a lower bound. It mixes knowing a fact and knowing the language.
``grammar``    correcting one mistake of the standard written language. Right is the foreseen correction and nothing
               else changed; case and the marks around the sentence are not judged. A fluent rewrite counts as wrong.
``sentiment``  positive or negative, half of each: guessing gives 50 %. The reviews are plain; irony is not tested.
"""

import re
from collections.abc import Callable

from prosa.evaluate.tasks.extract import final_text, same_text
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.shipped import Row, rows
from prosa.evaluate.tasks.task import Question, Task, Templates, Wordings


def suite(
    name: str, question: Callable[[Row], Question], judge: Callable[[Problem, str], bool], templates: Templates
) -> Task:
    """The task that asks about every row of ``data/<name>.jsonl``."""
    return Task(
        name,
        lambda language: len(rows(name, language)),
        lambda i, language: question(rows(name, language)[i]),
        judge,
        {"own": Wordings(train={}, test=templates)},
        test_only=True,
    )


def _cloze(row: Row) -> Question:
    """A reply may be the word, or the whole sentence with it."""
    sentence, right = row["sentence"], (row["answer"], *row.get("accepted", ()))
    filled = (sentence.replace("___", word) for word in right)
    return Question(f"cloze:{sentence}", {"sentence": sentence}, right[0], (*right[1:], *filled))


def _grammar(row: Row) -> Question:
    return Question(f"grammar:{row['wrong']}", {"wrong": row["wrong"]}, row["right"], tuple(row.get("accepted", ())))


def _sentiment(row: Row) -> Question:
    return Question(f"sentiment:{row['review']}", {"review": row["review"]}, row["label"])


def _same_side(problem: Problem, reply: str) -> bool:
    """Whether the reply calls the review what it is, and not also the contrary."""
    return set(re.findall("positiv|negativ", final_text(reply))) == {problem.answer[:7]}


SUITES = (
    suite(
        "cloze",
        _cloze,
        same_text,
        {
            "pt-BR": (
                "Que palavra falta? {sentence}",
                "Complete com uma palavra: {sentence}",
                "Escreva só a palavra que cabe no espaço: {sentence}",
            ),
            "en": ("Which word is missing? {sentence}", "Fill in one word: {sentence}"),
        },
    ),
    suite(
        "grammar",
        _grammar,
        same_text,
        {
            "pt-BR": (
                "Corrija a frase, mudando só o que está errado: {wrong}",
                "Há um erro nesta frase. Escreva a frase certa: {wrong}",
            ),
            "en": (
                "Correct the sentence, changing only what is wrong: {wrong}",
                "There is a mistake in this sentence. Write it correctly: {wrong}",
            ),
        },
    ),
    suite(
        "sentiment",
        _sentiment,
        _same_side,
        {
            "pt-BR": (
                "Esta opinião é positiva ou negativa? {review}",
                "Opinião de um cliente: {review}\nÉ positiva ou negativa?",
            ),
            "en": (
                "Is this review positive or negative? {review}",
                "A customer's review: {review}\nIs it positive or negative?",
            ),
        },
    ),
)
