"""The forms that programs rely on: arguments, JSON, exit codes."""

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prosa.cli.main import COMMANDS, main
from prosa.cli.probe import PROBES


def run_json(capsys: pytest.CaptureFixture[str], *argv: str) -> dict:
    assert main([*argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_help_needs_only_the_standard_library() -> None:
    code = (
        "import sys; from prosa.cli.main import main; main(['--help']);"
        "print(sorted({'torch', 'tyro', 'numpy', 'rich', 'yaml'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.endswith("[]\n")
    for command in COMMANDS:
        assert f"\n  {command} " in found.stdout


@pytest.mark.parametrize(
    "command",
    [
        *COMMANDS,
        *(f"tokenizer {a}" for a in ("train", "encode", "decode", "show", "compare")),
        *(f"keys {a}" for a in ("add", "list", "revoke", "usage", "prices")),
        *(f"show {a}" for a in ("attention", "positions", "embeddings", "tokens", "layers")),
        *(f"probe {a}" for a in PROBES),
    ],
)
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        raise SystemExit(main([*command.split(), "--help"]))
    assert stop.value.code in (0, None)
    text = capsys.readouterr().out
    if command not in ("tokenizer", "keys", "show", "probe"):
        assert f"  prosa {command} " in text.split("Examples:")[1]
        assert "--json" in text
    assert "{{" not in text


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["biuld"], "unknown command: 'biuld'. Did you mean 'build'"),
        (["tokenizer", "trian"], "unknown action: 'trian'. Did you mean 'train'"),
        (["build", "x", "--out", "y", "--recipe", "asistant"], "unknown recipe: 'asistant'. Did you mean 'assistant'"),
        (["build", "--out", "nowhere"], "no text given"),
        (["generate", "nowhere"], "nowhere is not a folder"),
        (["report", "nowhere"], "nowhere is not a run folder"),
        (["pretrain", "--data", "nowhere", "--out", "x", "--resume"], "nothing to resume in x"),
    ],
)
def test_a_mistake_is_told_and_exits_with_2(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert not any(tmp_path.iterdir())


def test_an_unknown_flag_exits_with_2_and_suggests(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["build", "x", "--out", "y", "--train.stepz", "3"])
    assert stop.value.code == 2
    assert "--train.steps" in capsys.readouterr().err


def test_an_unknown_key_in_a_recipe_names_file_and_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.yaml").write_text("train: {stepz: 3}")
    assert main(["build", "x", "--out", "y", "--recipe", str(tmp_path / "r.yaml")]) == 2
    assert re.search(r"r\.yaml: train: 'stepz'. Did you mean 'steps'", capsys.readouterr().err)


def test_messages_come_in_portuguese(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "nenhum", "--lang", "pt-BR"]) == 2
    assert "nenhum não é uma pasta" in capsys.readouterr().err


