"""The calculator against values worked out by hand, and against ``fractions.Fraction`` on random expressions."""

import random
import time
from decimal import Decimal
from fractions import Fraction

import pytest

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.generate.tools.calculator import MAX_DEPTH, MAX_LENGTH, calculate
from prosa.generate.tools.notation import MAX_DIGITS, SIGNIFICANT, decimal_sign, read, rounded, write

THIRD = "≈ 0,333333333333"

PORTUGUESE = {
    "3,5*2": "7",
    "3,5*2,1": "7,35",
    "1.234,5+1": "1235,5",
    "1.234": "1234",
    "1.234+1": "1235",
    "1.234.567 + 1": "1234568",
    "1.234.567,89 - 0,89": "1234567",
    "1234,567*1000": "1234567",
    "1,234*2": "2,468",
    "0,1+0,2": "0,3",
    ",5*4": "2",
    "10/4": "2,5",
    "1/3": THIRD,
    "2/3": "≈ 0,666666666667",
    "1/3*3": "1",
    "1/7": "≈ 0,142857142857",
    "10^13/3": "≈ 3,33333333333 × 10^12",
    "10^12/3": "≈ 333333333333",
    "1/(3*10^6)": "≈ 3,33333333333 × 10^-7",
    "1/(3*10^5)": "≈ 0,00000333333333333",
    "-2/3": "≈ -0,666666666667",
    "12 x 3": "36",
    "12X3": "36",
    "3x4": "12",
    "6×7": "42",
    "6·7": "42",
    "7÷2": "3,5",
    "2**10": "1024",
    "2^10": "1024",
    "2^3^2": "512",
    "(2^3)^2": "64",
    "2^-2": "0,25",
    "-2^2": "-4",
    "(-2)^2": "4",
    "−5+3": "-2",
    "5−−3": "8",
    "2*-3": "-6",
    "+3": "3",
    "--3": "3",
    "10%": "0,1",
    "10% de 200": "20",
    "10% DE 200 + 5": "25",
    "50+10% de 200": "70",
    "-10% de 200": "-20",
    "10% de 20% de 500": "10",
    "2*10% de 200": "40",
    "10% de 20^2": "40",
    "200+10%": "200,1",
    "10%^2": "0,01",
    "50%%": "0,005",
    "0^0": "1",
    "0,000001": "0,000001",
    "-0": "0",
    "5-5": "0",
    "1-0,9": "0,1",
    "100-99,99": "0,01",
    "-0,5": "-0,5",
    "007": "7",
    "1 + 2 - 3 * 4 / 5": "0,6",
    "8/4/2": "1",
    "8-4-2": "2",
    "2+3*4": "14",
    "(2+3)*4": "20",
    "((((7))))": "7",
    "\t1\n+\u00a02 ": "3",
    "raiz(9)": "3",
    "√(2,25)": "1,5",
    "sqrt(4/9)": "≈ 0,666666666667",
    "raiz(2)": "≈ 1,41421356237",
    "raiz(2)*raiz(2)": "≈ 2",
    "raiz(0)": "0",
    "(1+raiz(5))/2": "≈ 1,61803398875",
    "raiz(2)-raiz(2)": "≈ 0",
    "raiz(9)^2+1": "10",
    "3.5*2": "7",
    "3.5*2.1": "7.35",
    "1,234.5+1": "1235.5",
    "0.125*2": "0.25",
    "1.234*3.5": "4.319",
    "12.5%": "0.125",
    "2^100": "1267650600228229401496703205376",
    "1/2^20": "0,00000095367431640625",
    "99999999999999999999*99999999999999999999": "9999999999999999999800000000000000000001",
}

ENGLISH = {
    "3.5*2": "7",
    "3.5*2.1": "7.35",
    "1,234.5+1": "1235.5",
    "1.234+1": "2.234",
    "1,234+1": "1235",
    "1.234": "1.234",
    "1/3": "≈ 0.333333333333",
    "10% of 200": "20",
    "1/4": "0.25",
    "10^50/3": "≈ 3.33333333333 × 10^49",
    "3,5*2,1": "7,35",
    "1.234,5+1": "1235,5",
    "1,234*2,5": "3,085",
    "0,125*2": "0,25",
    "1.234.567+1": "1234568",
    "sqrt(2)": "≈ 1.41421356237",
}


@pytest.mark.parametrize(("expression", "answer"), PORTUGUESE.items())
def test_in_portuguese(expression, answer):
    assert calculate(expression, "pt") == answer


