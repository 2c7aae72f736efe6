"""GPT-3's ten tasks: the paper's spaces and prompts, answers against Python's integers, 2,000 distinct problems."""

import re
from itertools import permutations

import pytest

from prosa.core.errors import UserError
from prosa.evaluate.tasks.arithmetic import ARITHMETIC
from prosa.evaluate.tasks.problem import split_of
from prosa.evaluate.tasks.registry import TASKS

NAMES = ("2D+", "2D-", "3D+", "3D-", "4D+", "4D-", "5D+", "5D-", "2Dx", "1DC")
OPERATIONS = {
    "plus": int.__add__,
    "minus": int.__sub__,
    "times": int.__mul__,
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
}


def paper(name, n=2000, seed=0):
    return list(TASKS[name].problems("test", seed=seed, n=n, language="en", wording="gpt3"))


def test_the_ten():
    assert tuple(task.name for task in ARITHMETIC) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_2000_distinct_test_problems_whatever_the_seed(name):
    for seed in (0, 1):
        assert len({p.prompt for p in paper(name, seed=seed)}) == 2000


@pytest.mark.parametrize("name", NAMES[:-1])
def test_operands_operation_and_answer(name):
    word = {"+": "plus", "-": "minus", "x": "times"}[name[-1]]
    limit = 10 ** int(name[0])
    operands = []
    for problem in paper(name):
        a, found, b = re.fullmatch(r"Q: What is (\d+) (\w+) (\d+)\? A:", problem.prompt).groups()
        a, b = int(a), int(b)
        assert found == word
        assert int(problem.answer) == OPERATIONS[word](a, b)
        operands += [a, b]
    assert min(operands) >= 0
    assert max(operands) < limit
    mean = sum(operands) / len(operands)
    assert (
        abs(mean / limit - 0.5) < 0.03
    )  # uniform: the mean of 4,000 has a standard error of 0.0046, pairs a little more
    assert min(operands) < limit / 50 < limit * 49 / 50 < max(operands)


def test_differences_may_be_negative():
    for name in ("2D-", "3D-", "4D-", "5D-"):
        negative = sum(p.answer.startswith("-") for p in paper(name))
        assert 850 < negative < 1150


def test_composite_problems():
    seen = set()
    for problem in paper("1DC"):
        found = re.fullmatch(r"Q: What is (\d)([-+*])\((\d)([-+*])(\d)\)\? A:", problem.prompt)
        a, outer, b, inner, c = found.groups()
        assert int(problem.answer) == OPERATIONS[outer](int(a), OPERATIONS[inner](int(b), int(c)))
        seen.add((outer, inner))
    assert len(seen) == 9
    task = TASKS["1DC"]
    everything = {task.question(i, "en").fields["tight"] for i in range(task.size("en"))}
    assert len(everything) == 9000
    assert "9*(7+5)" in everything


def key(a, operation, b, digits=2):
    return TASKS[f"{digits}D{operation}"].question(a * 10**digits + b, "en").key


def test_the_key_is_the_pair_without_order_language_or_task():
    assert key(48, "+", 76) == key(76, "+", 48) == key(48, "+", 76, digits=3) == key(76, "+", 48, digits=5)
    assert key(48, "x", 76) == key(76, "x", 48)
    assert key(48, "-", 76) == key(76, "-", 48) == key(76, "-", 48, digits=4)
    assert len({key(48, operation, 76) for operation in "+-x"}) == 3
    assert len({key(4, "+", 876, digits=3), key(48, "+", 76), key(8, "+", 76)}) == 3  # digits do not run together
    for a in range(0, 100, 7):
        for b in range(0, 100, 3):
            assert key(a, "+", b) == key(b, "+", a) == key(a, "+", b, digits=4)


def test_commuted_pairs_are_on_one_side_in_the_problems_drawn():
    for name in ("2D+", "2D-", "2Dx"):
        sides = {}
        for split, n in (("test", 2000), ("train", 20_000)):
            for p in TASKS[name].problems(split, seed=0, n=n, wording="bare"):
                pair = frozenset(re.findall(r"\d+", p.prompt))
                assert sides.setdefault(pair, split) == split
        assert len(sides) > 4500  # of 5,050


def test_composite_keys_hold_every_order_of_the_same_digits_together():
    task = TASKS["1DC"]
    keys = {(f := task.question(i, "en").fields["tight"]): task.question(i, "en").key for i in range(9000)}
    for a, b, c in ((9, 7, 5), (0, 3, 3), (1, 2, 3)):
        for operation in "+*":
            same = {keys[f"{x}{operation}({y}{operation}{z})"] for x, y, z in permutations((a, b, c))}
            assert len(same) == 1
        assert keys[f"{a}*({b}+{c})"] == keys[f"{a}*({c}+{b})"]
        assert keys[f"{a}-({b}*{c})"] == keys[f"{a}-({c}*{b})"]
    assert keys["9*(7+5)"] != keys["7*(9+5)"]
    assert keys["9*(7-5)"] != keys["9*(5-7)"]
    assert f == "9*(9*9)"


def test_no_test_pair_of_two_digits_is_trained_among_the_longer_ones():
    held_out = [(a, b) for a in range(100) for b in range(100) if split_of(key(a, "+", b)) == "test"]
    assert 2300 < len(held_out) < 2700
    assert all(split_of(key(a, "+", b, digits=d)) == "test" for a, b in held_out for d in (3, 4, 5))


def test_wordings():
    question = TASKS["2D+"].question(4876, "pt-BR").fields
    assert TASKS["2D+"].wordings["bare"].test["pt-BR"][0].format(**question) == "48 + 76 ="
    assert TASKS["2D+"].wordings["gpt3"].test["pt-BR"][0].format(**question) == "P: Quanto é 48 mais 76? R:"
    assert "Quanto dá 48 + 76?" in {t.format(**question) for t in TASKS["2D+"].wordings["own"].test["pt-BR"]}
    with pytest.raises(UserError, match="'gpt3' of 2D\\+ is for testing only"):
        TASKS["2D+"].problems("train", seed=0, n=1, wording="gpt3")


def test_the_same_seed_asks_the_same_sums_in_every_wording():
    own, bare, gpt3 = (
        [p.key for p in TASKS["3D+"].problems("test", seed=4, n=40, wording=w)] for w in ("own", "bare", "gpt3")
    )
    assert own == bare == gpt3


def test_near_misses_are_refused():
    for name in NAMES:
        for p in paper(name, n=100):
            right = int(p.answer)
            for wrong in (right + 1, right - 1, right + 10, -right if right else 1, right * 10 if right else 2):
                assert not TASKS[name].check(p, str(wrong))
            assert TASKS[name].check(p, f"{right:,}.")
            assert TASKS[name].check(p, f"The answer is {right}.")
