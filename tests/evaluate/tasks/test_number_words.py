"""Numbers in Portuguese words, against a table written by hand."""

import re

import pytest

from prosa.evaluate.tasks.number_words import figures, spellings
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.registry import TASKS

BRAZIL = {
    0: "zero",
    1: "um",
    2: "dois",
    3: "três",
    7: "sete",
    10: "dez",
    11: "onze",
    13: "treze",
    14: "catorze",
    15: "quinze",
    16: "dezesseis",
    17: "dezessete",
    18: "dezoito",
    19: "dezenove",
    20: "vinte",
    21: "vinte e um",
    32: "trinta e dois",
    40: "quarenta",
    55: "cinquenta e cinco",
    66: "sessenta e seis",
    77: "setenta e sete",
    88: "oitenta e oito",
    99: "noventa e nove",
    100: "cem",
    101: "cento e um",
    110: "cento e dez",
    123: "cento e vinte e três",
    200: "duzentos",
    316: "trezentos e dezesseis",
    450: "quatrocentos e cinquenta",
    500: "quinhentos",
    602: "seiscentos e dois",
    719: "setecentos e dezenove",
    880: "oitocentos e oitenta",
    999: "novecentos e noventa e nove",
    1_000: "mil",
    1_001: "mil e um",
    1_020: "mil e vinte",
    1_099: "mil e noventa e nove",
    1_100: "mil e cem",
    1_101: "mil cento e um",
    1_200: "mil e duzentos",
    1_234: "mil duzentos e trinta e quatro",
    1_900: "mil e novecentos",
    1_998: "mil novecentos e noventa e oito",
    2_000: "dois mil",
    2_020: "dois mil e vinte",
    2_100: "dois mil e cem",
    2_345: "dois mil trezentos e quarenta e cinco",
    10_000: "dez mil",
    21_001: "vinte e um mil e um",
    31_500: "trinta e um mil e quinhentos",
    100_000: "cem mil",
    100_100: "cem mil e cem",
    101_000: "cento e um mil",
    200_200: "duzentos mil e duzentos",
    293_572: "duzentos e noventa e três mil quinhentos e setenta e dois",  # the example of Cunha & Cintra
    999_999: "novecentos e noventa e nove mil novecentos e noventa e nove",
    1_000_000: "um milhão",
    1_000_001: "um milhão e um",
    1_000_100: "um milhão e cem",
    1_000_101: "um milhão cento e um",
    1_001_000: "um milhão e mil",
    1_001_001: "um milhão mil e um",
    1_020_300: "um milhão vinte mil e trezentos",
    1_100_000: "um milhão e cem mil",
    1_101_000: "um milhão cento e um mil",
    1_200_300: "um milhão duzentos mil e trezentos",
    1_500_000: "um milhão e quinhentos mil",
    2_000_015: "dois milhões e quinze",
    3_014_016: "três milhões catorze mil e dezesseis",
    100_000_000: "cem milhões",
    100_000_001: "cem milhões e um",
    101_000_000: "cento e um milhões",
    123_456_789: "cento e vinte e três milhões quatrocentos e cinquenta e seis mil setecentos e oitenta e nove",
    500_000_000: "quinhentos milhões",
    999_999_999: "novecentos e noventa e nove milhões novecentos e noventa e nove mil novecentos e noventa e nove",
}


@pytest.mark.parametrize(("n", "words"), BRAZIL.items())
def test_in_brazil(n, words):
    assert spellings(n, "pt-BR")[0] == words