@pytest.mark.parametrize(("expression", "answer"), ENGLISH.items())
def test_in_english(expression, answer):
    assert calculate(expression, "en") == answer


WRONG = {
    "": "empty",
    " \n": "empty",
    "1/0": "division by zero",
    "1/(2-2)": "division by zero",
    "0^-1": "division by zero",
    "5 ÷ 0,0": "division by zero",
    "9^9^9^9": "more than 1000 digits",
    "-9^9^9^9": "more than 1000 digits",
    "0,1^9^9^9": "more than 1000 digits",
    "10^1001": "more than 1000 digits",
    "2^0,5": "exponent is not a whole number",
    "2^(1/2)": "exponent is not a whole number",
    "(" * 1_000_000 + "1" + ")" * 1_000_000: "has 2000001 characters; at most 1000",
    "(" * 450 + "1" + ")" * 450: "more than 50 parentheses",
    "-" * 900 + "1": "more than 50 parentheses, signs or powers",
    "2" + "^1" * 400: "more than 50 parentheses, signs or powers",
    "1" * 2000: "has 2000 characters",
    "(1+2": "not finished",
    "1+": "not finished",
    "2^": "not finished",
    "-": "not finished",
    "raiz(": "not finished",
    "raiz(4": "not finished",
    "1+2)": r"\) is out of place \(item 4\)",
    "()": r"\) is out of place \(item 2\)",
    ")": r"\) is out of place \(item 1\)",
    "*2": r"\* is out of place \(item 1\)",
    "2 3": r"3 is out of place \(item 2\)",
    "2(3)": r"\( is out of place",
    "%": "% is out of place",
    "10 de 200": "de is out of place",
    "(10%) de 200": "de is out of place",
    "raiz 9": "9 is out of place",
    "2 raiz(9)": "sqrt is out of place",
    "2+x": r"\* is out of place",
    "raiz(-1)": "square root of a negative number",
    "raiz(2)*raiz(2)-2": "nothing but rounding is left",
    "raiz(8)-2*raiz(2)": "nothing but rounding is left",
    "1/(raiz(8)-2*raiz(2))": "division by zero",
    "2+a": r"cannot read 'a' \(character 3\)",
    "1e5": r"cannot read 'e' \(character 2\)",
    "R$ 10": r"cannot read 'R' \(character 1\)",
    "2²": r"cannot read '²'",
    "٣+1": "cannot read '٣'",
    "__import__('os')": r"cannot read '_' \(character 1\)",
    "1;2": "cannot read ';'",
    "\ud800": r"cannot read '\\ud800'",
    "1.2.3": "1.2.3 is not a number",
    "1.23.456,7": "is not a number",
    "1,2,3": "is not a number",
    "0.123.456": "is not a number",
    "3,5+3.5": r"commas and decimal points are mixed \(at 3.5\)",
    "1.234.567*0.5": "are mixed",
    "12.": r"cannot read '.' \(character 3\)",
    "3,5*2 =": "cannot read '='",
}


@pytest.mark.parametrize(("expression", "problem"), WRONG.items(), ids=[text[:20] for text in WRONG])
def test_what_has_no_value_is_an_error_at_once(expression, problem):
    began = time.perf_counter()
    with pytest.raises(UserError, match=problem):
        calculate(expression, "pt")
    assert time.perf_counter() - began < 2  # a hang would be minutes; the machine may be busy


def test_messages_in_portuguese():
    with speaking("pt-BR"):
        with pytest.raises(UserError, match="divisão por zero"):
            calculate("1/0", "pt")
        with pytest.raises(UserError, match="fora do lugar"):
            calculate("1+2)", "en")


