"""Exact arithmetic in the notation of the question: ``3,5*2`` is 7, ``0,1+0,2`` is 0,3.

    sum      =  product { ("+" | "-") product }
    product  =  signed { ("*" | "/") signed  |  "de" signed }      "de" ("of") only after a percent sign
    signed   =  ("+" | "-") signed  |  power                       so -2^2 is -4
    power    =  percent [ "^" signed ]                             from the right: 2^3^2 is 2^9
    percent  =  primary { "%" }
    primary  =  number  |  "(" sum ")"  |  "sqrt" "(" sum ")"

``x × ·`` are ``*``, ``÷`` is ``/``, ``**`` is ``^``, U+2212 is ``-``; ``raiz`` and ``√`` are ``sqrt``. A percent sign
divides by a hundred and nothing more: ``10%`` is 0.1, ``10% de 200`` is 20, and ``200 + 10%`` is 200.1. ``0^0`` is 1.

Values are fractions, so + - * / and whole powers are exact. A result whose decimal expansion does not end is rounded,
and says so: ``≈`` and 12 significant digits. Square roots that are not fractions are rounded to 30 digits on the way;
the whole is computed again with 40, and a result on which the two differ (nothing but rounding is left in it) is
refused. Length, depth and digits are bounded, so that every expression is answered in milliseconds.
"""

import re
from collections.abc import Iterable
from decimal import Context, Decimal
from fractions import Fraction
from math import isqrt

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.tools.notation import MAX_DIGITS, DecimalSign, Language, decimal_sign, read, rounded, write

MAX_LENGTH = 1000
"""Characters of an expression."""
MAX_DEPTH = 50
"""Parentheses, signs and powers inside each other."""

_ROOT_DIGITS = (30, 40)
_MAX_BITS = (10**MAX_DIGITS).bit_length()
_TOKEN = re.compile(r"(?P<number>[.,]?[0-9]+(?:[.,][0-9]+)*)|(?P<word>[^\W\d_]+)|\*\*|\S")
_SYNONYMS = {
    **dict.fromkeys("x×·", "*"),
    "÷": "/",
    "**": "^",
    "\N{MINUS SIGN}": "-",
    "of": "de",
    "raiz": "sqrt",
    "√": "sqrt",
}
_SYMBOLS = {"+", "-", "*", "/", "^", "%", "(", ")", "de", "sqrt"}


def calculate(expression: str, language: Language) -> str:
    """The value of an expression, as text in the expression's own notation.

    Raises:
        UserError: the expression is not one, has no value, or is too large.
    """
    tokens = _tokens(expression)
    sign = decimal_sign((token for token in tokens if token not in _SYMBOLS), language)
    first, second = (_Evaluation(tokens, sign, digits) for digits in _ROOT_DIGITS)
    value = first.whole()
    if not first.inexact:
        return write(value, sign)
    answer = rounded(value, sign)
    if answer != rounded(second.whole(), sign):
        raise UserError(
            tr("nothing but rounding is left in the result", "do resultado não sobra nada além do arredondamento")
        )
    return answer


def _tokens(expression: str) -> list[str]:
    """Numbers as they are written, and the one name of each symbol."""
    if len(expression) > MAX_LENGTH:
        raise UserError(
            tr(
                f"the expression has {len(expression)} characters; at most {MAX_LENGTH} are read",
                f"a expressão tem {len(expression)} caracteres; leio no máximo {MAX_LENGTH}",
            )
        )
    tokens = []
    for match in _TOKEN.finditer(expression):
        text = match[0].lower()
        token = _SYNONYMS.get(text, text)
        if match["number"] is None and token not in _SYMBOLS:
            place = match.start() + 1
            raise UserError(
                tr(f"cannot read {match[0]!r} (character {place})", f"não sei ler {match[0]!r} (caractere {place})")
            )
        tokens.append(token)
    if not tokens:
        raise UserError(tr("the expression is empty", "a expressão está vazia"))
    return tokens


