"""Dates against facts of the calendar, and against adding one day at a time."""

from datetime import date, timedelta

import pytest

from prosa.core.errors import UserError
from prosa.generate.tools.dates import add, day_of_week, days_between, read_date, write_date

TODAY = date(2026, 11, 25)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("25/12/2026", date(2026, 12, 25)),
        ("5/3/2026", date(2026, 3, 5)),
        ("05/03/2026", date(2026, 3, 5)),
        ("2026-03-05", date(2026, 3, 5)),
        (" 29/02/2024 ", date(2024, 2, 29)),
        ("01/01/0001", date(1, 1, 1)),
        ("hoje", TODAY),
        ("Hoje", TODAY),
        ("today", TODAY),
    ],
)
def test_read(text, expected):
    assert read_date(text, TODAY) == expected


@pytest.mark.parametrize("text", ["30/02/2026", "29/02/2026", "12/25/2026", "00/01/2026", "2026-13-01", "01/01/0000"])
def test_a_day_that_does_not_exist(text):
    with pytest.raises(UserError, match=f"there is no day {text}"):
        read_date(text, TODAY)


@pytest.mark.parametrize(
    "text", ["", "25/12/26", "25-12-2026", "2026/12/25", "2026-1-1", "amanhã", "25/12", "٢٥/12/2026", "1" * 10**6]
)
def test_what_is_not_a_date(text):
    with pytest.raises(UserError, match="is not a date: write dd/mm/yyyy or yyyy-mm-dd"):
        read_date(text, TODAY)


def test_write_in_both_languages():
    assert write_date(TODAY, "pt") == "25/11/2026, quarta-feira"
    assert write_date(TODAY, "en") == "2026-11-25, Wednesday"
    assert write_date(date(987, 6, 5), "pt").startswith("05/06/0987")


@pytest.mark.parametrize(
    ("day", "pt", "en"),
    [
        (date(1822, 9, 7), "sábado", "Saturday"),  # the independence of Brazil
        (date(1969, 7, 20), "domingo", "Sunday"),  # the Moon
        (date(2000, 1, 1), "sábado", "Saturday"),
        (date(2024, 2, 29), "quinta-feira", "Thursday"),
        (date(2026, 11, 23), "segunda-feira", "Monday"),
        (date(2026, 11, 24), "terça-feira", "Tuesday"),
        (date(2026, 11, 27), "sexta-feira", "Friday"),
    ],
)
def test_day_of_the_week(day, pt, en):
    assert (day_of_week(day, "pt"), day_of_week(day, "en")) == (pt, en)


def test_days_between():
    christmas = date(2026, 12, 25)
    assert days_between(TODAY, christmas, "pt") == "30 dias"
    assert days_between(christmas, TODAY, "pt") == "-30 dias"
    assert days_between(TODAY, TODAY, "en") == "0 days"
    assert days_between(TODAY, date(2026, 11, 26), "pt") == "1 dia"
    assert days_between(TODAY, date(2026, 11, 24), "en") == "-1 day"
    assert days_between(date(2024, 1, 1), date(2025, 1, 1), "en") == "366 days"
    assert days_between(date(1, 1, 1), date(9999, 12, 31), "pt") == "3652058 dias"


@pytest.mark.parametrize(
    ("day", "days", "months", "expected"),
    [
        (date(2026, 1, 31), 0, 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 0, 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 0, 12, date(2025, 2, 28)),
        (date(2026, 3, 31), 0, -1, date(2026, 2, 28)),
        (date(2026, 1, 15), 0, -1, date(2025, 12, 15)),
        (date(2026, 12, 15), 0, 1, date(2027, 1, 15)),
        (date(2026, 11, 25), 0, 25, date(2028, 12, 25)),
        (date(2026, 1, 31), 1, 1, date(2026, 3, 1)),  # the months first
        (date(2026, 12, 31), 1, 0, date(2027, 1, 1)),
        (date(2026, 1, 1), -1, 0, date(2025, 12, 31)),
    ],
)
def test_add(day, days, months, expected):
    assert add(day, days=days, months=months) == expected


def test_adding_days_is_one_day_after_another():
    day = date(2023, 12, 30)
    for n in range(800):
        assert add(date(2023, 12, 30), days=n, months=0) == day
        day += timedelta(days=1)


@pytest.mark.parametrize(("days", "months"), [(0, 10**6), (0, -(10**30)), (10**30, 0), (-(10**7), 0), (0, 12 * 8000)])
def test_adding_beyond_the_calendar(days, months):
    with pytest.raises(UserError, match="outside the years 1 to 9999"):
        add(TODAY, days=days, months=months)
