"""``prosa train-translation`` and ``prosa translate``: a tiny language is learnt, resumed exactly, and translated."""

import io
import json
import random
import shutil
from pathlib import Path

import pytest

from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.core.files import read_json
from prosa.core.language import set_language
from prosa.models.translation_folder import load_translator as load_folder
from prosa.pipeline.translation import load_translator, train_translation, translate
from prosa.pipeline.translation_config import TranslationConfig, TranslationShape
from prosa.pipeline.tuning import Tuned
from prosa.tokenizers.config import TokenizerConfig

WHO = {"o gato": "the cat", "o rato": "the rat", "a Ana": "Ana", "o pato": "the duck", "a rosa": "the rose"}
DOES = {"vê": "sees", "quer": "wants", "ama": "loves", "perde": "loses", "acha": "finds"}
WHEN = {"hoje": "today", "agora": "now", "sempre": "always", "": ""}
SMALL = {"transformer": TranslationShape(n_layer=1, d_model=32, n_head=2, d_ff=64, context=24, dropout=0.0)}
SMALL["rnn"] = TranslationShape(d_model=32, d_embedding=24, context=24, dropout=0.0)
WORDS = TokenizerConfig(vocab_size=330)
QUICK = {"batch_size": 16, "micro_batch": 16, "precision": "float32", "workers": 1, "held_out": 0.15, "eval_every": 500}


