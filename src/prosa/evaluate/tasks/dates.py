"""Dates from 1900 to 2099: the day of the week, the days from one date to another, the date so many days later.

Dates are written dd/mm/aaaa in Portuguese and yyyy-mm-dd in English prompts, where 03/04 would mean two things. Days
are counted as Python's ``datetime`` subtracts: from 1/1 to 2/1 it is one day.

Days between two dates and the second date from the first are the same fact, and are held out together.
"""

import re
from datetime import date, timedelta

from prosa.core.language import Lang
from prosa.evaluate.tasks.extract import chosen, same_number, same_text
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.task import Question, Task, Wordings
from prosa.tokenizers.chat import ToolCall

_FIRST, _LAST = date(1900, 1, 1), date(2099, 12, 31)
_DAYS = (_LAST - _FIRST).days + 1
_LONGEST = 400  # days between two dates

WEEKDAYS: dict[Lang, tuple[str, ...]] = {
    "pt-BR": (
        "segunda-feira",
        "terça-feira",
        "quarta-feira",
        "quinta-feira",
        "sexta-feira",
        "sábado",
        "domingo",
    ),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
MONTHS: dict[Lang, tuple[str, ...]] = {
    "pt-BR": (
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ),
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
}
_WRITTEN: dict[Lang, re.Pattern[str]] = {
    "pt-BR": re.compile(r"(?<![\w/])(?P<d>[0-9]{1,2})/(?P<m>[0-9]{1,2})/(?P<y>[0-9]{4})(?![\w/])"),
    "en": re.compile(r"(?<![\w-])(?P<y>[0-9]{4})-(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})(?![\w-])"),
}


def written(day: date, language: Lang) -> str:
    """The date in figures: 05/03/2024, or 2024-03-05 in English."""
    return day.strftime("%d/%m/%Y") if language == "pt-BR" else day.isoformat()


def in_full(day: date, language: Lang) -> str:
    """The date with the month's name: 5 de março de 2024, or March 5, 2024."""
    month = MONTHS[language][day.month - 1]
    return f"{day.day} de {month} de {day.year}" if language == "pt-BR" else f"{month} {day.day}, {day.year}"


def _weekday(i: int, language: Lang) -> Question:
    day = _FIRST + timedelta(i)
    name = WEEKDAYS[language][day.weekday()]
    short = (name.removesuffix("-feira"), name.replace("-", " ")) if name.endswith("-feira") else ()
    call = ToolCall("day_of_week", {"date": written(day, language)})
    return Question(f"weekday:{day}", {"date": written(day, language)}, name, short, call)


def _span(i: int, language: Lang) -> tuple[date, date, int]:
    start, days = divmod(i, _LONGEST)
    first = _FIRST + timedelta(start)
    return first, first + timedelta(days + 1), days + 1


def _between(i: int, language: Lang) -> Question:
    first, last, days = _span(i, language)
    fields = {"first": written(first, language), "last": written(last, language)}
    call = ToolCall("days_between", {"start": fields["first"], "end": fields["last"]})
    return Question(f"days:{first}:{last}", fields, str(days), call=call)


def _later(i: int, language: Lang) -> Question:
    first, last, days = _span(i, language)
    fields = {"first": written(first, language), "days": str(days)}
    call = ToolCall("add_to_date", {"date": fields["first"], "days": days})
    return Question(f"days:{first}:{last}", fields, written(last, language), (in_full(last, language),), call)


def _same_date(problem: Problem, reply: str) -> bool:
    """Whether the final answer is the date in figures, zeros before a single digit or not, or in full."""
    found = chosen(_WRITTEN[problem.language], reply)
    right = _WRITTEN[problem.language].fullmatch(problem.answer)
    if found and right:
        return all(int(found[part]) == int(right[part]) for part in "dmy")
    return same_text(problem, reply)


_WEEKDAY_WORDINGS = {
    "own": Wordings(
        train={
            "pt-BR": (
                "Que dia da semana é {date}?",
                "Diga o dia da semana de {date}.",
                "Em que dia da semana cai {date}?",
                "{date} é que dia?",
                "Dia da semana de {date}:",
                "Qual dia da semana foi ou será {date}?",
                "Em {date}, que dia da semana é?",
                "Segunda, terça, quarta...? Diga o de {date}.",
                "Preciso saber o dia da semana de {date}.",
            ),
            "en": ("What day of the week is {date}?", "Tell the day of the week of {date}."),
        },
        test={
            "pt-BR": ("A data {date} é que dia da semana?", "Qual é o dia da semana em {date}?"),
            "en": ("Which weekday is {date}?", "The date {date} falls on which day of the week?"),
        },
    )
}
_BETWEEN_WORDINGS = {
    "own": Wordings(
        train={
            "pt-BR": (
                "Quantos dias passam de {first} até {last}?",
                "Conte os dias de {first} a {last}, sem contar o primeiro.",
                "De {first} a {last} são quantos dias?",
                "Dias entre {first} e {last}:",
                "Quantos dias há de {first} até {last}?",
                "Começa em {first} e termina em {last}. Quantos dias dura?",
                "Faltam quantos dias de {first} para {last}?",
                "Hoje é {first}. Daqui a quantos dias é {last}?",
            ),
            "en": (
                "How many days pass from {first} to {last}?",
                "Today is {first}. In how many days is {last}?",
            ),
        },
        test={
            "pt-BR": (
                "Qual é a diferença, em dias, entre {first} e {last}?",
                "Se hoje é {first}, quantos dias faltam para {last}?",
            ),
            "en": (
                "What is the difference in days between {first} and {last}?",
                "If today is {first}, how many days are left until {last}?",
            ),
        },
    )
}
_LATER_WORDINGS = {
    "own": Wordings(
        train={
            "pt-BR": (
                "Que data é {days} dias depois de {first}?",
                "Some {days} dias a {first}. Que data dá?",
                "{first} mais {days} dias:",
                "Qual é a data {days} dias após {first}?",
                "Conte {days} dias a partir de {first}. Em que data cai?",
                "Daqui a {days} dias, contando de {first}, que data será?",
                "Hoje é {first}. Que data será daqui a {days} dias?",
            ),
            "en": (
                "What date is {days} days after {first}?",
                "Add {days} days to {first}. Which date is it?",
            ),
        },
        test={
            "pt-BR": (
                "Se hoje é {first}, qual será a data passados {days} dias?",
                "Partindo de {first}, avance {days} dias e escreva a data.",
            ),
            "en": (
                "If today is {first}, what will the date be once {days} days have passed?",
                "Starting from {first}, go {days} days forward and write the date.",
            ),
        },
    )
}

WEEKDAY = Task("weekday", lambda _: _DAYS, _weekday, same_text, _WEEKDAY_WORDINGS)
DATES = (
    WEEKDAY,
    Task("days-between", lambda _: (_DAYS - _LONGEST) * _LONGEST, _between, same_number, _BETWEEN_WORDINGS),
    Task("date-after", lambda _: (_DAYS - _LONGEST) * _LONGEST, _later, _same_date, _LATER_WORDINGS),
)
