"""Numbers as Portuguese and English write them, 1.234,5 and 1,234.5, told apart by one rule.

An expression has one notation, named by its decimal sign. Each number leaves one or both possible: ``3,5``, ``0,125``,
``1.234.567`` and ``1.234,5`` can only have a decimal comma; ``3.5``, ``0.125`` and ``1,234.5`` only a decimal point;
``12``, ``1.234`` and ``1,234`` may be either. What is possible for all of them is the notation; where that is both, the
language decides (so ``1.234`` alone is 1234 in Portuguese and a little more than one in English); where it is neither,
that is an error. The answer is written in the notation of the question, without thousands separators.
"""

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Literal

from prosa.core.errors import UserError
from prosa.core.language import tr

Language = Literal["pt", "en"]
DecimalSign = Literal[",", "."]

MAX_DIGITS = 1000
"""Numbers are exact up to this many digits, and a decimal expansion is written in full up to this many places."""
SIGNIFICANT = 12
"""Significant digits of a result that is rounded; such a result begins with ``≈``."""

_OF_LANGUAGE: dict[Language, DecimalSign] = {"pt": ",", "en": "."}
_GROUPING: dict[DecimalSign, str] = {",": ".", ".": ","}
_FORMS: dict[DecimalSign, re.Pattern[str]] = {
    ",": re.compile(r"(?:[0-9]*|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)(?:,[0-9]+)?"),
    ".": re.compile(r"(?:[0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.[0-9]+)?"),
}


def decimal_sign(numbers: Iterable[str], language: Language) -> DecimalSign:
    """The notation of an expression, from the numbers in it.

    Raises:
        UserError: something is a number in neither notation, or two numbers are in different ones.
    """
    possible = set(_FORMS)
    for number in numbers:
        fitting = {sign for sign, form in _FORMS.items() if form.fullmatch(number)}
        if not fitting:
            raise UserError(tr(f"{number} is not a number", f"{number} não é um número"))
        possible &= fitting
        if not possible:
            raise UserError(
                tr(
                    f"decimal commas and decimal points are mixed (at {number})",
                    f"há vírgula decimal e ponto decimal misturados (em {number})",
                )
            )
    return possible.pop() if len(possible) == 1 else _OF_LANGUAGE[language]


def read(number: str, sign: DecimalSign) -> Fraction:
    """The value of a number in its notation."""
    whole, _, decimals = number.replace(_GROUPING[sign], "").partition(sign)
    return Fraction(int(whole + decimals), 10 ** len(decimals))


def write(value: Fraction, sign: DecimalSign) -> str:
    """All digits of a value where its decimal expansion ends within ``MAX_DIGITS`` places, else ``rounded``."""
    places = _places(value.denominator)
    if places is None or places > MAX_DIGITS:
        return rounded(value, sign)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    whole, decimals = (digits[:-places], sign + digits[-places:]) if places else (digits, "")
    return "-" * (value < 0) + whole + decimals


def rounded(value: Fraction, sign: DecimalSign) -> str:
    """A value to ``SIGNIFICANT`` digits, halves away from zero: ``≈ 0,333333333333``, ``≈ 3,33333333333 × 10^49``."""
    context = Context(prec=SIGNIFICANT, rounding=ROUND_HALF_UP)
    number = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    power = number.adjusted()
    if -6 <= power < SIGNIFICANT:
        text, scale = f"{number:f}", ""
    else:
        text, scale = f"{number.scaleb(-power, context):f}", f" × 10^{power}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "≈ " + text.replace(".", sign) + scale


def _places(denominator: int) -> int | None:
    """Decimal places of a fraction in lowest terms; None: its expansion never ends."""
    twos = fives = 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    return max(twos, fives) if denominator == 1 else None
