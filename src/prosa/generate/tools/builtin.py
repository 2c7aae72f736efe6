"""The tools that come with Prosa: a calculator and four about dates."""

import datetime
from collections.abc import Callable
from dataclasses import replace

from prosa.generate.tools import dates
from prosa.generate.tools.calculator import calculate
from prosa.generate.tools.functions import Tool, from_function
from prosa.generate.tools.notation import Language

_IN_PORTUGUESE = {
    "calculator": "Aritmética exata.",
    "today": "A data de hoje e o dia da semana.",
    "day_of_week": "O dia da semana de uma data.",
    "days_between": "Quantos dias há de uma data a outra.",
    "add_to_date": "A data alguns meses e depois alguns dias após outra.",
}


def builtin_tools(language: Language, clock: Callable[[], datetime.date] = datetime.date.today) -> list[Tool]:
    """The calculator and the date tools, answering in a language; ``clock`` tells what day it is."""

    def calculator(expression: str) -> str:
        """Exact arithmetic.

        Args:
            expression: numbers with + - * / ^ ( ) % sqrt
        """
        return calculate(expression, language)

    def today() -> str:
        """Today's date and day of the week."""
        return dates.write_date(clock(), language)

    def day_of_week(date: str) -> str:
        """The day of the week of a date.

        Args:
            date: dd/mm/yyyy or yyyy-mm-dd
        """
        return dates.day_of_week(dates.read_date(date, clock()), language)

    def days_between(start: str, end: str) -> str:
        """How many days from one date to another.

        Args:
            start: dd/mm/yyyy or yyyy-mm-dd
            end: dd/mm/yyyy or yyyy-mm-dd
        """
        now = clock()
        return dates.days_between(dates.read_date(start, now), dates.read_date(end, now), language)

    def add_to_date(date: str, days: int = 0, months: int = 0) -> str:
        """The date some months and then some days after another.

        Args:
            date: dd/mm/yyyy or yyyy-mm-dd
            days: negative goes back
            months: negative goes back
        """
        return dates.write_date(dates.add(dates.read_date(date, clock()), days=days, months=months), language)

    functions: list[Callable[..., str]] = [calculator, today, day_of_week, days_between, add_to_date]
    tools = [from_function(function, bounded=True) for function in functions]
    if language == "en":
        return tools
    return [replace(tool, description=_IN_PORTUGUESE[tool.name]) for tool in tools]