def test_the_bounds_are_where_they_are_said_to_be():
    inside = MAX_DEPTH - 1
    assert calculate("(" * inside + "1" + ")" * inside, "pt") == "1"
    with pytest.raises(UserError, match="inside each other"):
        calculate("(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH, "pt")
    assert calculate("9" * MAX_LENGTH, "pt") == "9" * MAX_LENGTH
    assert calculate(f"10^{MAX_DIGITS - 1}", "pt") == "1" + "0" * (MAX_DIGITS - 1)
    assert calculate("1+" * 499 + "1", "pt") == "500"  # long is not deep
    assert calculate("1^9999999999999999999999", "pt") == "1"
    assert calculate("(-1)^9999999999999999999999", "pt") == "-1"
    assert calculate("0^9999999999999999999999", "pt") == "0"
    assert calculate(f"1/2^{MAX_DIGITS}", "pt").startswith("0,000")
    assert calculate(f"1/2^{MAX_DIGITS + 1}", "pt") == "≈ 4,66631809252 × 10^-302"


def tree(generator: random.Random, sign: str, depth: int) -> tuple[str, Fraction, int]:
    """A random expression with as few parentheses as it needs: text, value, how tightly it binds (3: a number)."""
    if depth == 0 or generator.random() < 0.2:
        places = generator.choice([0, 0, 1, 2, 4])
        value = Fraction(generator.randrange(10**5), 10**places)
        return f"{Decimal(value.numerator) / Decimal(value.denominator):f}".replace(".", sign), value, 3
    left, a, tight_left = tree(generator, sign, depth - 1)
    right, b, tight_right = tree(generator, sign, depth - 1)
    operator = generator.choice("+-*/^%m")
    space = generator.choice(["", " "])

    def closed(text: str, yes: bool) -> str:
        return f"({text})" if yes else text

    if operator == "m":
        return f"-{closed(left, tight_left < 2)}", -a, 1  # a sign binds as a product does, and needs care on its right
    if operator == "%":
        return f"{closed(left, tight_left < 3)}%", a / 100, 3
    if operator == "^":
        power = generator.randrange(-2, 4)
        if not a and power < 0:
            power = 2
        return f"{closed(left, tight_left < 3)}^{power}", a**power, 2
    if operator in "+-":
        text = f"{left}{space}{operator}{space}{closed(right, tight_right < 1)}"
        return text, a + b if operator == "+" else a - b, 0
    if operator == "/" and not b:
        operator = "*"
    text = f"{closed(left, tight_left < 1)}{space}{operator}{space}{closed(right, tight_right < 2)}"
    return text, a * b if operator == "*" else a / b, 1


@pytest.mark.parametrize("sign", [",", "."])
def test_random_expressions_equal_fractions(sign):
    generator = random.Random(7)
    exact = 0
    for _ in range(600):
        text, value, _tight = tree(generator, sign, generator.randrange(1, 6))
        if len(text) > MAX_LENGTH or sign not in text:
            continue
        answer = calculate(text, "pt" if sign == "," else "en").replace(sign, ".")
        if answer.startswith("≈ "):
            mantissa, _, scale = answer.removeprefix("≈ ").partition(" × 10^")
            found = Fraction(mantissa) * Fraction(10) ** int(scale or 0)
            assert found != value
            assert abs(found - value) <= abs(value) * Fraction(1, 2 * 10 ** (SIGNIFICANT - 1)), text
        else:
            assert Fraction(answer) == value, text
            exact += 1
    assert exact > 100


def test_signs_and_spaces_change_nothing():
    generator = random.Random(3)
    for _ in range(100):
        text, _value, _tight = tree(generator, ",", 3)
        other = text.replace("*", " × ").replace("/", "÷").replace("-", "\N{MINUS SIGN}").replace("^", "**")
        assert calculate(f"(({other}))", "pt") == calculate(text, "pt")


@pytest.mark.parametrize(
    ("expression", "again"),
    [
        ("1/3", "0,333333333333"),
        ("-7/8", "-0,875"),
        ("10^50/3", "333333333333" + "0" * 38),
        ("1/(3*10^9)", "0,000000000333333333333"),
    ],
)
def test_an_answer_can_be_asked_again(expression, again):
    assert calculate(calculate(expression, "pt").removeprefix("≈ "), "pt") == again


def test_one_notation_for_an_expression():
    assert decimal_sign([], "pt") == ","
    assert decimal_sign(["1.234", "12"], "en") == "."
    assert decimal_sign(["1.234", "3.5"], "pt") == "."
    assert decimal_sign(["1,234", "3,5"], "en") == ","
    assert read("1.234.567,25", ",") == Fraction(123456725, 100)
    assert write(Fraction(-1, 8), ",") == "-0,125"
    assert rounded(Fraction(25, 2 * 10**12) + 1, ".") == "≈ 1.00000000001"  # 1.0000000000125
    assert rounded(Fraction(1_000_000_000_005, 10), ".") == "≈ 100000000001"  # halves away from zero
    assert rounded(-Fraction(1_000_000_000_005, 10), ".") == "≈ -100000000001"
