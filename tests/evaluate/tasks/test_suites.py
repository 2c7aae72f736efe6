"""The small suites: their sizes, their balance, and that their rules refuse what they should."""

from collections import Counter

import pytest

from prosa.evaluate.tasks.extract import bare
from prosa.evaluate.tasks.inventions import pronounceable
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.registry import TASKS
from prosa.evaluate.tasks.shipped import rows


def every(name, language):
    task = TASKS[name]
    return list(task.problems("test", seed=0, n=task.size(language), language=language))


def one(name, fragment, language="pt-BR"):
    return next(p for p in every(name, language) if fragment in p.prompt)


def test_sizes():
    sizes = {name: (TASKS[name].size("pt-BR"), TASKS[name].size("en")) for name in ("cloze", "grammar", "sentiment")}
    assert sizes == {"cloze": (40, 24), "grammar": (28, 18), "sentiment": (24, 16)}
    assert (TASKS["new-words"].size("pt-BR"), TASKS["names"].size("en")) == (20, 10)


def test_cloze():
    for language in ("pt-BR", "en"):
        for row in rows("cloze", language):
            assert row["sentence"].count("___") == 1
            assert row["sentence"].replace("___", "x").strip()[-1] == "."
    p, task = one("cloze", "capital do Brasil"), TASKS["cloze"]
    for right in ("Brasília", "brasília.", "A capital do Brasil é Brasília.", "Resposta: Brasília"):
        assert task.check(p, right)
    for wrong in ("Brasilia", "São Paulo", "Brasília ou São Paulo", "A capital do Brasil é", ""):
        assert not task.check(p, wrong)
    for p in every("cloze", "pt-BR"):
        assert not task.check(p, "coisa")


def test_grammar():
    task = TASKS["grammar"]
    for language in ("pt-BR", "en"):
        for row in rows("grammar", language):
            right = [row["right"], *row.get("accepted", ())]
            assert bare(row["wrong"]) not in map(bare, right)
            problem = next(p for p in every("grammar", language) if row["wrong"] in p.prompt)
            assert not task.check(problem, row["wrong"])
            assert all(task.check(problem, text) for text in right)
    p = one("grammar", "Nós vai")
    assert task.check(p, "nós vamos ao mercado")
    for wrong in (
        "Nós vamos",
        "Nós vai ao mercado.",
        "Eles vão ao mercado.",
        "A frase certa: nós vamos ao mercado hoje.",
    ):
        assert not task.check(p, wrong)


def test_sentiment_is_balanced_and_takes_one_side():
    task = TASKS["sentiment"]
    for language, labels in (("pt-BR", ("positiva", "negativa")), ("en", ("positive", "negative"))):
        counts = Counter(row["label"] for row in rows("sentiment", language))
        assert counts[labels[0]] == counts[labels[1]]
        assert set(counts) == set(labels)
        for p in every("sentiment", language):
            other = labels[p.answer == labels[0]]
            assert task.check(p, f"É {p.answer}.")
            for wrong in (other, f"{labels[0]} ou {labels[1]}", f"{labels[1]}, não {labels[0]}", "sim", ""):
                assert not task.check(p, wrong)
    assert task.check(one("sentiment", "Que filme bonito"), "positivo")


def test_new_words():
    task, p = TASKS["new-words"], one("new-words", '"bolimba"')
    for right in (
        "Ontem provei uma bolimba gelada.",
        "As bolimbas do meu quintal amadureceram cedo.",
    ):
        assert task.check(p, right)
    for wrong in (
        "",
        "bolimba",
        "Gosto de bolimba.",  # no four other words
        "bolimba bolimba bolimba bolimba bolimba",
        "Ontem provei uma banana gelada.",  # without the word
        "A bolimba é uma fruta azul e doce.",  # copied
        "Eu vi uma bolimba: uma fruta azul e doce que só cresce nas montanhas.",
        "Ontem provei uma bolimbíssimamente gelada.",  # no inflection
        p.prompt,
    ):
        assert not task.check(p, wrong)
    verb = one("new-words", '"tingolar"')
    assert task.check(verb, "Ela sempre tingolava depois do almoço.")
    assert not task.check(verb, "Ela sempre mexia depois do almoço.")
    for language in ("pt-BR", "en"):
        for p in every("new-words", language):
            assert task.check(p, p.answer)
            for other in every("new-words", language):
                assert other == p or not task.check(p, other.answer)


def test_names():
    task = TASKS["names"]
    p = one("names", "cachorro preto")
    for right in ("Bolota, Fumaça, Trovoada", "1. Bolota\n2. Fumaça\n3. Trovoada", "Pretinho, Noite Alta, Zorro."):
        assert task.check(p, right)
    for wrong in (
        "",
        "Bolota, Fumaça",  # too few
        "Bolota, Fumaça, Trovoada, Rex",  # too many
        "Bolota, bolota, Fumaça",  # not distinct
        "Bolota, Fumaça, Cachorro",  # from the prompt
        "Bolota, Fumaça, Cachorro Preto",
        "Bolota, Fumaça, Xkcd",  # not pronounceable
        "Bolota, Fumaça, R2D2",
        p.prompt,
    ):
        assert not task.check(p, wrong)
    for language in ("pt-BR", "en"):
        for problem in every("names", language):
            names = problem.answer.split(", ")
            assert str(len(names)) in problem.prompt
            assert not task.check(problem, ", ".join(names[:-1]))
            assert not task.check(problem, ", ".join([*names[:-1], names[0]]))
            assert not task.check(problem, ", ".join([*names, "Zelda"]))


@pytest.mark.parametrize(
    "word",
    [
        "Veluna",
        "Brilhex",
        "Trovão",
        "Estrela",
        "Bolota",
        "Rex",
        "Max",
        "Jack",
        "Blanche",
        "Inês",
        "Sky",
        "Pretinho",
        "Açucena",
        "Marlos",
        "Driftwood",
        "o",
    ],
)
def test_pronounceable(word):
    assert pronounceable(word)


@pytest.mark.parametrize(
    "word", ["xkcd", "Tlmora", "Aeioua", "brrr", "Mgbo", "ataktk", "R2D2", "pst", "a" * 21, "", "d'água", "привет"]
)
def test_not_pronounceable(word):
    assert not pronounceable(word)


def test_answers_are_examples_that_pass_their_own_rule():
    for name in ("new-words", "names"):
        for language in ("pt-BR", "en"):
            for p in every(name, language):
                assert isinstance(p, Problem)
                assert TASKS[name].check(p, p.answer)
