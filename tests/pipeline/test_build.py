"""The run folder, and that stages in a row are stages one by one."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.core.files import damage, sha256
from prosa.pipeline.run import load, model_folder


def test_the_run_folder_holds_every_stage(tiny_run: Path) -> None:
    for stage in ("corpus", "tokenizer", "data", "base"):
        assert (tiny_run / stage / "COMPLETE").is_file()
    for name in ("recipe.yaml", "evaluation.json", "report.html"):
        assert (tiny_run / name).is_file()
    for name in (
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
        "chat_template.jinja",
        "config.resolved.yaml",
        "metrics.jsonl",
        "env.json",
    ):
        assert (tiny_run / "base" / name).is_file(), name
    assert damage(tiny_run / "corpus") is None
    assert not list(tiny_run.rglob("*.tmp"))


def test_no_pickle_is_written(tiny_run: Path) -> None:
    assert {path.suffix for path in tiny_run.rglob("*") if path.is_file()} <= {
        ".json",
        ".jsonl",
        ".yaml",
        ".safetensors",
        ".bin",
        ".npy",
        ".html",
        ".jinja",
        "",
    }


def test_transformers_opens_the_base_folder_with_the_same_logits_and_ids(tiny_run: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ours, tokenizer, folder = load(str(tiny_run))
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    text = "— Não consultes dicionários. Às 3h, <|endoftext|>!"
    ids = tokenizer.encode(text)
    # the library's own encoding takes <|endoftext|> in a text as the control token, ours only where it is asked to
    assert AutoTokenizer.from_pretrained(folder)(text)["input_ids"] == tokenizer.encode(text, allow_special=True)
    assert tokenizer.end_of_text not in ids
    assert tokenizer.decode(ids) == text
    batch = torch.tensor([ids[:32]])
    with torch.no_grad():
        assert (ours(batch) - theirs(batch).logits).abs().max() < 1e-4


def test_stages_one_by_one_give_the_model_that_build_gives(
    tiny_run: Path, samples: Path, tmp_path: Path, tiny: list[str]
) -> None:
    run = tmp_path / "run"
    assert main(["corpus", str(samples / "machado"), "--out", str(run / "corpus")]) == 0
    vocabulary = [flag for flag in tiny if flag.startswith("--tokenizer")]
    assert main(["tokenizer", "train", str(run / "corpus"), "--out", str(run / "tokenizer"), *vocabulary]) == 0
    assert main(["prepare", str(run), "--tokenizer", str(run / "tokenizer"), "--out", str(run / "data")]) == 0
    rest = [flag for flag in tiny if flag.startswith(("--model", "--train", "--sample"))]
    assert main(["pretrain", "--data", str(run / "data"), "--out", str(run), *rest]) == 0
    assert sha256(run / "base" / "model.safetensors") == sha256(tiny_run / "base" / "model.safetensors")


def test_the_saved_recipe_is_enough_to_run_it_again(tiny_run: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert main(["build", "--recipe", str(tiny_run / "recipe.yaml"), "--out", str(again)]) == 0
    ours, theirs = (load_file(run / "base" / "model.safetensors") for run in (tiny_run, again))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_that_exists_is_refused_and_left_alone(
    tiny_run: Path, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sha256(tiny_run / "base" / "model.safetensors")
    assert main(["build", str(samples / "machado"), "--out", str(tiny_run)]) == 2
    assert re.search(r"already exists\.\n.*--resume auto.*--force", capsys.readouterr().err)
    assert sha256(tiny_run / "base" / "model.safetensors") == before
    assert main(["pretrain", "--data", str(tiny_run), "--out", str(tiny_run)]) == 2
    assert "--resume auto" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_not_offered_to_be_resumed(
    tmp_path: Path, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.doc").write_text("mine", encoding="utf-8")
    assert main(["build", str(samples / "machado"), "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "already exists" in said
    assert "--resume" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def test_resume_skips_what_is_done_and_refuses_another_recipe(
    tiny_run: Path, samples: Path, tmp_path: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    shutil.rmtree(run / "base")
    (run / "evaluation.json").unlink()
    stamp = (run / "corpus" / "train.jsonl").stat().st_mtime_ns
    argv = ["build", str(samples / "machado"), "--out", str(run), "--resume", "auto", *tiny]
    assert main(argv) == 0
    assert (run / "corpus" / "train.jsonl").stat().st_mtime_ns == stamp
    assert sha256(run / "base" / "model.safetensors") == sha256(tiny_run / "base" / "model.safetensors")
    capsys.readouterr()
    assert main([*argv, "--train.lr", "0.5"]) == 2
    assert "train.lr 0.004 -> 0.5" in capsys.readouterr().err


def test_a_changed_corpus_under_a_resumed_run_is_refused(
    tiny_run: Path, samples: Path, tmp_path: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    (run / "base" / "COMPLETE").unlink()
    texts = tmp_path / "texts"
    shutil.copytree(samples / "machado", texts)
    (texts / "imortais.txt").unlink()
    assert main(["corpus", str(texts), "--out", str(run / "corpus"), "--force"]) == 0
    assert (
        main(["prepare", str(run), "--tokenizer", str(run / "tokenizer"), "--out", str(run / "data"), "--force"]) == 0
    )
    capsys.readouterr()
    rest = [flag for flag in tiny if flag.startswith(("--model", "--train", "--sample"))]
    assert main(["pretrain", "--data", str(run), "--out", str(run), "--resume", "auto", *rest]) == 2
    assert "text of the corpus changed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("short.txt", "Um texto curto demais para treinar. " * 4, "too small to train on"),
        ("image.png", b"\x89PNG\r\n\x1a\n\0\0\0", "png"),
        ("binary.txt", bytes(range(256)) * 100, "binary"),
    ],
)
def test_text_that_cannot_be_trained_on(
    name: str, content: str | bytes, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["build", str(folder), "--out", str(tmp_path / "run")]) == 2
    assert told in capsys.readouterr().err


def test_force_deletes_nothing_before_the_new_input_is_seen(tiny_run: Path, samples: Path, tmp_path: Path) -> None:
    run, texts = tmp_path / "run", tmp_path / "texts"
    shutil.copytree(tiny_run, run)
    shutil.copytree(samples / "machado", texts)
    before = sha256(run / "base" / "model.safetensors")
    assert main(["build", str(tmp_path / "typo"), "--out", str(run), "--force"]) == 2
    assert main(["pretrain", "--data", str(tmp_path / "typo"), "--out", str(run), "--force"]) == 2
    assert main(["pretrain", "--data", str(run), "--out", str(run), "--force", "--resume", "auto"]) == 2
    assert sha256(run / "base" / "model.safetensors") == before
    for command in ("build", "corpus"):
        assert main([command, str(texts), "--out", str(texts), "--force"]) == 2
    assert len(list(texts.glob("*.txt"))) == 10


def test_a_mistyped_path_leaves_nothing_in_the_way(samples: Path, tmp_path: Path, tiny: list[str]) -> None:
    run = tmp_path / "run"
    assert main(["build", str(tmp_path / "typo"), "--out", str(run)]) == 2
    assert not run.exists()


def test_new_files_are_read_before_training_and_refused_after(
    samples: Path, tmp_path: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run, texts = tmp_path / "run", tmp_path / "texts"
    texts.mkdir()
    shutil.copy(samples / "machado" / "imortais.txt", texts)
    argv = ["build", str(texts), "--out", str(run), "--resume", "auto", *tiny]
    assert main(argv) == 2
    assert "too small to train on" in capsys.readouterr().err
    shutil.copytree(samples / "machado", texts, dirs_exist_ok=True)
    assert main(argv) == 0
    assert "reading them again" in capsys.readouterr().err
    assert json.loads((run / "corpus" / "report.json").read_text())["documents_in"] == 10
    (texts / "novo.txt").write_text("Um texto novo. " * 100)
    assert main(argv) == 2
    assert "novo.txt" in capsys.readouterr().err


def test_size_and_depth_flags_are_not_overruled_by_the_default_recipe(tiny_run: Path, tmp_path: Path) -> None:
    argv = ["pretrain", "--data", str(tiny_run / "data"), "--train.steps", "1", "--train.batch-size", "1"]
    for name, flags, layers, width in (
        ("a", ["--model.depth", "2"], 2, 128),
        ("b", ["--model.size", "medium"], 6, 384),
        ("c", [], 4, 128),
    ):
        assert main([*argv, "--out", str(tmp_path / name), "--model.context", "16", *flags]) == 0
        config = json.loads((tmp_path / name / "base" / "config.json").read_text())
        assert (config["num_hidden_layers"], config["hidden_size"]) == (layers, width)


def test_a_model_beyond_the_memory_is_refused_before_it_is_built(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["pretrain", "--data", str(tiny_run / "data"), "--out", str(tmp_path / "x"), "--model.size", "gpt3-175b"]
    assert main(argv) == 2
    assert "will not fit" in capsys.readouterr().err
    assert not (tmp_path / "x" / "base").exists()


def test_the_resolved_configuration_has_what_was_settled(tiny_run: Path) -> None:
    resolved = yaml.safe_load((tiny_run / "base" / "config.resolved.yaml").read_text())["train"]
    assert (resolved["steps"], resolved["micro_batch"], resolved["precision"]) == (12, 4, "float32")
    assert yaml.safe_load((tiny_run / "recipe.yaml").read_text())["train"] == resolved


def test_a_finished_model_is_not_what_other_flags_ask_for(
    tiny_run: Path, tmp_path: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    argv = ["pretrain", "--data", str(run), "--out", str(run), "--resume", "auto"]
    rest = [flag for flag in tiny if flag.startswith(("--model", "--train", "--sample"))]
    assert main([*argv, *rest]) == 0
    assert main([*argv, *rest, "--model.n-layer", "3"]) == 2
    assert "model.n_layer 1 -> 3" in capsys.readouterr().err


def test_a_new_model_takes_the_old_one_s_figures_away(tiny_run: Path, tmp_path: Path, tiny: list[str]) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    rest = [flag for flag in tiny if flag.startswith(("--model", "--train", "--sample"))]
    assert main(["pretrain", "--data", str(run), "--out", str(run), "--force", *rest, "--train.seed", "1"]) == 0
    assert not (run / "evaluation.json").exists()
    assert main(["evaluate", str(run)]) == 0
    assert (run / "evaluation.json").read_text() != (tiny_run / "evaluation.json").read_text()


def test_an_impossible_model_is_told_before_the_corpus_is_read(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["build", str(samples / "machado"), "--out", str(tmp_path / "run"), "--model.size", "gpt3-1.3b"]
    assert main(argv) == 2
    assert "16" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_tokenizer_of_another_model_is_refused(tiny_run: Path, samples: Path, tmp_path: Path) -> None:
    from prosa.tokenizers.load import load as load_tokenizer

    shutil.copytree(tiny_run / "base", tmp_path / "model")
    load_tokenizer(f"gpt2:{samples / 'gpt2'}").save(tmp_path / "model")
    with pytest.raises(UserError, match="50257 ids does not match a model of 320"):
        load(str(tmp_path / "model"))


def test_a_tokenizer_of_the_same_size_is_not_mistaken_for_the_model_s(tiny_run: Path, tmp_path: Path) -> None:
    from prosa.tokenizers.config import TokenizerConfig
    from prosa.tokenizers.train import train

    shutil.copytree(tiny_run / "base", tmp_path / "model")
    train(["outro texto, outras palavras, outra ordem " * 50], TokenizerConfig(vocab_size=320)).save(tmp_path / "model")
    with pytest.raises(UserError, match="not the one that the model was trained with"):
        load(str(tmp_path / "model"))


def test_which_model_a_name_means(tiny_run: Path) -> None:
    assert model_folder(str(tiny_run)) == tiny_run / "base"
    assert model_folder(f"{tiny_run}:base") == tiny_run / "base"
    assert model_folder(str(tiny_run / "base")) == tiny_run / "base"
    with pytest.raises(UserError, match="Did you mean 'sft'"):
        model_folder(f"{tiny_run}:stf")
    with pytest.raises(UserError, match="has no stage 'sft'"):
        model_folder(f"{tiny_run}:sft")
    with pytest.raises(UserError, match="holds no finished model"):
        model_folder(str(tiny_run / "corpus"))


def test_metrics_have_all_kinds_of_lines(tiny_run: Path) -> None:
    lines = [json.loads(line) for line in (tiny_run / "base" / "metrics.jsonl").read_text().splitlines()]
    steps = {
        kind: [line["step"] for line in lines if line["kind"] == kind] for kind in ("train", "validation", "sample")
    }
    assert steps["train"] == list(range(1, 13))
    assert steps["validation"][-1] == 12
    assert steps["sample"][-1] == 12
    assert all(line["lr"] >= 0 and line["grad_norm"] > 0 for line in lines if line["kind"] == "train")
