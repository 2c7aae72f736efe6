"""``prosa dpo``: a tiny model learns what is preferred, resumes exactly, and says what it left out."""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch

from prosa.align.dpo_config import DpoConfig
from prosa.align.lora import LoraConfig
from prosa.align.sft import SftConfig
from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import load_model, save_model
from prosa.pipeline.dpo import dpo
from prosa.pipeline.pretrain import pretrain
from prosa.pipeline.run import load
from prosa.pipeline.sft import sft
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train
from prosa.train.config import TrainConfig

QUICK = {"micro_batch": 8, "batch_size": 8, "workers": 1, "compile": False, "lr": 3e-3}
NOUNS = ["casa", "rua", "mesa", "luz", "flor", "mar", "sol", "lua", "pão"]
NOUNS += ["vida", "hora", "água", "porta", "livro", "noite", "manhã", "tarde", "voz"]


@pytest.fixture(scope="module")
def preferences(tmp_path_factory) -> Path:
    """To any noun, "sim" is better than "não"; to some, "talvez" is in between. The fourth line is bad."""
    path = tmp_path_factory.mktemp("preferences") / "preferences.jsonl"
    lines: list[dict] = [{"prompt": noun, "chosen": "sim", "rejected": "não"} for noun in NOUNS]
    lines += [{"prompt": noun, "responses": ["sim", "talvez", ["não", "nada"]]} for noun in NOUNS[::4]]
    lines.insert(3, {"prompt": "fé", "chosen": "a", "rejected": "a"})
    lines.append({"prompt": "x " * 40, "chosen": "sim", "rejected": "não"})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    tokenizer = train([" ".join([*NOUNS, "sim não talvez nada"])], TokenizerConfig(vocab_size=320))
    torch.manual_seed(0)
    save_model(GPT(GPTConfig(320, 32, 2, 2, 32)), folder / "model", tokenizer=tokenizer)
    return folder / "model"


def _lines(folder: Path, kind: str) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def test_held_out_preferences_are_learnt_from_ln_2_on(base, preferences, tmp_path, capsys) -> None:
    config = DpoConfig(steps=60, held_out=0.3, eval_every=20, **QUICK)
    done = dpo(str(base), data=(preferences,), out=tmp_path, dpo=config)
    first, *_, last = _lines(done.folder, "validation")
    assert (first["step"], last["step"]) == (0, 60)
    assert abs(first["loss"] - math.log(2)) < 1e-6
    assert abs(_lines(done.folder, "train")[0]["loss"] - math.log(2)) < 1e-6
    assert first["margin"] == pytest.approx(0, abs=1e-5)
    assert last["accuracy"] == 1.0
    assert last["loss"] < 0.3
    assert last["margin"] > 1
    assert last["margin"] == pytest.approx(last["chosen_reward"] - last["rejected_reward"], rel=1e-4)
    assert last["pairs"] == first["pairs"] > 3
    data = done.figures["data"]
    assert data["bad"] == 1
    assert data["problems"] == [f"{preferences.as_posix()}:4: the same answer is better and worse: 'a'"]
    assert data["read"] == len(NOUNS) + len(NOUNS[::4]) + 1 == data["held_out"] + data["rankings"] + data["dropped"]
    assert data["measured"] == data["held_out"] > 3
    assert data["dropped"] == 1
    said = capsys.readouterr().err
    assert "1 bad" in said
    assert "do not fit the context of 32 tokens with their prompt are left out: 1 preferences" in said
    assert {line["prompt"] for line in _lines(done.folder, "sample")} <= set(NOUNS)
    assert load(str(done.folder))[2] == done.folder


def test_a_killed_training_ends_with_the_same_bits(base, preferences, tmp_path) -> None:
    config = DpoConfig(steps=30, checkpoint_every=10, keep_checkpoints=9, **QUICK)
    whole = dpo(str(base), data=(preferences,), out=tmp_path / "whole", dpo=config)
    dpo(str(base), data=(preferences,), out=tmp_path / "parts", dpo=config)
    folder = tmp_path / "parts" / "dpo"
    for gone in ("COMPLETE", "model.safetensors", "training.json"):
        (folder / gone).unlink()
    for step in (20, 30):
        shutil.rmtree(folder / "checkpoints" / f"step_{step}")
    again = dpo(str(base), data=(preferences,), out=tmp_path / "parts", dpo=config, resume="must")
    for a, b in zip(load_model(whole.folder).parameters(), load_model(again.folder).parameters(), strict=True):
        assert torch.equal(a, b)
    for kind in ("train", "validation", "sample"):
        for a, b in zip(_lines(whole.folder, kind), _lines(again.folder, kind), strict=True):
            clock = {"seconds", "tokens_per_second", "share_of_peak"}
            assert {k: v for k, v in a.items() if k not in clock} == {k: v for k, v in b.items() if k not in clock}
    same = dpo(str(base), data=(preferences,), out=tmp_path / "parts", dpo=config, resume="auto")
    assert same.figures == again.figures


def test_going_on_from_another_model_or_other_preferences_is_refused(base, preferences, tmp_path) -> None:
    own = shutil.copytree(base, tmp_path / "model")
    config = DpoConfig(steps=4, **QUICK)

    def start(data: Path = preferences, **more) -> Path:
        return dpo(str(own), data=(data,), out=tmp_path, dpo=config, **more).folder

    (start() / "COMPLETE").unlink()
    with pytest.raises(UserError, match="was begun from lora"):
        start(lora=LoraConfig(rank=2), resume="auto")
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text("".join(preferences.read_text().splitlines(keepends=True)[5:]))
    with pytest.raises(UserError, match="the text of the corpus changed"):
        start(fewer, resume="auto")
    model, tokenizer, _ = load(str(own))
    with torch.no_grad():
        model.embedding.weight[0] += 1
    save_model(model, own, tokenizer=tokenizer)
    with pytest.raises(UserError, match="the model that it began with changed"):
        start(resume="auto")


