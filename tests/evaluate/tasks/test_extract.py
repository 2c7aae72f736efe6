"""The final answer of a reply: one rule, on the forms that models write."""

from decimal import Decimal

import pytest

from prosa.evaluate.tasks.extract import bare, final_number, final_text, same_list, same_number, same_text
from prosa.evaluate.tasks.problem import Problem


def problem(answer, language="pt-BR", accepted=()):
    return Problem("t", "?", answer, language, "test", "k", accepted)


@pytest.mark.parametrize(
    ("reply", "number"),
    [
        ("124", "124"),
        ("A: 12.", "12"),
        ("R: 12.", "12"),
        ("A:12", "12"),
        ("-19", "-19"),
        ("−19", "-19"),
        ("O resultado é -19.", "-19"),
        ("48 + 76 = 124", "124"),
        ("48+76=124.", "124"),
        ("34 - 53 = -19", "-19"),
        ("34-53", "53"),  # a minus between numbers is no sign
        ("(-19)", "-19"),
        ("A resposta é 124, porque 48 mais 76 são 124.", "124"),
        ("Resposta: 124. Conferindo: 124 - 76 = 48", "124"),
        ("**Resposta:** 42", "42"),
        ("**Resposta final**: 42", "42"),
        ("The answer is 7 because 3 + 4 = 7, not 8", "7"),
        ("A: 5 + 7 = 12", "12"),
        ("A: 5 mais 7 = 12", "12"),
        ("Primeiro 5, depois 7: somam 12", "12"),
        ("12 ou 13", "13"),  # two candidates, no marker: the last
        ("Resposta: 12 ou 13", "12"),  # and after a marker: the first
        ("A: 3\nA: 4", "4"),  # the last marker counts
        ("Dá 12. Resposta:", "12"),  # nothing after the marker: as without it
        ("1.234", "1234"),
        ("1.234.567", "1234567"),
        ("1.234,5", "1234.5"),
        ("3,5", "3.5"),
        ("12.5", "12.5"),  # no thousands dot: the other language's decimal mark
        ("1,234.5", "1234.5"),
        ("1,234,567", "1234567"),
        ("12,0", "12"),
        ("R$ 1.500,00", "1500"),
        ("42kg", "42"),
        ("#### 42", "42"),
        ("5 apples\n#### 1.000", "1000"),
        ("x12", None),
        ("1.23.4", None),
        ("não sei", None),
        ("", None),
    ],
)
def test_numbers_in_portuguese(reply, number):
    found = final_number(reply, "pt-BR")
    assert found == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("reply", "number"),
    [
        ("#### 42", "42"),
        ("She has 3 * 4 = <<3*4=12>>12 eggs.\n#### 12", "12"),
        ("So 10 + 5 = 15.\n#### 70,000", "70000"),
        ("#### 1,234.5", "1234.5"),
        ("1.234", "1.234"),
        ("1.234.567", "1234567"),
        ("3,5", "3.5"),
        ("The final answer is: -8.", "-8"),
        ("Answer: 1,000", "1000"),
        ("answer 12 or so", "12"),
    ],
)
def test_numbers_in_english(reply, number):
    assert final_number(reply, "en") == Decimal(number)


def test_a_number_is_exact():
    p = problem("1008")
    assert same_number(p, "1.008")
    for wrong in ("1009", "-1008", "1,008", "10,08", "1008,5", "108", "10 08", "mil e oito"):
        assert not same_number(p, wrong)
    assert same_number(problem("1008", "en"), "1,008")
    assert not same_number(problem("1008", "en"), "1.008")


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("Pães", "pães"),
        ("  “pães”. ", "pães"),
        ("**pães**", "pães"),
        ("Resposta: pães\nporque sim", "pães"),
        ("A resposta é pães.", "pães"),
        ("A resposta é: pães.", "pães"),
        ("the answer is Monday", "monday"),
        ("pa\u0303es", "pães"),  # decomposed
        ("mil   e\ncem", "mil e cem"),
        ("Resposta:", "resposta"),
    ],
)
def test_texts(reply, text):
    assert final_text(reply) == text


def test_a_text_must_be_the_whole_answer():
    p = problem("cem", accepted=("Cento",))
    assert same_text(p, "Cem.")
    assert same_text(p, "cento")
    for wrong in ("mil e cem", "cem mil", "ce", "", "é cem", "cêm"):
        assert not same_text(p, wrong)


def test_lists():
    p = problem("-12, 3, 40")
    for right in ("-12, 3, 40", "−12; 3; 40.", "-12 3 40", "-12, 3 e 40", "-12\n3\n40", "Resposta: -12, 3, 40"):
        assert same_list(p, right)
    for wrong in ("3, -12, 40", "-12, 3", "-12, 3, 40, 40", "12, 3, 40", "-12, 3, 4 0", "", "-12,3,400"):
        assert not same_list(p, wrong)
    assert same_list(problem("água, ajuda", "en"), "Água and ajuda")
    assert not same_list(problem("água, ajuda"), "agua, ajuda")


def test_bare_keeps_what_is_inside():
    assert bare(' "Guarda-chuva, d\'água!" ') == "guarda-chuva, d'água"


@pytest.mark.timeout(10)  # a pattern that backtracks would take minutes
@pytest.mark.parametrize("part", ["1 ", "1", "-", "A: ", "1,1", "(1+", "1.000.", "resposta "])
def test_hostile_replies_end(part):
    reply = part * 20_000
    assert final_number(reply, "pt-BR") is None or part[0] in "1A("
    assert final_text(reply) == bare(reply) or part == "A: "
