import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fake_run import CORPUS, EVALUATION
from fake_stages import gains_json

from prosa.core.language import set_language
from prosa.show import terminal
from prosa.show.corpus_table import show_corpus
from prosa.tokenizers.compare import Comparison
from prosa.tokenizers.pieces import Piece

PIECES = [Piece(5, "Não", 0, 3), Piece(6, " [b]\x1b", 3, 8), Piece(7, "\n", 8, 9), Piece(8, r"\xc3", 9, 10)]


@dataclass
class Plain:
    values: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return self.values


@dataclass
class Built:
    run: Path
    samples: list[dict[str, Any]]
    gains: dict[str, Any] | None = None


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def cells(text: str) -> list[list[str]]:
    """Rows of a printed table: cells are two or more spaces apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line.strip()]


def test_pieces_are_in_brackets_where_there_is_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_pieces(PIECES)
    assert capsys.readouterr().out == "[Não][·[b]␛][⏎]\n[\\xc3]\ntokens: 4\n"


def test_pieces_are_coloured_on_a_terminal_but_not_with_no_color(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    terminal.print_pieces(PIECES)
    out = capsys.readouterr().out
    backgrounds = re.findall(r"\x1b\[30;(\d+)m", out)
    assert len(backgrounds) == 4
    assert all(a != b for a, b in itertools.pairwise(backgrounds))
    assert re.sub(r"\x1b\[[\d;]*m", "", out) == "Não·[b]␛⏎\n\\xc3\ntokens: 4\n"
    monkeypatch.setenv("NO_COLOR", "1")
    terminal.print_pieces(PIECES)
    assert "[Não][·[b]␛]" in capsys.readouterr().out


def test_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    row = Comparison("meu [x]", 8000, 1234, 400, 4.125, 4.25, 1.5, 0, " nascimento", None)
    terminal.show_comparison([row])
    assert cells(capsys.readouterr().out)[-1] == [
        "meu [x]", "8,000", "1,234", "400", "4.12", "4.25", "1.50", "0", "·nascimento",
    ]  # fmt: skip
    set_language("pt-BR")
    terminal.show_comparison([row, Comparison("b", 1, 2, 2, 1.0, 1.0, 1.0, 3, "x", 0.25)])
    rows = cells(capsys.readouterr().out)
    assert rows[1][-1] == "custo"
    assert rows[-2][-2:] == ["·nascimento", "–"]
    assert rows[-1][-1] == "0,2500"


def test_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    show_corpus(Plain(CORPUS))  # type: ignore[arg-type]
    out = capsys.readouterr().out
    rows = cells(out)
    assert ["read", "2,014", "10.5 MB", "100.0%"] in rows
    assert ["– near duplicates", "48", "601.8 kB", "5.7%"] in rows
    assert ["= held out", "187", "421.9 kB", "4.0%"] in rows
    assert "other languages" not in out
    assert "wrapped lines joined" not in out  # that removes nothing
    assert "quebrado.pdf: EOF marker not found" in out


def test_corpus_with_report_has_every_rule_and_its_examples(capsys: pytest.CaptureFixture[str]) -> None:
    show_corpus(Plain(CORPUS), report=True)  # type: ignore[arg-type]
    out = capsys.readouterr().out
    rows = cells(out)
    for rule in CORPUS["rules"]:
        assert any(row[0].startswith(("– ", "~ ")) and row[1] == f"{rule['documents']:,}" for row in rows)
        for example in rule["examples"]:
            assert f"{example['source']}: {example['why']}" in out
    for problem in CORPUS["problems"]:
        assert f"{problem['source']}: {problem['why']}" in out


def test_evaluation(capsys: pytest.CaptureFixture[str]) -> None:
    set_language("pt-BR")
    terminal.show_evaluation(Plain(EVALUATION))
    out = capsys.readouterr().out
    rows = cells(out)
    assert ["bigrama", "2,081", "5,013"] in rows
    assert rows.index(["bigrama", "2,081", "5,013"]) < rows.index(["este modelo", "1,736", "4,182"])
    assert "intervalo de 95%: 1,710 a 1,763 bits por byte; 187 documentos; 121.400 tokens; perplexidade 65,50" in out
    assert "O modelo prevê texto que nunca viu melhor" in out


def test_evaluation_of_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    one = EVALUATION | {"documents": 1, "interval_over": "windows"}
    terminal.show_evaluation(Plain(one))
    assert "1.763 bits per byte, over windows; 1 document; 121,400 tokens" in capsys.readouterr().out
    set_language("pt-BR")
    terminal.show_evaluation(Plain(one))
    assert "1,763 bits por byte, sobre janelas; 1 documento; 121.400 tokens" in capsys.readouterr().out


def test_build_says_what_was_made_and_what_to_do_next(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_folder.rename(run_folder.parent / "o meu")
    terminal.show_build(Built(folder, [{"prompt": "Era uma vez", "text": "Era uma vez um velho médico"}]))
    out = " ".join(capsys.readouterr().out.split())
    assert "1.57 million parameters, 9.2 MB of text, 8.20 million tokens of training, 9 min 41 s" in out
    assert "Era uma vez um velho médico" in out
    assert "1.736 bits per byte, against 1.935" in out
    for command in (
        f"prosa generate '{folder}' --prompt 'Era uma vez' --max-tokens 200 --temperature 0.8",
        f"prosa report '{folder}'",
        f"prosa evaluate '{folder}' --text another-text.txt",
    ):
        assert command in out
    assert "prosa chat" not in out


def test_a_build_of_an_assistant_ends_with_what_each_stage_gained(run_folder: Path, capsys) -> None:
    terminal.show_build(Built(run_folder, [], gains_json()))
    out = " ".join(capsys.readouterr().out.split())
    assert "rl − sft" in out
    assert out.index("Gained over the stage before") < out.index("Next:") < out.index(f"prosa chat {run_folder}")
    assert f"prosa serve {run_folder}" in out


def test_the_other_stages(capsys: pytest.CaptureFixture[str]) -> None:
    split = {"documents": 3, "tokens": 1000, "bytes": 3210}
    sources = [
        {"name": "contos", "weight": 66150.0, "splits": {"train": split}},
        {"name": "cartas", "weight": 22050.0, "splits": {"train": split}},
    ]
    terminal.show_tokens({"sources": sources})
    rows = cells(capsys.readouterr().out)
    assert rows[-2:] == [
        ["contos", "75.0%", "training", "3", "1,000", "3.2 kB", "3.21"],
        ["cartas", "25.0%", "training", "3", "1,000", "3.2 kB", "3.21"],
    ]
    terminal.show_tokenizer(Plain({"vocab_size": 8000, "kind": "bpe", "folder": "a b"}))
    out = capsys.readouterr().out
    assert "bpe tokenizer of 8,000 tokens in a b" in out
    assert "prosa tokenizer show --tokenizer 'a b'" in out
    terminal.show_training(
        Plain({"steps": 10, "seconds": 70.0, "folder": "runs/x/base", "train": {"loss": 3.25}, "validation": {}})
    )
    assert cells(capsys.readouterr().out)[2:] == [
        ["steps", "10"],
        ["training loss (nats per token)", "3.250"],
        ["time", "1 min 10 s"],
    ]

    @dataclass
    class Check:
        name: str = "GPU"
        status: str = "warn"
        found: str = "none"
        advice: str = "get [bold]one[/]"

    terminal.show_checks([Check()])
    assert cells(capsys.readouterr().out)[-1] == ["!", "GPU", "none", "get [bold]one[/]"]


def test_what_to_do_next_can_be_pasted_where_the_shell_does_not_find_prosa(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = Plain({"vocab_size": 9, "kind": "bpe", "folder": "x"})
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.argv", [".venv/bin/prosa", "build"])
    terminal.show_tokenizer(trained)
    assert "  .venv/bin/prosa tokenizer show --tokenizer x" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["/usr/lib/python/pytest/__main__.py"])  # called from Python
    terminal.show_tokenizer(trained)
    assert "  prosa tokenizer show --tokenizer x" in capsys.readouterr().out