def sentences() -> list[tuple[str, str]]:
    made = [
        (f"{a} {does} {b} {when}".strip(), f"{WHO[a]} {DOES[does]} {WHO[b]} {WHEN[when]}".strip())
        for a in WHO
        for b in WHO
        for does in DOES
        for when in WHEN
        if a != b
    ]
    random.Random(0).shuffle(made)
    return made


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "pares.tsv"
    lines = [f"{a}\t{b}\n" for a, b in sentences()]
    lines.insert(2, "sozinho\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def trained(kind, table, out, **more) -> Tuned:
    options = {"steps": 120, "lr": 1e-2, "muon_lr": 2e-2, "label_smoothing": 0.0} | more.pop("options", {})
    config = TranslationConfig(**QUICK, **options)
    return train_translation(
        (table,), out=out, model=kind, translation=config, shape=SMALL[kind], tokenizer=WORDS, **more
    )


@pytest.fixture(scope="module", params=["transformer", "rnn"])
def learnt(request, table, tmp_path_factory) -> Tuned:
    return trained(request.param, table, tmp_path_factory.mktemp("run"))


def test_a_tiny_language_is_learnt(learnt, table) -> None:
    data, found = learnt.figures["data"], learnt.figures["held_out"]
    assert (data["read"], data["bad"], data["repeated"], data["too_long"]) == (400, 1, 0, 0)
    assert data["problems"] == [f"{table.as_posix()}:3: a column is missing: 1 of at least 2"]
    assert data["pairs"] + data["held_out"] + data["leaks"] == 400
    assert found["n"] == data["held_out"] > 30
    for search in ("greedy", "beam"):
        assert found[search]["chrf"]["value"] > 80 > found["copied"]["chrf"]["value"]
        low, high = found[search]["bleu"]["interval"]
        assert low <= found[search]["bleu"]["value"] <= high
        assert "tok:13a" in found[search]["bleu"]["signature"]
    assert (learnt.folder / "COMPLETE").is_file()
    (said,) = translate(str(learnt.folder.parent), ("o gato  vê a Ana agora",)).items
    assert said.text == "the cat sees Ana now"
    assert said.ended


def test_steps_multiply_to_the_text_and_looks_sum_to_one(learnt) -> None:
    import math

    found = translate(str(learnt.folder.parent), ("a Ana quer o pato", "o rato ama a rosa hoje"), show="steps")
    for item in found.items:
        total = sum(math.log(step.probability) for step in item.steps)
        assert total == pytest.approx(item.log_prob, abs=1e-3)
        assert "".join(step.token for step in item.steps[:-1]).replace("Ġ", " ").strip() == item.text
        assert item.steps[0].alternatives[0][1] >= item.steps[0].probability
    (one, _) = translate(str(learnt.folder.parent), ("a Ana quer o pato", "o rato ama"), show="attention").looks
    assert one.source[:-1] == ("a", "Ana", "quer", "o", "pato")
    assert one.target[:-1] == ("Ana", "wants", "the", "duck")
    assert one.weights.shape[2:] == (len(one.target), len(one.source))
    assert one.weights.sum(-1) == pytest.approx(1, abs=1e-5)


def test_resumed_is_uninterrupted_bit_for_bit(table, tmp_path) -> None:
    whole = trained("transformer", table, tmp_path / "whole", options={"steps": 12, "checkpoint_every": 5})
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    cut = tmp_path / "cut" / "translation"
    for name in ("COMPLETE", "training.json", "model.safetensors", "checkpoints/step_12"):
        shutil.rmtree(cut / name) if (cut / name).is_dir() else (cut / name).unlink()
    options = {"steps": 12, "checkpoint_every": 5}
    trained("transformer", table, tmp_path / "cut", options=options, resume="must")
    assert (cut / "model.safetensors").read_bytes() == (whole.folder / "model.safetensors").read_bytes()
    again = trained("transformer", table, tmp_path / "cut", options=options, resume="auto")
    assert again.figures == read_json(cut / "training.json")
    with pytest.raises(UserError, match="already exists"):
        trained("transformer", table, tmp_path / "cut", options=options)
    with pytest.raises(UserError, match=r"was begun from model transformer, not from model rnn|with other settings"):
        trained("rnn", table, tmp_path / "cut", options=options, resume="auto")


def test_the_command(learnt, tmp_path, capsys, monkeypatch) -> None:
    set_language("en")
    run = str(learnt.folder.parent)
    assert main(["translate", run, "o gato vê a Ana", "o pato ama a rosa hoje", "--beam", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == ["the cat sees Ana", "the duck loves the rose today"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("o gato vê a Ana\r\n\no rato quer o pato\n".encode())))
    assert main(["translate", run, "-", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in lines] == ["the cat sees Ana", "", "the rat wants the duck"]
    picture = tmp_path / "look.html"
    assert main(["translate", run, "a Ana <b>quer", "--show", "attention", "--out", str(picture)]) == 0
    page = picture.read_text(encoding="utf-8")
    assert "<b>quer" not in page
    assert "default-src &#x27;none&#x27;" in page
    assert not any(f'{attribute}="http' in page.partition("<script>")[0] for attribute in ("src", "href"))
    assert main(["translate", run, "o gato", "--show", "steps"]) == 0
    assert "probability" in capsys.readouterr().out


def test_a_png(learnt, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    translate(str(learnt.folder), ("o gato vê a Ana",), out=tmp_path / "look.png")
    assert (tmp_path / "look.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        (("",), {}, "a sentence is empty"),
        ((" \t",), {}, "a sentence is empty"),
        (("gato " * 40,), {}, r"a sentence of \d+ tokens does not fit the model, which reads 23"),
        (("o gato",), {"beam": 0}, "beam is 0 and must be from 1 to 1000"),
        (("o gato",), {"out": Path("x.jpg")}, "a picture is .html or .png"),
        ((), {}, "no sentence given"),
    ],
)
def test_what_cannot_be_translated(learnt, texts, options, message) -> None:
    set_language("en")
    with pytest.raises(UserError, match=message):
        translate(str(learnt.folder), texts, **options)


def test_what_cannot_be_trained(tmp_path, table, learnt) -> None:
    set_language("en")

    def refused(message: str, data: Path = table, **options) -> None:
        with pytest.raises(UserError, match=message):
            train_translation((data,), out=tmp_path / "out", **options)

    refused(r"no shape.d_embedding", shape=TranslationShape(d_embedding=8))
    refused(r"no shape.n_layer", model="rnn", shape=TranslationShape(n_layer=8))
    refused("Did you mean 'small'", shape=TranslationShape(size="smal"))
    refused("--minutes is -1", minutes=-1.0)
    refused("contradict each other", minutes=1.0, translation=TranslationConfig(steps=3))
    refused("no pair is shorter than the context of 2", shape=TranslationShape(context=2))
    refused("heads", shape=TranslationShape(d_model=30, n_head=4))
    one = tmp_path / "one.tsv"
    one.write_text("a\tb\n", encoding="utf-8")
    refused("everything is held out", one, translation=TranslationConfig(held_out=0.999999))
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="has no translator"):
        load_translator(str(tmp_path))
    damaged = tmp_path / "damaged"
    shutil.copytree(learnt.folder, damaged)
    config = read_json(damaged / "config.json")
    (damaged / "config.json").write_text(json.dumps(config | {"d_model": 2 * config["d_model"]}), encoding="utf-8")
    with pytest.raises(UserError, match="has shape"):
        load_folder(damaged)
    (damaged / "config.json").write_text(json.dumps(config | {"model_type": "gpt2"}), encoding="utf-8")
    with pytest.raises(UserError, match="holds no translation model"):
        load_folder(damaged)


def test_the_named_sizes_are_the_papers() -> None:
    import torch

    with torch.device("meta"):
        counts = {
            size: sum(p.numel() for p in TranslationShape(size=size).build("transformer", 37_000, 0).parameters())
            for size in ("base", "big")
        }
    assert counts == {"base": 63_082_496, "big": 214_245_376}
