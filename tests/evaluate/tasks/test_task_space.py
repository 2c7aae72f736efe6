"""The core: train and test apart by construction, determinism, distinct test problems, wordings, the registry."""

from collections import Counter
from itertools import pairwise
from random import Random

import pytest

from prosa.core.errors import UserError
from prosa.core.language import LANGS, speaking
from prosa.evaluate.tasks.extract import bare
from prosa.evaluate.tasks.problem import TEST_SHARE, split_of
from prosa.evaluate.tasks.registry import TASKS, find_task
from prosa.evaluate.tasks.task import shuffled

TRAINED = [task for task in TASKS.values() if not task.test_only]
SUITES = [task for task in TASKS.values() if task.test_only]


def most(task, n, language="pt-BR", seed=0):
    """Up to ``n`` test problems, as many as there are."""
    found = []
    try:
        for problem in task.problems("test", seed=seed, n=n, language=language):
            found.append(problem)
    except UserError:
        pass
    return found


def test_a_quarter_of_all_keys_is_test_and_it_never_moves():
    sides = Counter(split_of(f"key {i}") for i in range(20_000))
    assert TEST_SHARE == 0.25
    assert abs(sides["test"] / 20_000 - 0.25) < 0.012  # 4 standard errors
    # Pinned: changing the hash would make what a model was trained on yesterday the test of today.
    assert [n for n in range(30) if split_of(f"number:{n}") == "test"] == [0, 2, 4, 5, 7, 19, 21, 25, 28]
    assert split_of("arithmetic:12+34") == "test"
    assert split_of("plural:pão") == "train"


def test_no_key_of_any_task_is_on_both_sides():
    """Over 20,000 draws a side, all tasks thrown together, so that 3D+ cannot train what 2D+ tests."""
    train, test = set(), set()
    for task in TRAINED:
        for language in task.languages:
            for seed in range(2):
                train |= {p.key for p in task.problems("train", seed=seed, n=280, language=language)}
                test |= {p.key for p in most(task, 280, language, seed)}
    assert len(TRAINED) * 2 * 2 * 280 > 20_000
    assert len(train) > 8_000
    assert len(test) > 8_000
    assert not train & test


@pytest.mark.parametrize("task", TRAINED, ids=lambda t: t.name)
def test_no_prompt_is_on_both_sides(task):
    for language in task.languages:
        train = {p.prompt for p in task.problems("train", seed=1, n=600, language=language)}
        assert not train & {p.prompt for p in most(task, 600, language, 2)}


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda t: t.name)
def test_wordings_of_test_are_never_those_of_train(task):
    for language in task.languages:
        train = [t for w in task.wordings.values() for t in w.train.get(language, ())]
        test = [t for w in task.wordings.values() for t in w.test.get(language, ())]
        assert len(set(train)) == len(train)
        assert len(set(test)) == len(test)
        if task.test_only:
            assert not train
        else:
            assert len(train) >= 2
            assert not set(map(bare, train)) & set(map(bare, test))
        for template in train + test:
            fields = task.question(0, language).fields
            assert template.format(**fields) != template  # it asks something, with fields that exist


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda t: t.name)
def test_every_field_that_tells_questions_apart_is_in_every_wording(task):
    """Two questions with different answers never make the same prompt."""
    for language in task.languages:
        answers = {}
        for problem in most(task, 1000, language):
            assert answers.setdefault(problem.prompt, problem.answer) == problem.answer


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda t: t.name)
@pytest.mark.parametrize("language", LANGS)
def test_a_call_is_a_pure_function_and_its_beginning_that_of_a_longer_one(task, language):
    splits = ["test"] if task.test_only else ["train", "test"]
    for split in splits:
        first = list(task.problems(split, seed=5, n=10, language=language))
        assert first == list(task.problems(split, seed=5, n=10, language=language))
        assert first[:4] == list(task.problems(split, seed=5, n=4, language=language))
        assert first != list(task.problems(split, seed=6, n=10, language=language))
        assert {p.split for p in first} == {split}
        assert {p.task for p in first} == {task.name}
        assert {p.language for p in first} == {language}