def test_encode_prints_ids_tokens_and_count(samples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run_json(capsys, "tokenizer", "encode", "--tokenizer", f"gpt2:{samples / 'gpt2'}", "Akwirw ier")
    assert found == {
        "ids": [33901, 86, 343, 86, 220, 959],
        "tokens": ["Ak", "w", "ir", "w", " ", "ier"],
        "count": 6,
    }


def test_encode_reads_standard_input_byte_for_byte(samples: Path) -> None:
    command = [sys.executable, "-m", "prosa.cli.main", "tokenizer", "encode", "--json", "-"]
    found = subprocess.run(
        [*command, "--tokenizer", f"word-v1:{samples / 'the-verdict.txt'}"],
        input=b'"It\'s the last he painted, you know,"\n Mrs. Gisburn said with pardonable pride.',
        capture_output=True,
        check=True,
    )
    ids = json.loads(found.stdout)["ids"]
    assert ids == [1, 56, 2, 850, 988, 602, 533, 746, 5, 1126, 596, 5, 1, 67, 7, 38, 851, 1108, 754, 793, 7]


def test_decode_and_show(samples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = f"gpt2:{samples / 'gpt2'}"
    assert run_json(capsys, "tokenizer", "decode", "33901", "86", "343", "--tokenizer", spec) == {"text": "Akwir"}
    pieces = run_json(capsys, "tokenizer", "show", "unfamiliarword", "--tokenizer", spec)
    assert [p["id"] for p in pieces] == [403, 69, 19968, 4775]
    assert main(["tokenizer", "decode", "50257", "--tokenizer", spec]) == 2


def test_compare_counts_and_costs(samples: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("Estude na Universidade Corporativa Módulo (UCM)", encoding="utf-8")
    specs = [f"gpt2:{samples / 'gpt2'}", str(samples / "cl100k_base.tiktoken"), f"bert:{samples / 'bert-base-uncased'}"]
    rows = run_json(capsys, "tokenizer", "compare", *specs, "--text", str(tmp_path / "t.txt"), "--price", "2")
    assert [row["tokens"] for row in rows] == [17, 14, 15]
    assert [row["cost"] for row in rows] == [0.034, 0.028, 0.03]


def test_evaluate_prints_the_agreed_keys(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run_json(capsys, "evaluate", str(tiny_run))
    assert {"nats_per_token", "bits_per_byte", "perplexity", "tokens", "bytes", "interval", "baselines"} <= found.keys()
    assert math.isclose(found["perplexity"], math.exp(found["nats_per_token"]), rel_tol=1e-9)
    bits = found["nats_per_token"] * found["tokens"] / found["bytes"] / math.log(2)
    assert math.isclose(found["bits_per_byte"], bits, rel_tol=1e-9)
    assert math.isclose(found["baselines"]["uniform"], math.log(320), rel_tol=1e-9)
    assert set(found["baselines"]) == {"uniform", "unigram", "kn2", "kn3", "kn4", "kn5"}
    assert found == json.loads((tiny_run / "evaluation.json").read_text())


def test_a_model_folder_alone_has_no_baselines(
    tiny_run: Path, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_run / "base", tmp_path / "model")
    found = run_json(capsys, "evaluate", str(tmp_path / "model"), "--text", str(samples / "the-verdict.txt"))
    assert set(found["baselines"].values()) == {None}
    assert found["bytes"] == 20479
    assert main(["evaluate", str(tmp_path / "model")]) == 2
    assert "--text" in capsys.readouterr().err


def test_generate_prints_text_tokens_and_reason(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = [
        "generate",
        str(tiny_run),
        "--prompt",
        "Era uma vez",
        "--max-tokens",
        "9",
        "--temperature",
        "0.8",
        "--seed",
        "7",
    ]
    found = run_json(capsys, *argv)
    assert found["text"] == "".join(token["text"] for token in found["tokens"])
    assert {"id", "text", "logprob"} <= found["tokens"][0].keys()
    assert all(token["logprob"] <= 0 for token in found["tokens"])
    assert found["finish_reason"] in ("stop", "length")
    assert run_json(capsys, *argv) == found
    assert main(argv) == 0
    assert capsys.readouterr().out == "Era uma vez" + found["text"] + "\n"


def test_several_completions_are_a_line_each(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = [
        "generate",
        str(tiny_run),
        "--prompt",
        "Era",
        "Naquela noite",
        "--samples",
        "2",
        "--max-tokens",
        "4",
        "--json",
    ]
    assert main(argv) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 4
    assert all(len(line["tokens"]) <= 4 for line in lines)


def test_a_decomposed_prompt_is_the_same_prompt(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["generate", str(tiny_run), "--max-tokens", "6", "--prompt"]
    assert run_json(capsys, *argv, "Não") == run_json(capsys, *argv, "Na\u0303o")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--prompt", "palavra " * 100], "context 32"),
        (["--temperature", "-1"], "temperature"),
        (["--max-tokens", "0"], "max_tokens"),
    ],
)
def test_generate_refuses(tiny_run: Path, flags: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", str(tiny_run), *flags]) == 2
    assert told in capsys.readouterr().err


def test_report_writes_the_page(tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_json(capsys, "report", str(tiny_run), "--out", str(tmp_path / "r.html")) == {
        "report": str(tmp_path / "r.html")
    }
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    evaluation = json.loads((tiny_run / "evaluation.json").read_text())
    assert f"{evaluation['bits_per_byte']:.3f}" in page


def test_doctor_tells_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    found = run_json(capsys, "doctor")
    assert found["python"]["status"] == "ok"
    assert found["python"]["found"] == ".".join(str(n) for n in sys.version_info[:3])
    assert {".pdf", ".html", ".parquet", "torch", "gpu", "processor", "memory", "disk", "compiler"} <= found.keys()
