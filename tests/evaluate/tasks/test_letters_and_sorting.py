"""Counting letters, spelling, and putting in order: by hand, and against Python."""

import re
from itertools import pairwise

import pytest

from prosa.evaluate.tasks.letters import base_letters, pool
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.registry import TASKS


def problem(task, answer, language="pt-BR"):
    return Problem(task, "?", answer, language, "test", "k")


@pytest.mark.parametrize(
    ("word", "base"), [("maçã", "maca"), ("Água", "agua"), ("três", "tres"), ("pinguim", "pinguim"), ("avô", "avo")]
)
def test_base_letters(word, base):
    assert base_letters(word) == base


@pytest.mark.parametrize(
    ("word", "letter", "count"),
    [
        ("maçã", "a", 2),
        ("maçã", "c", 1),
        ("coração", "o", 2),
        ("coração", "a", 2),
        ("bênção", "e", 1),
        ("hífen", "i", 1),
    ],
)
def test_an_accented_letter_counts_as_its_letter(word, letter, count):
    task = TASKS["letter-count"]
    found = [q for i in range(task.size("pt-BR")) if (q := task.question(i, "pt-BR")).fields["word"] == word]
    counts = {q.fields["letter"]: int(q.answer) for q in found}
    assert counts.get(letter, count) == count
    assert all(base_letters(word).count(c) == n for c, n in counts.items())
    assert 0 in counts.values()


def test_every_count_and_that_the_rule_is_told():
    told = 0
    for language in ("pt-BR", "en"):
        for p in TASKS["letter-count"].problems("train", seed=0, n=500, language=language):
            letter = re.search(r'(?:[Ll]etras? |letters? |[Qq]uantos |aparece )"(\w)"', p.prompt)[1]
            word = next(w for w in re.findall(r"\w+", p.prompt) if w in pool(language) and f"word:{w}" == p.key)
            plain = word.translate(str.maketrans("áâãàéêíóôõúç", "aaaaeeiooouc"))
            assert int(p.answer) == sum(c == letter for c in plain)
            told += '"ç" conta como "c"' in p.prompt
    assert told == 500  # every Portuguese prompt, no English one


def test_no_constant_guess_is_right_in_half_of_the_cases():
    for language in ("pt-BR", "en"):
        task = TASKS["letter-count"]
        answers = [task.question(i, language).answer for i in range(task.size(language))]
        assert max(answers.count(a) for a in set(answers)) / len(answers) < 0.41


def test_spelling():
    task, p = TASKS["spelling"], problem("spelling", "m-a-ç-ã")
    for right in ("m-a-ç-ã", "M-A-Ç-Ã", "m a ç ã", "m, a, ç, ã.", "m - a - ç - ã", "Resposta: m-a-ç-ã"):
        assert task.check(p, right)
    for wrong in ("maçã", "m-a-c-a", "m-a-ç", "m-a-ç-ã-s", "ma-çã", "ã-ç-a-m", ""):
        assert not task.check(p, wrong)
    for q in task.problems("test", seed=0, n=50, language="pt-BR"):
        assert q.key == "word:" + q.answer.replace("-", "")


def test_a_word_is_held_out_in_both_tasks():
    test = {p.key for p in TASKS["spelling"].problems("test", seed=0, n=200)}
    train = {p.key for p in TASKS["letter-count"].problems("train", seed=0, n=8000)}
    assert len(test) == 200
    assert len(train) > 650
    assert not test & train


@pytest.mark.parametrize("language", ["pt-BR", "en"])
def test_numbers_are_in_the_order_asked_for(language):
    directions = set()
    for p in TASKS["sort-numbers"].problems("test", seed=0, n=1000, language=language):
        asked = [int(n) for n in re.findall(r"-?\d+", p.prompt)]
        down = ("maior para o menor" in p.prompt) or ("largest to the smallest" in p.prompt)
        assert [int(n) for n in p.answer.split(", ")] == sorted(asked, reverse=down)
        assert 4 <= len(set(asked)) == len(asked) <= 7
        directions.add(down)
    assert directions == {True, False}


ALPHABET = {c: i for i, c in enumerate("abcdefghijklmnopqrstuvwxyz")}
PLAIN = str.maketrans("áâãàéêíóôõúç", "aaaaeeiooouc")


def test_words_are_in_alphabetical_order_whatever_their_accents():
    accented_before_plain = 0
    for p in TASKS["sort-words"].problems("test", seed=0, n=1000):
        words = p.answer.split(", ")
        order = [[ALPHABET[c] for c in word.translate(PLAIN)] for word in words]
        assert order == sorted(order)
        assert all(a != b for a, b in pairwise(order))
        assert set(words) <= set(re.findall(r"\w+", p.prompt))
        accented_before_plain += words != sorted(words)  # code points would order otherwise
    assert accented_before_plain > 50


def test_sorted_words_are_judged_by_their_order_and_accents():
    task = TASKS["sort-words"]
    assert task.check(problem(task.name, "abelha, água, ajuda"), "abelha, água e ajuda")
    for wrong in ("abelha, ajuda, água", "abelha, agua, ajuda", "abelha, água", "água, abelha, ajuda"):
        assert not task.check(problem(task.name, "abelha, água, ajuda"), wrong)


def test_a_list_is_held_out_in_every_order():
    for name in ("sort-words", "sort-numbers"):
        for p in TASKS[name].problems("test", seed=0, n=100):
            items = p.answer.split(", ")
            expected = sorted(items, key=int) if name == "sort-numbers" else sorted(items, key=base_letters)
            assert p.key == "sort:" + (", ".join(expected) if name == "sort-words" else f"[{', '.join(expected)}]")
