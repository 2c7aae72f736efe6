"""A user's own test: a file with a prompt and its right answer a line.

    {"prompt": "Qual é a capital do Brasil?", "answer": "Brasília"}
    {"question": "… How many clips did she sell?", "answer": "She sold 48/2 = 24 clips in May. … \\n#### 72"}

The second is the form of GSM8K (Cobbe et al. 2021, arXiv 2110.14168): what follows ``####`` is the answer. An answer
that is a number is compared as a number, any other as a text, by the rule of extract.py. GSM8K's form is in English
unless a language is given, the other in Portuguese.
"""

import unicodedata
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from prosa.core.language import Lang, tr
from prosa.corpus.problems import Problems
from prosa.data.records import BadRecord, Record, read_records
from prosa.evaluate.tasks.exam import Exam, check_count
from prosa.evaluate.tasks.extract import same_number, same_text, whole_number
from prosa.evaluate.tasks.problem import Problem

MARK = "####"


def read_exam(path: Path, problems: Problems, *, n: int, seed: int, language: Lang | None = None) -> Exam:
    """The exam of a file, by its name: ``n`` of its problems, drawn by ``seed``, or all in order where there are fewer.

    Args:
        problems: what could not be read is counted and named here.
        language: that numbers are read and instructions written in.

    Raises:
        UserError: as ``read_records``, or ``n`` is below 1.
    """
    check_count(n)
    name, numbers, prompts = path.name, set[str](), set[str]()

    def convert(record: Record) -> Problem:
        problem, is_number = _problem(record, name, language)
        if problem.prompt in prompts:
            raise BadRecord(tr("this is asked already", "isto já foi perguntado"))
        prompts.add(problem.prompt)
        if is_number:
            numbers.add(problem.key)
        return problem

    found = list(read_records([path], convert, problems))
    asked = found if len(found) <= n else Random(f"{name}/{seed}").sample(found, n)

    def check(problem: Problem, reply: str) -> bool:
        return (same_number if problem.key in numbers else same_text)(problem, reply)

    return Exam(name, tuple(asked), check, tuple(found))


def _problem(record: Record, name: str, language: Lang | None) -> tuple[Problem, bool]:
    """The problem of a line, and whether its answer is a number."""
    value = record.value
    if "prompt" in value:
        prompt, own = _text(value, "prompt"), language or "pt-BR"
    elif "question" in value:
        prompt, own = _text(value, "question"), language or "en"
    else:
        raise BadRecord(tr("neither 'prompt' nor 'question'", "nem 'prompt' nem 'question'"))
    given = value.get("answer")
    if isinstance(given, int | float) and not isinstance(given, bool):
        number: Decimal | None = Decimal(str(given))
        answer = str(given)
    else:
        answer = _text(value, "answer").rpartition(MARK)[2].strip()
        if not answer:
            raise BadRecord(tr(f"no answer after {MARK}", f"nenhuma resposta depois de {MARK}"))
        number = whole_number(answer, own)
    if number is not None and number.is_finite():
        answer = f"{number:f}"
    else:
        number = None
    return Problem(name, prompt, answer, own, "test", record.source), number is not None


def _text(value: dict[str, Any], field: str) -> str:
    text = value.get(field)
    if not isinstance(text, str) or not text.strip():
        raise BadRecord(tr(f"{field!r} is no text", f"{field!r} não é um texto"))
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise BadRecord(tr(f"{field!r} has half a character", f"{field!r} tem meio caractere"))
    return unicodedata.normalize("NFC", text.strip())