@pytest.mark.parametrize("name", ["2D+", "weekday", "days-between", "comprehension", "sort-numbers", "conjugation"])
def test_the_same_seed_asks_the_same_in_both_languages(name):
    task = TASKS[name]
    portuguese, english = (list(task.problems("test", seed=1, n=50, language=language)) for language in LANGS)
    assert [p.key for p in portuguese] == [p.key for p in english]
    assert all(a.prompt != b.prompt for a, b in zip(portuguese, english, strict=True))


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda t: t.name)
def test_test_problems_are_distinct(task):
    for language in task.languages:
        prompts = [p.prompt for p in most(task, 1500, language)]
        assert len(prompts) >= 10
        assert len(set(prompts)) == len(prompts)


def test_the_right_answer_is_right_and_so_is_every_accepted_one():
    for task in TASKS.values():
        for language in task.languages:
            for problem in most(task, 300, language):
                for answer in (problem.answer, *problem.accepted):
                    assert task.check(problem, answer), problem
                assert task.check(problem, f"  {problem.answer}\n"), problem


@pytest.mark.parametrize("task", TRAINED, ids=lambda t: t.name)
def test_a_changed_answer_is_refused(task):
    refused = 0
    for language in task.languages:
        for problem in most(task, 150, language):
            answer = problem.answer
            changed = {answer[:-1], answer + answer[-1], "x" + answer, answer[::-1], ""}
            right = {bare(text) for text in (answer, *problem.accepted, "00")}  # 00 is 0
            for reply in changed:
                if bare(reply) not in right:
                    assert not task.check(problem, reply), (problem, reply)
                    refused += 1
    assert refused > 300


@pytest.mark.parametrize("task", TRAINED, ids=lambda t: t.name)
def test_the_answer_of_another_problem_is_refused(task):
    problems = most(task, 200)
    for problem, other in pairwise(problems):
        if other.answer not in (problem.answer, *problem.accepted):
            assert not task.check(problem, other.answer)


def test_asking_for_more_than_there_are_says_how_many_there_are():
    task = TASKS["plurals"]
    found = most(task, 10_000)
    assert len(found) == sum(split_of(task.question(i, "en").key) == "test" for i in range(task.size("en")))
    with pytest.raises(UserError, match=f"plurals has {len(found)} distinct test problems in pt-BR, not 10,000"):
        list(task.problems("test", seed=0, n=10_000))
    assert len(list(task.problems("test", seed=0, n=len(found)))) == len(found)
    with speaking("pt-BR"), pytest.raises(UserError, match="não 10\\.000"):
        list(task.problems("test", seed=0, n=10_000))


def test_training_problems_go_on_past_the_end_of_their_space():
    assert len(list(TASKS["plurals"].problems("train", seed=0, n=2000))) == 2000


def test_wrong_names_suggest_the_right_ones():
    with pytest.raises(UserError, match="Did you mean 'plurals'"):
        find_task("plural")
    assert find_task("2D+") is TASKS["2D+"]
    with pytest.raises(UserError, match="Did you mean 'gpt3'"):
        TASKS["2D+"].problems("test", seed=0, n=1, wording="gpt-3")
    with pytest.raises(UserError, match="language of plurals"):
        TASKS["plurals"].problems("test", seed=0, n=1, language="fr")


@pytest.mark.parametrize("task", SUITES, ids=lambda t: t.name)
def test_suites_are_for_testing_only_and_come_whole(task):
    with pytest.raises(UserError, match="testing only"):
        task.problems("train", seed=0, n=1)
    for language in task.languages:
        assert len(most(task, 10_000, language)) == task.size(language)


@pytest.mark.parametrize("size", [0, 1, 2, 7, 500])
def test_shuffled_is_a_permutation(size):
    assert sorted(shuffled(size, Random(3))) == list(range(size))


def test_shuffled_is_uniform_and_lazy():
    counts = Counter(tuple(shuffled(3, Random(i))) for i in range(6000))
    assert len(counts) == 6
    assert all(abs(count - 1000) < 120 for count in counts.values())  # 4 standard errors
    first = next(shuffled(10**30, Random(0)))
    assert 0 <= first < 10**30
