"""Calendar dates as people ask for them: read, write, count days, move by days and months.

A date is dd/mm/yyyy (the day first, in both languages), ISO (yyyy-mm-dd), or "hoje" or "today". It is written with its
day of the week: ``25/11/2026, quarta-feira`` or ``2026-11-25, Wednesday``.
"""

import calendar
import re
from datetime import date, timedelta

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.tools.notation import Language

_DAY_FIRST = re.compile(r"(?P<day>[0-9]{1,2})/(?P<month>[0-9]{1,2})/(?P<year>[0-9]{4})")
_ISO = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
_DAYS: dict[Language, tuple[str, ...]] = {
    "pt": ("segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}


def read_date(text: str, today: date) -> date:
    """The date that a text names.

    Raises:
        UserError: it is not in one of the forms, or there is no such day.
    """
    text = text.strip()
    if text.lower() in ("hoje", "today"):
        return today
    match = _DAY_FIRST.fullmatch(text) or _ISO.fullmatch(text)
    if match is None:
        raise UserError(
            tr(
                f"{text!r} is not a date: write dd/mm/yyyy or yyyy-mm-dd",
                f"{text!r} não é uma data: escreva dd/mm/aaaa ou aaaa-mm-dd",
            )
        )
    try:
        return date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        raise UserError(tr(f"there is no day {text}", f"o dia {text} não existe")) from None


def write_date(day: date, language: Language) -> str:
    """A date and its day of the week."""
    written = f"{day.day:02d}/{day.month:02d}/{day.year:04d}" if language == "pt" else day.isoformat()
    return f"{written}, {day_of_week(day, language)}"


def day_of_week(day: date, language: Language) -> str:
    """``quarta-feira`` or ``Wednesday``."""
    return _DAYS[language][day.weekday()]


def days_between(start: date, end: date, language: Language) -> str:
    """How many days after ``start`` is ``end``: ``36 dias``; negative where it is before."""
    count = (end - start).days
    one, many = ("dia", "dias") if language == "pt" else ("day", "days")
    return f"{count} {one if abs(count) == 1 else many}"


def add(day: date, *, days: int, months: int) -> date:
    """The date some months and then some days later (earlier: negative).

    Where the month is too short for the day, its last day is meant: January 31 and one month is February 28 or 29.

    Raises:
        UserError: the date would be before year 1 or after year 9999.
    """
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    try:
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(day.day, last)) + timedelta(days=days)
    except (ValueError, OverflowError):
        raise UserError(tr("the date is outside the years 1 to 9999", "a data fica fora dos anos 1 a 9999")) from None