class _Evaluation:
    """One reading of the tokens, by recursive descent; values are computed as they are met."""

    def __init__(self, tokens: list[str], sign: DecimalSign, root_digits: int) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._sign: DecimalSign = sign
        self._roots = Context(prec=root_digits)
        self.inexact = False  # a root was rounded

    def whole(self) -> Fraction:
        value = self._sum()
        if self._at < len(self._tokens):
            raise self._unexpected()
        return value

    def _sum(self) -> Fraction:
        value = self._product()
        while operator := self._take(("+", "-")):
            right = self._product()
            value = _bounded(value + right if operator == "+" else value - right)
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while operator := self._take(("*", "/", "de") if self._tokens[self._at - 1] == "%" else ("*", "/")):
            right = self._signed()
            value = _bounded(_quotient(value, right) if operator == "/" else value * right)
        return value

    def _signed(self) -> Fraction:
        self._depth += 1  # every way down the grammar comes through here
        if self._depth > MAX_DEPTH:
            raise UserError(
                tr(
                    f"more than {MAX_DEPTH} parentheses, signs or powers inside each other",
                    f"mais de {MAX_DEPTH} parênteses, sinais ou potências uns dentro dos outros",
                )
            )
        sign = self._take(("+", "-"))
        value = self._power() if sign is None else self._signed()
        self._depth -= 1
        return -value if sign == "-" else value

    def _power(self) -> Fraction:
        base = self._percent()
        return _power(base, self._signed()) if self._take(("^",)) else base

    def _percent(self) -> Fraction:
        value = self._primary()
        while self._take(("%",)):
            value = _bounded(value / 100)
        return value

    def _primary(self) -> Fraction:
        if self._take(("(",)):
            return self._closed()
        if self._take(("sqrt",)):
            if not self._take(("(",)):
                raise self._unexpected()
            return self._root(self._closed())
        if self._at == len(self._tokens) or self._tokens[self._at] in _SYMBOLS:
            raise self._unexpected()
        self._at += 1
        return read(self._tokens[self._at - 1], self._sign)

    def _closed(self) -> Fraction:
        """What stands after an open parenthesis, and the parenthesis that closes it."""
        value = self._sum()
        if not self._take((")",)):
            raise self._unexpected()
        return value

    def _root(self, value: Fraction) -> Fraction:
        if value < 0:
            raise UserError(tr("square root of a negative number", "raiz quadrada de número negativo"))
        top, bottom = isqrt(value.numerator), isqrt(value.denominator)
        if (top * top, bottom * bottom) == value.as_integer_ratio():
            return Fraction(top, bottom)
        self.inexact = True
        number = self._roots.divide(Decimal(value.numerator), Decimal(value.denominator))
        return _bounded(Fraction(self._roots.sqrt(number)))

    def _take(self, symbols: Iterable[str]) -> str | None:
        """The next token if it is one of these, which is then read."""
        if self._at < len(self._tokens) and self._tokens[self._at] in symbols:
            self._at += 1
            return self._tokens[self._at - 1]
        return None

    def _unexpected(self) -> UserError:
        if self._at == len(self._tokens):
            return UserError(tr("the expression is not finished", "a expressão está incompleta"))
        token = self._tokens[self._at]
        return UserError(
            tr(f"{token} is out of place (item {self._at + 1})", f"{token} está fora do lugar (item {self._at + 1})")
        )


def _quotient(left: Fraction, right: Fraction) -> Fraction:
    if not right:
        raise UserError(tr("division by zero", "divisão por zero"))
    return left / right


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        raise UserError(tr("the exponent is not a whole number", "o expoente não é um número inteiro"))
    if not base and exponent < 0:
        raise UserError(tr("division by zero", "divisão por zero"))
    bits = max(base.numerator.bit_length(), base.denominator.bit_length()) - 1  # so the power has at least n * bits
    if bits * abs(exponent.numerator) > _MAX_BITS:
        raise _too_large()
    return _bounded(Fraction(base**exponent.numerator))


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise _too_large()
    return value


def _too_large() -> UserError:
    return UserError(
        tr(
            f"a number on the way has more than {MAX_DIGITS} digits",
            f"um número no meio do cálculo tem mais de {MAX_DIGITS} algarismos",
        )
    )