@pytest.mark.parametrize(
    ("lines", "config", "message"),
    [
        ([], {}, "no record"),
        ([{"prompt": "a", "chosen": "b"}], {}, "neither 'chosen' and 'rejected', nor 'responses'"),
        ([{"prompt": "a", "responses": ["b"]}], {}, "fewer than two answers"),
        ([{"prompt": "x " * 40, "chosen": "b", "rejected": "c"}], {}, "none of 1 rankings has two answers"),
        ([{"prompt": "a", "chosen": "b", "rejected": "x " * 40}], {}, "none of 1 rankings has two answers"),
        ([{"prompt": "a", "chosen": "b", "rejected": "c"}], {"held_out": 1 - 1e-12}, "everything is held out"),
    ],
)
def test_bad_data_is_refused_before_anything_is_written(base, tmp_path, lines, config, message) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UserError, match=message):
        dpo(str(base), data=(path,), out=tmp_path / "run", dpo=DpoConfig(steps=2, **{"held_out": 0.0} | config))
    assert not (tmp_path / "run").exists()


def test_a_tokenizer_without_chat_tokens_is_refused(preferences, tmp_path) -> None:
    plain = train(["a b c"], TokenizerConfig(vocab_size=300, special_tokens=("<|endoftext|>",)))
    save_model(GPT(GPTConfig(300, 32, 1, 2, 32)), tmp_path / "plain", tokenizer=plain)
    with pytest.raises(UserError, match="no chat template"):
        dpo(str(tmp_path / "plain"), data=(preferences,), out=tmp_path)


def test_lora_trains_adapters_against_the_model_without_them(base, preferences, tmp_path) -> None:
    from prosa.align.adapter import load_adapter

    config = DpoConfig(steps=60, held_out=0.3, **QUICK)
    done = dpo(str(base), data=(preferences,), out=tmp_path, dpo=config, lora=LoraConfig(rank=4))
    first, *_, last = _lines(done.folder, "validation")
    assert abs(first["loss"] - math.log(2)) < 1e-6
    assert last["accuracy"] == 1.0
    before, after = load_model(base), load_model(done.folder)
    assert torch.equal(before.embedding.weight, after.embedding.weight)
    load_adapter(before, done.folder / "adapter")
    ids = torch.tensor([[1, 2, 3]])
    torch.testing.assert_close(before(ids), after(ids), rtol=0, atol=1e-5)
    assert done.figures["trained_parameters"] < done.figures["parameters"] / 2


def test_threads_that_share_rows_train_the_same(base, preferences, tmp_path) -> None:
    found = []
    for workers in (1, 2):
        config = DpoConfig(steps=5, **QUICK | {"workers": workers})
        done = dpo(str(base), data=(preferences,), out=tmp_path / str(workers), dpo=config)
        found.append(list(load_model(done.folder).parameters()))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_a_run_prefers_after_it_was_fine_tuned_and_a_new_sft_or_base_ends_it(tiny_run, preferences, tmp_path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    settings = {**QUICK, "steps": 2}
    first = dpo(str(run), data=(preferences,), dpo=DpoConfig(**settings))
    assert f"model: {run / 'base'}" in (first.folder / "config.resolved.yaml").read_text()
    talks = tmp_path / "talks.jsonl"
    talks.write_text(json.dumps({"instruction": "Oi", "output": "Olá"}) + "\n", encoding="utf-8")
    fine_tuning = SftConfig(held_out=0.0, precision="float32", **settings)
    sft(str(run), data=(talks,), sft=fine_tuning)
    second = dpo(str(run), data=(preferences,), dpo=DpoConfig(**settings), force=True)
    assert second.folder == run / "dpo" == load(str(run))[2]
    assert f"model: {run / 'sft'}" in (second.folder / "config.resolved.yaml").read_text()
    with pytest.raises(UserError, match="dpo already exists"):
        dpo(str(run), data=(preferences,))
    sft(str(run), data=(talks,), sft=fine_tuning, force=True)
    assert not second.folder.exists()
    dpo(str(run), data=(preferences,), dpo=DpoConfig(**settings))
    pretrain(data=run, out=run, train=TrainConfig(steps=1, batch_size=2), force=True)
    assert not (run / "sft").exists()
    assert not second.folder.exists()


def test_the_command_in_both_languages(base, preferences, tmp_path, capsys) -> None:
    flags = ["--dpo.steps=3", "--dpo.batch-size=4", "--dpo.held-out=0.3", "--dpo.loss=ipo", "--dpo.beta=0.5"]
    arguments = ["dpo", str(base), "--data", str(preferences), "--out", str(tmp_path), *flags]
    assert main([*arguments, "--json", "--lang", "en"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["validation"]["pairs"] > 3
    assert _lines(tmp_path / "dpo", "validation")[0]["loss"] == pytest.approx(1 / (4 * 0.5**2), rel=1e-5)
    assert main([*arguments, "--lang", "pt-BR", "--resume", "auto"]) == 0
    shown, said = capsys.readouterr()
    assert "reservado: parcela de pares certos" in shown
    assert "está completa; nada a fazer" in said
    assert main([*arguments, "--lang", "pt-BR"]) == 2
    assert "já existe" in capsys.readouterr().err
    set_language(None)
