"""Exams of tasks and of one's own files, ways of asking, and how answers are marked and compared."""

import json
from pathlib import Path

import pytest
from exam_helpers import Parrot

from prosa.core.errors import UserError
from prosa.core.interval import paired_difference, wilson
from prosa.core.language import LANGS
from prosa.corpus.problems import Problems
from prosa.evaluate.tasks.exam import exam
from prosa.evaluate.tasks.measure import compare, measure
from prosa.evaluate.tasks.own_file import read_exam
from prosa.evaluate.tasks.problem import split_of
from prosa.evaluate.tasks.prompting import EXPERT, STEP_BY_STEP, conversation
from prosa.evaluate.tasks.registry import GROUPS, TASKS, find_tasks
from prosa.tokenizers.chat import Message

GSM8K = Path(__file__).parent / "samples" / "gsm8k.jsonl"


def own(path: Path, *lines: object, n: int = 100, language=None):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return read_exam(path, Problems(), n=n, seed=0, language=language)


def test_names_and_groups_of_tasks():
    assert [task.name for task in find_tasks(["arithmetic"])] == [
        "2D+", "2D-", "3D+", "3D-", "4D+", "4D-", "5D+", "5D-", "2Dx", "1DC",
    ]  # fmt: skip
    assert [task.name for task in find_tasks(["plurals,letters", " 2D+ ", "plurals"])] == [
        "plurals", "letter-count", "spelling", "2D+",
    ]  # fmt: skip
    assert {task.name for task in find_tasks(["all"])} == set(TASKS)
    assert not set(GROUPS) & set(TASKS)
    with pytest.raises(UserError, match=r"unknown task: 'plural'. Did you mean 'plurals'"):
        find_tasks(["arithmetic,plural"])
    with pytest.raises(UserError, match="no task is named"):
        find_tasks([",", ""])


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda t: t.name)
def test_examples_are_never_what_is_asked(task):
    for language in LANGS:
        asked = exam(task, n=30, seed=3, language=language)
        assert len({problem.prompt for problem in asked.problems}) == len(asked.problems)
        for at, problem in enumerate(asked.problems):
            shown = asked.examples(at, 5, seed=3)
            assert len({example.prompt for example in shown}) == 5
            assert problem.key not in {example.key for example in shown}
            assert shown == asked.examples(at, 5, seed=3)
            if not task.test_only:
                assert {split_of(example.key) for example in shown} == {"train"}
        assert asked.examples(0, 5, seed=3) != asked.examples(0, 5, seed=4)


def test_an_exam_has_as_many_problems_as_there_are():
    plurals = TASKS["plurals"]
    whole = exam(plurals, n=10_000, seed=0).problems
    assert 100 < len(whole) < 250
    assert exam(plurals, n=7, seed=0).problems == whole[:7] == tuple(plurals.problems("test", seed=0, n=7))
    with pytest.raises(UserError, match="at least 1"):
        exam(plurals, n=0, seed=0)


def test_gsm8k_is_read_and_its_own_solutions_are_right():
    asked = read_exam(GSM8K, Problems(), n=100, seed=0)
    lines = [json.loads(line) for line in GSM8K.read_text(encoding="utf-8").splitlines()]
    assert asked.name == "gsm8k.jsonl"
    assert [problem.language for problem in asked.problems] == ["en"] * len(lines)
    assert len(asked.problems) == len(lines) == 14
    for problem, line in zip(asked.problems, lines, strict=True):
        gold = line["answer"].rpartition("####")[2].strip()
        assert problem.answer == gold.replace(",", "")
        assert asked.check(problem, line["answer"])  # reasoning, then "#### 72"
        assert asked.check(problem, f"So the answer is {gold}.")
        assert asked.check(problem, f"First 3 + 4 = 7.\nAnswer: {gold}")
        assert not asked.check(problem, line["answer"] + "1")
        assert not asked.check(problem, f"{gold} … #### 77123")
    assert {"2125", "114200", "-10", "-3"} <= {problem.answer for problem in asked.problems}


def test_an_own_file_compares_numbers_as_numbers_and_texts_as_texts(tmp_path):
    asked = own(
        tmp_path / "meu.teste.jsonl",
        {"prompt": "Quanto?", "answer": "1.234,50"},
        {"prompt": "Capital?", "answer": " Brasília "},
        {"prompt": "Metade?", "answer": 3.125},
        {"prompt": "Preço?", "answer": "R$ 5"},
        {"question": "How much?", "answer": "1,234.5"},
        {"prompt": "Nada?", "answer": "NaN"},
        {"prompt": "Capital?", "answer": "asked twice"},
    )
    number, capital, half, price, english, nothing = asked.problems
    assert asked.name == "meu.teste.jsonl"
    assert number.answer == "1234.50"
    assert asked.check(number, "São 1234,5")
    assert not asked.check(number, "São 1,2345")
    assert asked.check(capital, "brasília.")
    assert not asked.check(capital, "A capital é Brasília")
    assert asked.check(half, "3,125")
    assert not asked.check(half, "3.125")  # in Portuguese three thousand and more
    assert asked.check(price, '"R$ 5"')
    assert (english.language, english.answer) == ("en", "1234.5")
    assert asked.check(nothing, "nan")
    assert {p.language for p in own(tmp_path / "x.jsonl", {"question": "a", "answer": "b"}, language="pt-BR").problems}


