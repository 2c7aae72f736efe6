"""The arena's tables: values where they belong, in both languages, and no control character of a model or a judge."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from prosa.core.language import set_language
from prosa.show.arena import show_arena


@dataclass
class Plain:
    values: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return self.values


def rate(first: str, second: str, low: float, high: float) -> dict[str, Any]:
    counts = {"first": first, "second": second, "wins": 1200, "ties": 300, "losses": 500, "prompts": 400}
    ends = {"interval": [low, high], "difference_interval": [2 * low - 1, 2 * high - 1]}
    return counts | {"rate": 0.675} | ends


def rating(model: str, value: float, low: float | None, high: float | None) -> dict[str, Any]:
    return {"model": model, "rating": value, "interval": [low, high], "comparisons": 2000}


def model(name: str, cut: int = 0, too_long: int = 0) -> dict[str, Any]:
    return {"model": name, "cut": cut, "too_long": too_long}


def arena(**changes: Any) -> Plain:
    return Plain(
        {
            "models": [model("sft"), model("rl")],
            "asked": {"plurals": 300, "mine.jsonl": 100},
            "unheld": 0,
            "judges": ["verifier"],
            "prompts": 400,
            "without_verdict": 0,
            "unreadable": [],
            "both_orders": 0,
            "flips": 0,
            "flip_rate": None,
            "win_rates": [rate("sft", "base", 0.61, 0.742), rate("rl", "sft", 0.46, 0.62), rate("a", "b", 0.2, 0.4)],
            "bradley_terry": [rating("rl", 1086.4, 1054.0, 1114.0), rating("base", 880.6, 853.0, 910.0)],
            "elo": [rating("base", 908.0, 885.0, 934.0), rating("rl", 1072.0, 1047.0, 1095.0)],
        }
        | changes
    )


def cells(text: str) -> list[list[str]]:
    """Rows of a printed table: cells are two or more spaces apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line.strip()]


def test_every_value_in_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    show_arena(arena())
    out = capsys.readouterr().out
    rows = cells(out)
    assert ["sft × base", "1,200", "300", "500", "400", "67.5%", "61.0% – 74.2%", "yes"] in rows
    assert [row[-1] for row in rows if "×" in row[0]] == ["yes", "unsure", "no, worse"]
    assert ["rl", "1,086", "1,054 – 1,114", "1,072", "1,047 – 1,095", "2,000"] in rows
    assert ["base", "881", "853 – 910", "908", "885 – 934", "2,000"] in rows
    assert out.rstrip().endswith("Judged by verifier on 400 prompts; intervals are a bootstrap over prompts.")


def test_portuguese(capsys: pytest.CaptureFixture[str]) -> None:
    set_language("pt-BR")
    show_arena(arena(flip_rate=0.13, flips=13, both_orders=100))
    out = capsys.readouterr().out
    assert ["sft × base", "1.200", "300", "500", "400", "67,5%", "61,0% – 74,2%", "sim"] in cells(out)
    assert "Julgado por verifier em 400 prompts" in out
    assert "O veredito mudou com a ordem das respostas em 13 de 100 pares (13,0%): empates." in out


def test_an_open_end_is_infinite_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    ratings = [rating("rl", 1256.0, 1109.0, None), rating("base", 744.0, None, 891.0)]
    show_arena(arena(bradley_terry=ratings))
    out = capsys.readouterr().out
    assert "1,109 – ∞" in out
    assert "-∞ – 891" in out
    assert "∞: some models won every comparison" in out


def test_replies_that_are_no_verdict_are_counted_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_arena(arena(unreadable=["I [bold]cannot\x1b[31m\n choose", "y" * 999, "third", "fourth"], without_verdict=2))
    out = capsys.readouterr().out
    assert "Replies that were no verdict: 4; comparisons left out for it: 2." in out
    assert r"'I [bold]cannot\x1b[31m choose'" in out
    assert "y" * 200 in out
    assert "y" * 201 not in out
    assert "third" in out
    assert "fourth" not in out


def test_a_name_can_draw_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show_arena(arena(judges=["[red]x\x1b[2J"], win_rates=[rate("[b]\x1b", "y", 0.6, 0.7)]))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[red]x␛[2J" in out
    assert "[b]␛ × y" in out


def test_what_no_judge_saw_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_arena(arena(models=[model("sft", cut=1200), model("rl\x1b", too_long=7)], unheld=12))
    out = capsys.readouterr().out
    assert "sft: 1,200 of 400 answers did not end by themselves." in out
    assert "rl␛: 7 of 400 prompts are longer than its context: no answer." in out
    assert "12 of 400 prompts are left out: an answer is longer than the reward model's context." in out
    set_language("pt-BR")
    show_arena(arena(models=[model("sft", cut=1200), model("rl", too_long=7)], unheld=12))
    out = capsys.readouterr().out
    assert "sft: 1.200 de 400 respostas não terminaram sozinhas." in out
    assert "rl: 7 de 400 prompts são maiores que o seu contexto: sem resposta." in out
    assert "12 de 400 prompts ficam de fora" in out


def test_ten_prompts_with_every_answer(capsys: pytest.CaptureFixture[str]) -> None:
    replies = {"[b]sft": {"text": "a\nb\x1b", "right": True}, "rl": {"text": "x" * 999, "right": False}}
    asked = [{"prompt_id": str(i), "prompt": f"Quanto é {i}?", "replies": replies} for i in range(12)]
    asked[1]["replies"] = {"rl": {"text": "oi", "right": None}}
    show_arena(arena(answers=asked), answers=True)
    out = capsys.readouterr().out
    assert "\nQuanto é 0?\n  ✓ [b]sft a ⏎ b␛\n  ✗ rl     " + "x" * 160 + "…\n\nQuanto é 1?\n  · rl oi\n" in out
    assert ("Quanto é 9?" in out, "Quanto é 10?" in out) == (True, False)
