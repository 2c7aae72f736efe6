"""prosa ngram: the table and the text, by characters and words; prosa evaluate and generate on no decoder."""

import json
import math
from pathlib import Path

import pytest
import torch

from prosa.cli.main import main
from prosa.models.feedforward_lm import FeedForwardConfig, FeedForwardLM
from prosa.models.language_model import save_language_model
from prosa.models.recurrent import RecurrentConfig, RecurrentLM
from prosa.tokenizers.bytelevel import BYTE_CHARACTERS
from prosa.tokenizers.char import char_tokenizer

VERDICT = Path(__file__).parents[1] / "samples" / "the-verdict.txt"


def run_json(capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict]:
    assert main([*argv, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("unit", ["characters", "words"])
def test_the_table_and_the_text(unit: str, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["ngram", str(VERDICT), "--order", "6", "--unit", unit, "--generate", "40", "--prompt", "It was"]
    (found,) = run_json(capsys, *argv, "--seed", "1")
    rows = found["orders"]
    assert [row["order"] for row in rows] == list(range(7))
    own, held_out = [row["train_bits"] for row in rows], [row["held_out_bits"] for row in rows]
    assert own == sorted(own, reverse=True)  # the text itself becomes certain ...
    assert own[-1] < 0.5
    best = held_out.index(min(held_out))
    assert 1 <= best < 6  # ... and what was held out does not: long histories are new
    assert held_out[6] > own[6] + 1
    assert [row["seen"] for row in rows] == sorted((row["seen"] for row in rows), reverse=True)
    if unit == "characters":
        assert found["vocabulary"] < 100
        assert rows[0]["bits_per_character"] == rows[0]["held_out_bits"]
        assert 2 < held_out[best] < 3  # of Shannon's 4.1, 3.3, 3.1 bits: a short text
    else:
        assert found["unknown"] > 0
        assert rows[0]["bits_per_character"] < rows[0]["held_out_bits"] / 3
    assert found["text"].startswith("It was")
    assert len(found["text"]) > 40
    assert run_json(capsys, *argv, "--seed", "1") == [found]
    assert run_json(capsys, *argv, "--seed", "2")[0]["text"] != found["text"]


def test_the_table_is_shown_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    for lang, told in (("en", "Entropy by Markov order"), ("pt-BR", "Entropia por ordem de Markov")):
        assert main(["ngram", str(VERDICT), "--order", "2", "--unit", "words", "--lang", lang]) == 0
        out = capsys.readouterr().out
        assert told in out
        assert len([line for line in out.splitlines() if line.strip()[:2] in ("0 ", "1 ", "2 ")]) == 3


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--order", "7"], "--order is 7, must be from 0 to 6"),
        (["--generate", "-1", "--temperature", "-2"], "--generate is -1, must be 0 or more; --temperature is -2.0"),
        (["--prompt", "água"], "the prompt has 'á', which the text never has"),
        (["--prompt", "The zebra", "--unit", "words"], "the prompt has 'zebra'"),
    ],
)
def test_a_mistake_is_told(argv: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ngram", str(VERDICT), *argv]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["lstm", "feed-forward"])
def test_evaluate_and_generate_take_any_language_model(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = char_tokenizer([*BYTE_CHARACTERS, " ", "\n"], ["<|endoftext|>"])
    torch.manual_seed(0)
    if kind == "lstm":
        model = RecurrentLM(RecurrentConfig(tokenizer.vocab_size, 32, "lstm", 1, 16))
    else:
        model = FeedForwardLM(FeedForwardConfig(tokenizer.vocab_size, 32, 4, 8, 16))
    folder = str(tmp_path / "m")
    save_language_model(model, Path(folder), tokenizer=tokenizer)
    (figures,) = run_json(capsys, "evaluate", folder, "--text", str(VERDICT))
    assert figures["tokens"] == 20_479
    assert figures["nats_per_token"] == pytest.approx(math.log(tokenizer.vocab_size), abs=0.05)
    texts = [
        run_json(capsys, "generate", folder, "--prompt", "It was", "--max-tokens", "20", *more)[0]["text"]
        for more in ([], ["--no-use-cache"], ["--seed", "9"])
    ]
    assert texts[0] == texts[1] != texts[2]
    assert main(["chat", folder]) == 2
    assert "and this needs a decoder" in capsys.readouterr().err