@pytest.mark.parametrize(
    ("n", "brazil", "portugal"),
    [
        (14, ("catorze", "quatorze"), ("catorze",)),
        (16, ("dezesseis",), ("dezasseis",)),
        (17, ("dezessete",), ("dezassete",)),
        (18, ("dezoito",), ("dezoito",)),
        (19, ("dezenove",), ("dezanove",)),
        (619, ("seiscentos e dezenove",), ("seiscentos e dezanove",)),
        (14_016, ("catorze mil e dezesseis", "quatorze mil e dezesseis"), ("catorze mil e dezasseis",)),
        (17_000_017, ("dezessete milhões e dezessete",), ("dezassete milhões e dezassete",)),
    ],
)
def test_where_brazil_and_portugal_differ(n, brazil, portugal):
    assert spellings(n, "pt-BR") == brazil
    assert spellings(n, "pt-PT") == portugal


@pytest.mark.parametrize("n", [-1, 1_000_000_000])
def test_out_of_range(n):
    with pytest.raises(ValueError, match=r"0\.\.999999999"):
        spellings(n, "pt-BR")


def read(words):
    """An independent reader: the words' values added up; what comes before mil and milhão is a factor."""
    values = {w: n for n, w in BRAZIL.items() if " " not in w and n < 1000}
    values |= {"cento": 100, "trinta": 30, "cinquenta": 50, "sessenta": 60, "setenta": 70, "oitenta": 80, "noventa": 90}
    values |= {"quatro": 4, "cinco": 5, "seis": 6, "oito": 8, "nove": 9, "doze": 12, "trezentos": 300}
    values |= {"quatrocentos": 400, "seiscentos": 600, "setecentos": 700, "oitocentos": 800, "novecentos": 900}
    total = group = 0
    for word in words.split():
        if word == "mil":
            total, group = total + max(group, 1) * 1000, 0
        elif word.startswith("milh"):
            total, group = group * 1_000_000, 0
        elif word != "e":
            group += values[word]
    return total + group


def test_every_number_reads_back():
    for n in (*range(2200), *range(9_900, 21_100, 7), *range(98_000, 999_999_999, 39_916_801 // 40)):
        assert read(spellings(n, "pt-BR")[0]) == n


def test_figures():
    assert figures(1_234_567, "pt-BR") == "1.234.567"
    assert figures(1_234_567, "en") == "1,234,567"
    assert figures(12, "en") == "12"


def test_the_prompts_portuguese_decides_which_spelling_is_right():
    task = TASKS["number-to-words"]
    found = {"Brasil": 0, "Portugal": 0}
    for p in task.problems("test", seed=0, n=3000):
        country = "Portugal" if "Portugal" in p.prompt else "Brasil"
        here, there = ("deza", "deze") if country == "Portugal" else ("deze", "deza")
        other = re.sub(f"{here}(sseis|ssete|nove)", rf"{there}\1", p.answer)
        if other != p.answer:
            assert not task.check(p, other)
            found[country] += 1
    assert min(found.values()) > 10


def test_the_e_rules_are_judged_and_commas_are_not():
    task = TASKS["number-to-words"]
    p = Problem(task.name, "?", "um milhão duzentos mil e trezentos", "pt-BR", "test", "k")
    assert task.check(p, "Um milhão, duzentos mil e trezentos.")
    for wrong in (
        "um milhão e duzentos mil e trezentos",
        "um milhão duzentos mil trezentos",
        "milhão duzentos mil e trezentos",
        "duzentos mil e trezentos",
    ):
        assert not task.check(p, wrong)


def test_all_lengths_and_round_numbers_come_up():
    numbers = [int(p.answer) for p in TASKS["words-to-number"].problems("test", seed=0, n=2000)]
    lengths = {len(str(n)) for n in numbers}
    assert lengths == set(range(1, 10))
    assert sum(n >= 1000 and n % 100 == 0 for n in numbers) > 100
    assert sum(n >= 1000 and 0 < n % 1000 < 100 for n in numbers) > 200


def test_both_directions_hold_out_the_same_numbers():
    to_words = {p.key for p in TASKS["number-to-words"].problems("train", seed=0, n=4000)}
    to_figures = {p.key for p in TASKS["words-to-number"].problems("test", seed=0, n=2000)}
    assert not to_words & to_figures
    assert "number:16" in to_words