def test_lines_of_an_own_file_that_are_no_problem_are_named(tmp_path):
    bad = [
        ({"text": "x"}, "neither 'prompt' nor 'question'"),
        ({"prompt": "x"}, "'answer' is no text"),
        ({"prompt": "  ", "answer": "x"}, "'prompt' is no text"),
        ({"prompt": "x", "answer": ["a"]}, "'answer' is no text"),
        ({"prompt": "x", "answer": True}, "'answer' is no text"),
        ({"question": "x", "answer": "so ####  "}, "no answer after ####"),
        ({"prompt": "a\ud800", "answer": "x"}, "'prompt' has half a character"),
    ]
    path, problems = tmp_path / "t.jsonl", Problems()
    good = [{"prompt": f"p{n}", "answer": "a"} for n in range(9)]
    path.write_text("".join(json.dumps(line) + "\n" for line in [*(line for line, _ in bad), *good]))
    asked = read_exam(path, problems, n=100, seed=0)
    assert [problem.why for problem in problems.named] == [why for _, why in bad]
    assert [problem.source for problem in problems.named] == [f"{path}:{n}" for n in range(1, 8)]
    assert len(asked.problems) == 9
    assert len(asked.examples(0, 99, seed=0)) == 8
    few = read_exam(path, Problems(), n=4, seed=1).problems
    assert len(set(few)) == 4
    assert few == read_exam(path, Problems(), n=4, seed=1).problems != read_exam(path, Problems(), n=4, seed=2).problems
    with pytest.raises(UserError, match=r"bad records: 2 of 3"):
        own(tmp_path / "bad.jsonl", {"a": 1}, {"b": 1}, {"prompt": "x", "answer": "y"})
    with pytest.raises(UserError, match="there is no record"):
        own(tmp_path / "none.jsonl")


@pytest.mark.parametrize("language", LANGS)
def test_ways_of_asking(language):
    plurals = exam(TASKS["plurals"], n=3, seed=0, language=language)
    problem, examples = plurals.problems[0], plurals.examples(0, 2, seed=0)
    asked = Message("user", problem.prompt)
    assert conversation(problem, "zero") == [asked]
    assert conversation(problem, "few", examples) == [
        Message("user", examples[0].prompt), Message("assistant", examples[0].answer),
        Message("user", examples[1].prompt), Message("assistant", examples[1].answer), asked,
    ]  # fmt: skip
    assert conversation(problem, "expert") == [Message("system", EXPERT[language]), asked]
    assert conversation(problem, "cot") == [Message("user", f"{problem.prompt}\n{STEP_BY_STEP[language]}")]
    marker = {"pt-BR": "Resposta:", "en": "Answer:"}[language]
    assert marker in STEP_BY_STEP[language]
    reasoned = f"É uma palavra comum. This is reasoning.\n{marker} {problem.answer}"
    assert plurals.check(problem, reasoned)


def test_scores_and_differences_are_those_of_the_problems():
    asked = exam(TASKS["2D+"], n=50, seed=0)
    gold = {problem.prompt: problem.answer for problem in asked.problems}
    some = set(list(gold)[:20])
    half = measure(Parrot(lambda prompt: gold[prompt] if prompt in some else "não sei…"), asked)
    whole = measure(Parrot(gold.__getitem__), asked)
    assert (half.n, half.right, half.score, half.cut, half.too_long) == (50, 20, 0.4, 30, 0)
    assert half.interval == wilson(20, 50)
    plain = half.to_json()
    assert [example["right"] for example in plain["examples"]] == [True] * 3 + [False] * 3
    assert plain["examples"][3]["reply"] == "não sei"
    change = compare([half], [whole])
    assert (change.gained, change.lost, change.value, change.verdict) == (30, 0, 0.6, "gained")
    assert change.interval == paired_difference(30, 0, 50)
    assert compare([whole, half], [half, half]).to_json()["verdict"] == "worse"
    assert compare([half], [half]).verdict == "no measurable gain"
    assert compare([whole, half], [half, half]).n == 100
    with pytest.raises(ValueError, match="not the same"):
        compare([half], [measure(Parrot(str), exam(TASKS["2D+"], n=50, seed=1))])


def test_examples_that_do_not_fit_are_left_out_and_problems_that_do_not_fit_are_wrong():
    asked = exam(TASKS["plurals"], n=20, seed=0)
    roomy = Parrot(str)
    assert measure(roomy, asked, "few").shots == 5
    assert {len(turns) for turns in roomy.asked} == {11}
    tight = Parrot(str, context=48)
    score = measure(tight, asked, "few")
    assert 0 < score.shots < 5
    assert score.too_long == 0
    for turns in tight.asked:  # the words read, the longest answer shown and 16 more
        assert tight.length(turns) + 1 + 16 <= 48
    lengths = [tight.length([Message("user", problem.prompt)]) for problem in asked.problems]
    limit = max(lengths) - 1
    cramped = measure(Parrot(lambda prompt: "x", context=limit), asked, "few")
    assert (cramped.shots, cramped.n) == (0, 20)
    assert cramped.too_long == sum(length > limit for length in lengths) > 0


def test_reasoned_answers_may_be_longer():
    asked = exam(TASKS["2D+"], n=2, seed=0)
    parrot = Parrot(str)
    measure(parrot, asked)
    measure(parrot, asked, "cot")
    measure(parrot, asked, "cot", max_tokens=9)
    assert parrot.limits == [96, 256, 9]
