"""benchmarks/arithmetic.py: what it shows is right and never of the exam, and it would tell if it were."""

import itertools
import runpy
from pathlib import Path

import pytest

from prosa.evaluate.tasks.registry import find_task

BENCHMARK = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "arithmetic.py"))
sums, equals, check_held_out = (BENCHMARK[name] for name in ("sums", "equals", "check_held_out"))


def test_sums_are_found_in_every_wording():
    for text, found in [
        ("Quanto é 48 + 76?", {("48", "+", "76")}),
        ("48+76=124\n9-12 = ? -3", {("48", "+", "76"), ("9", "-", "12")}),
        ("Diga quanto são 5 vezes 19. 95", {("5", "*", "19")}),
        ("531 menos 67 dá quanto? 464", {("531", "-", "67")}),
        ("Calcule 9 × (7 + 5). 108", {("9", "*", "7", "+", "5")}),
        ('{"arguments": {"expression": "9*(7+5)"}}', {("9", "*", "7", "+", "5")}),
        ("5-9=-4", {("5", "-", "9")}),
    ]:
        assert set(sums(text)) == found


@pytest.mark.parametrize("name", list(BENCHMARK["GPT3"]))
def test_every_prompt_of_a_task_holds_one_sum_and_its_equals_have_its_answer(name):
    for problem in itertools.islice(find_task(name).problems("train", seed=0, n=300), 300):
        (sum_,) = sums(problem.prompt)
        own = eval(problem.call.arguments["expression"])
        for a, o, *rest in equals(sum_):
            tight = f"{a}{o}{rest[0]}" if len(rest) == 1 else f"{a}{o}({''.join(rest)})"
            assert abs(eval(tight)) == abs(own) == abs(int(problem.answer)) if len(sum_) == 3 else eval(tight) == own


def test_the_text_is_right_and_of_the_training_side():
    text = list(BENCHMARK["lines"](3000, 0))
    asked = [p.prompt for name in BENCHMARK["GPT3"] for p in find_task(name).up_to(2000, seed=0)]
    assert check_held_out(asked, text) == 3000
    assert check_held_out(asked, BENCHMARK["tool_lines"](200, 0)) >= 400
    for line in text:
        (sum_,) = sums(line)
        tight = "".join(sum_) if len(sum_) == 3 else f"{sum_[0]}{sum_[1]}({''.join(sum_[2:])})"
        assert line.endswith(f"{eval(tight)}")


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("48+76=", "76 mais 48"), ("9-12=", "12 - 9"), ("2*(3+4)", "2 × (4 + 3)"), ("1+(2+3)", "3+(1+2)")],
)
def test_a_problem_of_the_exam_that_was_shown_is_told(asked, shown):
    with pytest.raises(ValueError, match="is of the exam"):
        check_held_out([asked], ["1+1=2", shown])
    assert check_held_out([asked], ["1+1=2", "480+76", "12*9", "2*(3-4)", "1+(2-3)"]) == 5
