"""Comparisons: what one may be, and a file of them with its bad lines named."""

import pytest

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.evaluate.arena.comparison import Comparison, read_comparisons, write_comparisons

GOOD = '{"prompt_id": "1", "first": "base", "second": "sft", "winner": "second", "judge": "verifier"}'


def test_a_file_gives_back_what_was_written(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    made = [Comparison("1", "base", "sft", "second", "verificador"), Comparison("é", "a\u2028b", "rl", "tie", "gpt")]
    write_comparisons(path, made)
    assert path.read_text(encoding="utf-8").splitlines()[0] == GOOD.replace("verifier", "verificador")
    assert read_comparisons(path) == made


def test_points_of_the_first_model():
    assert [Comparison("1", "a", "b", winner, "j").points for winner in ("first", "second", "tie")] == [1, 0, 0.5]


def test_a_model_against_itself_and_a_winner_that_is_none():
    with pytest.raises(UserError, match="'base' is compared with itself"):
        Comparison("1", "base", "base", "tie", "j")
    with pytest.raises(UserError, match=r"unknown winner: 'frist'\. Did you mean 'first'"):
        Comparison("1", "base", "sft", "frist", "j")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "not JSON"),
        ('{"prompt_id": "\xff"}', "not JSON"),  # a byte that is not UTF-8
        ("[1]", "not a JSON object"),
        (GOOD.replace("winner", "winer"), r"unknown field: 'winer'\. Did you mean 'winner'"),
        (GOOD.replace('"winner": "second", ', ""), "the field 'winner' must be a text"),
        (GOOD.replace('"1"', "1"), "the field 'prompt_id' must be a text"),
        (GOOD.replace('"1"', '""'), "the field 'prompt_id' must be a text"),
        (GOOD.replace('"second",', '"sft",'), "unknown winner: 'sft'"),
        (GOOD.replace('"sft"', '"base"'), "'base' is compared with itself"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, what):
    path = tmp_path / "v.jsonl"
    path.write_bytes(f"{GOOD}\n\n".encode() + line.encode("latin-1") + b"\n")
    with pytest.raises(UserError, match=rf"v\.jsonl:3: {what}"):
        read_comparisons(path)


def test_many_bad_lines_are_counted(tmp_path):
    path = tmp_path / "v.jsonl"
    path.write_text("{\n" * 9)
    with pytest.raises(UserError) as error:
        read_comparisons(path)
    assert [f"v.jsonl:{n}:" in error.value.what for n in (1, 5, 6)] == [True, True, False]
    assert "and 4 more lines" in error.value.what


def test_an_empty_file_and_none(tmp_path):
    (tmp_path / "v.jsonl").write_text("\n")
    with pytest.raises(UserError, match=r"v\.jsonl: there is no comparison"):
        read_comparisons(tmp_path / "v.jsonl")
    with pytest.raises(UserError, match="cannot read"):
        read_comparisons(tmp_path / "none.jsonl")
    with speaking("pt-BR"), pytest.raises(UserError, match="não há nenhuma comparação"):
        read_comparisons(tmp_path / "v.jsonl")
