"""Reading a story, and choosing among four."""

import re
from collections import Counter
from random import Random

import pytest

from prosa.evaluate.tasks.multiple_choice import _SOURCES
from prosa.evaluate.tasks.problem import Problem, split_of
from prosa.evaluate.tasks.registry import TASKS


@pytest.mark.parametrize("language", ["pt-BR", "en"])
def test_the_answer_stands_in_the_one_sentence_that_is_asked_about(language):
    kinds, places = Counter(), Counter()
    for p in TASKS["comprehension"].problems("test", seed=0, n=800, language=language):
        question = next(s for s in re.split(r"(?<=[.?])\s|\n|: ", p.prompt) if s.endswith("?"))
        sentences = [s for s in re.split(r"(?<=[.])\s+|\n|: ", p.prompt) if s.endswith(".")]
        assert len(sentences) == 3
        asked = set(re.findall(r"[\w-]+", question))
        overlap = [len(asked & set(re.findall(r"[\w-]+", s))) for s in sentences]
        about = sentences[overlap.index(max(overlap))]
        assert sorted(overlap)[-1] > sorted(overlap)[-2]
        assert p.answer.lower() in about.lower()
        assert sum(p.answer.lower() in s.lower() for s in sentences) == 1
        places[overlap.index(max(overlap))] += 1
        kinds[p.answer.split()[0].lower() if " " in p.answer else "person"] += 1
    assert kinds["person"] > 120
    assert all(abs(places[i] - 800 / 3) < 54 for i in range(3))  # 4 standard errors of 13.3


def test_a_story_by_hand():
    task = TASKS["comprehension"]
    found = next(p for p in task.problems("train", seed=0, n=500) if p.prompt.endswith("?") and "Onde" in p.prompt)
    person, thing = re.search(r"Onde (\w+) \w+ [oa] ([\w-]+)\?", found.prompt).groups()
    sentence = next(s for s in re.split(r"[.\n]", found.prompt) if person in s and "?" not in s)
    assert thing in sentence
    assert found.answer in sentence
    noun = found.answer.split()[-1]
    assert {noun, f"o {noun}"} == set(found.accepted) or {noun, f"a {noun}"} == set(found.accepted)
    assert found.answer.startswith("no " if f"o {noun}" in found.accepted else "na ")


def test_the_wrong_things_of_the_same_story_are_refused():
    task = TASKS["comprehension"]
    refused = 0
    for p in task.problems("test", seed=0, n=200):
        places = re.findall(r"\bn[oa] (?!segunda|terça|quarta|quinta|sexta|sábado|domingo)[\w-]+", p.prompt)
        for place in places:
            if place != p.answer:
                assert not task.check(p, place)
                refused += 1
    assert refused > 300


def test_a_story_is_held_out_with_all_its_questions():
    keys = {}
    for p in TASKS["comprehension"].problems("train", seed=0, n=1000):
        facts = p.key.removeprefix("story:").split(";")
        assert facts == sorted(facts, key=lambda f: tuple(map(int, f.split(","))))
        columns = list(zip(*(f.split(",") for f in facts), strict=True))
        assert all(len(set(column)) == 3 for column in columns)  # the three sentences have nothing in common
        keys[p.key] = p
    assert len(keys) > 990


@pytest.mark.parametrize("language", ["pt-BR", "en"])
def test_right_answers_are_as_often_a_as_d(language):
    problems = list(TASKS["multiple-choice"].problems("test", seed=0, n=2000, language=language))
    counts = Counter(p.answer for p in problems)
    assert set(counts) == set("ABCD")
    assert all(abs(count - 500) < 80 for count in counts.values())  # 4 standard errors of 19.4


def options(problem):
    return dict(re.findall(r"^([A-D])\) (.*)$", problem.prompt, re.MULTILINE))


def test_four_different_options_of_which_the_named_one_is_right():
    kinds = Counter()
    for p in TASKS["multiple-choice"].problems("test", seed=0, n=1500, language="en"):
        found = options(p)
        assert len(set(found.values())) == len(found) == 4
        kind = p.key.partition(":")[0]
        kinds[kind] += 1
        if kind == "arithmetic":
            expression = re.search(r"What does (.*) give\?", p.prompt)[1].replace("×", "*")
            assert int(found[p.answer]) == eval(expression)
    assert set(kinds) == {"arithmetic", "weekday", "verb", "plural"}
    assert min(kinds.values()) > 100


def test_the_options_of_a_source_hold_its_own_answer_and_no_other_right_one():
    for tasks, wrong in _SOURCES:
        for task in tasks[:1]:
            for i in range(min(task.size("pt-BR"), 400)):
                question = task.question(i, "pt-BR")
                found = wrong(question, "pt-BR", Random(i))
                assert len(set(found)) == 3, question
                assert not {question.answer, *question.accepted} & set(found), question


def test_the_right_number_is_as_often_the_greatest_as_the_least():
    ranks = Counter()
    for p in TASKS["multiple-choice"].problems("test", seed=0, n=2000, language="en"):
        if p.key.startswith("arithmetic:"):
            found = options(p)
            ranks[sorted(map(int, found.values())).index(int(found[p.answer]))] += 1
    total = sum(ranks.values())
    assert total > 400
    assert all(abs(ranks[rank] / total - 0.25) < 4 * (0.1875 / total) ** 0.5 for rank in range(4))


def test_the_key_is_that_of_the_problem_inside():
    sides = Counter(split_of(p.key) for p in TASKS["multiple-choice"].problems("test", seed=0, n=300))
    assert sides == {"test": 300}
    nouns = {p.key for p in TASKS["plurals"].problems("train", seed=0, n=5000)}
    chosen = {p.key for p in TASKS["multiple-choice"].problems("test", seed=0, n=1000) if p.key.startswith("plural:")}
    assert len(chosen) > 50
    assert not nouns & chosen


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        ("B)", "B"),
        ("(B)", "B"),
        ("**B**", "B"),
        ("B.", "B"),
        ("B) 124", "B"),
        ("B, porque 48 + 76 = 124", "B"),
        ("B\nporque sim", "B"),
        ("Resposta: B", "B"),
        ("A resposta é B.", "B"),
        ("A resposta correta é a letra B", "B"),
        ("A alternativa certa é a B.", "B"),
        ("Letra B", "B"),
        ("The answer is B", "B"),
        ("The correct option is B) 124", "B"),
        ("A opção A é falsa; a resposta é B", "B"),
        ("A resposta é A", "A"),
        ("A vaca dá leite", None),
        ("A 124", None),
        ("124", None),
        ("b", None),
        ("BA", None),
        ("Banana", None),
        ("E", None),
        ("", None),
    ],
)
def test_letters_named_in_a_reply(reply, letter):
    task = TASKS["multiple-choice"]
    right = [c for c in "ABCD" if task.check(Problem(task.name, "?", c, "pt-BR", "test", "k"), reply)]
    assert right == ([] if letter is None else [letter])
