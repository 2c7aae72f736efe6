"""Dates against ``datetime``, and against days that are known."""

import re
from datetime import date, datetime, timedelta

import pytest

from prosa.evaluate.tasks.dates import in_full, written
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.registry import TASKS

FORMATS = {"pt-BR": ("%d/%m/%Y", r"\d\d/\d\d/\d{4}"), "en": ("%Y-%m-%d", r"\d{4}-\d\d-\d\d")}


def dates_in(prompt, language):
    form, pattern = FORMATS[language]
    return [datetime.strptime(text, form).date() for text in re.findall(pattern, prompt)]


@pytest.mark.parametrize(
    ("day", "portuguese", "english"),
    [
        (date(1900, 1, 1), "segunda-feira", "Monday"),
        (date(1969, 7, 20), "domingo", "Sunday"),  # the first steps on the moon
        (date(2000, 2, 29), "terça-feira", "Tuesday"),
        (date(2024, 2, 29), "quinta-feira", "Thursday"),
        (date(2099, 12, 31), "quinta-feira", "Thursday"),
    ],
)
def test_known_weekdays(day, portuguese, english):
    task = TASKS["weekday"]
    i = (day - date(1900, 1, 1)).days
    assert task.question(i, "pt-BR").answer == portuguese
    assert task.question(i, "en").answer == english
    assert task.question(i, "pt-BR").fields == {"date": day.strftime("%d/%m/%Y")}


@pytest.mark.parametrize("language", ["pt-BR", "en"])
def test_weekdays(language):
    names = ["segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo"]
    if language == "en":
        names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    for p in TASKS["weekday"].problems("test", seed=0, n=1000, language=language):
        (day,) = dates_in(p.prompt, language)
        assert p.answer.removesuffix("-feira") == names[day.weekday()]
        assert date(1900, 1, 1) <= day <= date(2099, 12, 31)


@pytest.mark.parametrize("language", ["pt-BR", "en"])
def test_days_between(language):
    for p in TASKS["days-between"].problems("test", seed=0, n=1000, language=language):
        first, last = dates_in(p.prompt, language)
        assert int(p.answer) == (last - first).days
        assert 1 <= int(p.answer) <= 400


@pytest.mark.parametrize("language", ["pt-BR", "en"])
def test_date_after(language):
    for p in TASKS["date-after"].problems("test", seed=0, n=1000, language=language):
        (first,) = dates_in(p.prompt, language)
        days = int(re.search(r"(\d+) (?:dias|days)", p.prompt)[1])
        assert p.answer == (first + timedelta(days)).strftime(FORMATS[language][0])


def test_the_last_questions_stay_in_range():
    for name in ("days-between", "date-after"):
        task = TASKS[name]
        assert task.question(task.size("en") - 1, "en").key == "days:2098-11-26:2099-12-31"
    assert TASKS["weekday"].question(TASKS["weekday"].size("en") - 1, "en").key == "weekday:2099-12-31"


def test_forms_of_a_date():
    day = date(2024, 3, 5)
    assert written(day, "pt-BR") == "05/03/2024"
    assert written(day, "en") == "2024-03-05"
    assert in_full(day, "pt-BR") == "5 de março de 2024"
    assert in_full(day, "en") == "March 5, 2024"


def test_dates_are_judged_as_dates():
    task = TASKS["date-after"]
    p = Problem(task.name, "?", "05/03/2024", "pt-BR", "test", "k", ("5 de março de 2024",))
    for right in ("05/03/2024", "5/3/2024.", "Será 05/03/2024", "5 de março de 2024", "De 01/03/2024 vai a 05/03/2024"):
        assert task.check(p, right)
    for wrong in (
        "03/05/2024",
        "05/03/2025",
        "05/03/24",
        "105/03/2024",
        "05/03/20245",
        "6/3/2024",
        "5 de maio de 2024",
    ):
        assert not task.check(p, wrong)
    assert not task.check(p, "Resposta: 06/03/2024. Não é 05/03/2024")  # the first after the marker counts
    english = Problem(task.name, "?", "2024-03-05", "en", "test", "k", ("March 5, 2024",))
    assert task.check(english, "2024-3-5")
    assert task.check(english, "March 5, 2024")
    assert not task.check(english, "05/03/2024")


def test_weekdays_are_judged_in_their_short_form_too():
    task = TASKS["weekday"]
    p = task.question((date(2024, 2, 29) - date(1900, 1, 1)).days, "pt-BR")
    problem = Problem(task.name, "?", p.answer, "pt-BR", "test", p.key, p.accepted)
    for right in ("quinta-feira", "Quinta", "quinta feira."):
        assert task.check(problem, right)
    for wrong in ("quarta-feira", "feira", "quintafeira", "quinta-feira ou sexta-feira", "Thursday"):
        assert not task.check(problem, wrong)


def test_the_two_sides_of_one_fact_are_held_out_together():
    between, after = TASKS["days-between"], TASKS["date-after"]
    for i in (0, 399, 400, 123_456, 9_999_999):
        assert between.question(i, "pt-BR").key == after.question(i, "en").key
