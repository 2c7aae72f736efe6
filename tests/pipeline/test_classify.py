"""``prosa train-classifier`` and ``prosa classify``: a tiny model learns, resumes exactly, and padding is unseen."""

import io
import json
import random
import shutil
from pathlib import Path

import pytest
import torch

from prosa.align.classify import ClassifyConfig, load_classifier
from prosa.align.lora import LoraConfig
from prosa.align.scoring import outputs_of, score_sequences
from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.data.labelled_batches import LabelledBatches, encode_texts
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.models.huggingface_scored import load_scored, save_scored
from prosa.models.scored import ScoredGPT
from prosa.pipeline.classify import classify, train_classifier
from prosa.pipeline.model_choice import ModelChoice
from prosa.pipeline.tuning import Tuned
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

SHAPE = ModelChoice(size="tiny", shape="classic", n_layer=1, d_model=32, n_head=2, context=64)
WORDS = TokenizerConfig(vocab_size=300)
QUICK = {"micro_batch": 8, "batch_size": 8, "precision": "float32", "workers": 1, "compile": False, "lr": 5e-3}
ANIMALS, PLANTS = ("gato", "cachorro", "rato", "pato"), ("rosa", "ipê", "cravo", "pinheiro")


def lines() -> list[tuple[str, str]]:
    draws = random.Random(0)
    made = []
    for _ in range(150):
        for label, words in (("bicho", ANIMALS), ("planta", PLANTS)):
            more = " ".join(draws.choice(["um", "dois", "o", "belo"]) for _ in range(draws.randint(0, 9)))
            made.append((f"{more} {draws.choice(words)} {draws.choice(['ali', 'aqui'])}".strip(), label))
    return made


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("table") / "table.csv"
    rows = [f"{text},{label}\n" for text, label in lines()]
    rows.insert(4, "sozinho\n")
    path.write_text("texto,classe\n" + "".join(rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def learnt(table, tmp_path_factory) -> Tuned:
    return train_classifier(
        (table,),
        out=tmp_path_factory.mktemp("run"),
        classify=ClassifyConfig(steps=150, **QUICK),
        shape=SHAPE,
        tokenizer=WORDS,
    )


def test_a_model_from_random_weights_learns_two_classes(learnt, table) -> None:
    figures = learnt.figures
    assert figures["labels"] == ["bicho", "planta"]
    data, found = figures["data"], figures["held_out"]
    assert (data["read"], data["bad"]) == (300, 1)
    assert data["problems"] == [f"{table.as_posix()}:6: 1 of 2 columns"]
    assert data["texts"] + data["held_out"] == 300
    assert found["n"] == data["held_out"] == sum(map(sum, found["confusion"]))
    assert found["accuracy"] == 1.0
    assert figures["validation"]["texts"] == found["n"]
    assert figures["train"]["accuracy"] == 1.0
    said = classify(str(learnt.folder.parent), ("o belo gato aqui", "um ipê"))
    assert [p.label for p in said] == ["bicho", "planta"]
    assert all(sum(p.probabilities.values()) == pytest.approx(1, abs=1e-6) for p in said)


@torch.no_grad()
def test_padding_changes_no_prediction(learnt) -> None:
    """The same text alone, padded among others, packed as in training, and through the command: the same logits."""
    model = load_classifier(learnt.folder, device="cpu")
    network = model.network
    texts = [text for text, _ in lines()[:17]] + ["gato"]
    encoded = encode_texts(model.tokenizer, texts)
    assert len({len(ids) for ids in encoded}) > 4
    alone = torch.cat([network(torch.tensor(ids.tolist())[None], torch.tensor([len(ids) - 1])) for ids in encoded])
    assert alone.std() > 1  # so that 1e-5 is nothing

    def same(logits: torch.Tensor) -> bool:
        return torch.allclose(logits, alone, rtol=0, atol=1e-5)

    batches = LabelledBatches(encoded, [0] * len(texts), context=64, batch_size=len(texts), seed=0)
    batch = next(batches.once())
    padded = network(batch.inputs[:, 0], batch.ends[:, 0])
    assert same(padded)
    for row, end in zip(batch.inputs[:, 0], batch.ends[:, 0], strict=True):
        row[end + 1 :] = 17
    assert torch.equal(network(batch.inputs[:, 0], batch.ends[:, 0]), padded)  # whatever the padding is
    for size in (1, 2, 6, 18):
        batches = LabelledBatches(encoded, [0] * len(texts), context=64, batch_size=size, seed=0)
        assert same(torch.cat([outputs_of(network, batch) for batch in batches.once()]))
    assert same(score_sequences(network, [ids.tolist() for ids in encoded]))
    for said, logits in zip(model.classify(texts), alone, strict=True):
        assert list(said.probabilities.values()) == pytest.approx(logits.softmax(-1).tolist(), abs=1e-5)
        assert said.label == network.config.labels[int(logits.argmax())]


def test_transformers_classifies_alike(learnt) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(learnt.folder)
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(learnt.folder).eval()
    texts = ("o belo gato aqui", "um ipê", "rosa")
    given = tokenizer(list(texts), padding=True, return_tensors="pt", return_token_type_ids=False)
    with torch.no_grad():
        probabilities = theirs(**given).logits.softmax(-1)
    for prediction, row in zip(classify(str(learnt.folder), texts), probabilities, strict=True):
        assert row.tolist() == pytest.approx(list(prediction.probabilities.values()), abs=1e-5)
        assert theirs.config.id2label[int(row.argmax())] == prediction.label


def test_a_killed_training_ends_with_the_same_bits(learnt, table, tmp_path) -> None:
    config = ClassifyConfig(steps=150, checkpoint_every=50, keep_checkpoints=9, **QUICK)

    def go(resume) -> Tuned:
        return train_classifier((table,), out=tmp_path, classify=config, shape=SHAPE, tokenizer=WORDS, resume=resume)

    go("no")
    folder = tmp_path / "classifier"
    for gone in ("COMPLETE", "model.safetensors", "training.json", "config.json"):
        (folder / gone).unlink()
    for step in (100, 150):
        shutil.rmtree(folder / "checkpoints" / f"step_{step}")
    again = go("must")
    for a, b in zip(load_scored(learnt.folder).parameters(), load_scored(again.folder).parameters(), strict=True):
        assert torch.equal(a, b)
    assert again.figures["held_out"] == learnt.figures["held_out"]
    assert go("auto").figures == json.loads((folder / "training.json").read_text(encoding="utf-8"))
    (folder / "COMPLETE").unlink()
    with pytest.raises(UserError, match="was begun from shape"):
        train_classifier((table,), out=tmp_path, classify=config, tokenizer=WORDS, resume="auto")


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "model"
    tokenizer = train([text for text, _ in lines()], WORDS)
    torch.manual_seed(0)
    save_model(GPT(GPTConfig(300, 64, 2, 2, 32, tied=False)), folder, tokenizer=tokenizer)
    return folder


def test_a_trained_model_is_fine_tuned_whole_or_by_adapters(base, table, tmp_path) -> None:
    settings = ClassifyConfig(steps=60, **QUICK)
    whole = train_classifier((table,), out=tmp_path / "whole", model=str(base), classify=settings)
    assert whole.figures["held_out"]["accuracy"] > 0.9
    assert whole.figures["trained_parameters"] == whole.figures["parameters"]
    adapted = train_classifier(
        (table,), out=tmp_path / "lora", model=str(base), classify=settings, lora=LoraConfig(rank=4)
    )
    assert adapted.figures["held_out"]["accuracy"] > 0.9
    assert adapted.figures["trained_parameters"] < adapted.figures["parameters"] / 2
    before, after = load_scored(whole.folder).backbone.embedding.weight, load_scored(adapted.folder)
    from prosa.models.huggingface import load_model

    original = load_model(base).embedding.weight
    assert torch.equal(after.backbone.embedding.weight, original)  # frozen
    assert not torch.equal(before, original)
    assert after.score.weight.abs().sum() > 0  # the head's adapter is merged into it
    assert not any("lora" in name or name.endswith(".a") for name, _ in after.named_parameters())
    with pytest.raises(UserError, match="need a trained model"):
        train_classifier((table,), out=tmp_path / "x", lora=LoraConfig(rank=4))


def test_the_commands_speak_both_languages(learnt, table, tmp_path, capsys, monkeypatch) -> None:
    flags = ["--classify.steps=3", "--shape.n-layer=1", "--shape.d-model=32", "--shape.n-head=2"]
    assert main(["train-classifier", str(table), "--out", str(tmp_path / "a"), *flags]) == 0
    shown = capsys.readouterr()
    assert "held-out texts are right (95% interval" in shown.out
    assert "texts: 300 read (bicho 150, planta 150), 1 bad, " in shown.err
    assert "table.csv:6: 1 of 2 columns" in shown.err
    assert main(["train-classifier", str(table), "--out", str(tmp_path / "b"), *flags, "--lang", "pt-BR"]) == 0
    assert "textos (intervalo de 95%" in capsys.readouterr().out
    set_language(None)
    run = str(learnt.folder.parent)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("gato aqui\r\n\n \num ipê".encode())))
    assert main(["classify", run, "-", "a rosa", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["text"], line["label"]) for line in found] == [
        ("gato aqui", "bicho"),
        ("um ipê", "planta"),
        ("a rosa", "planta"),
    ]
    assert main(["classify", run, "um belo " * 8000 + "gato"]) == 0
    shown = capsys.readouterr().out
    assert "(cut)" in shown
    assert len(shown) < 5000  # only the beginning of a long text
    for given, message in ((b"caf\xe9\n", "standard input is not UTF-8"), (b"\n \n", "no text given")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
        assert main(["classify", run, "-"]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a,x", "b,x"], r"different labels: 1 \(x\)"),
        ([f"t{n},{n}" for n in range(1200)], r"different labels: 1,200 \(0, 1, 10, 100, 1000, …\)"),
        ([], "there is no row"),
    ],
)
def test_bad_data_is_refused_before_anything_is_written(tmp_path, rows, message) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(row + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        train_classifier((path,), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_class_with_one_example_is_told_and_learnt_from(tmp_path, capsys) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"t{n},{'ab'[n % 2]}\n" for n in range(20)) + "única,c\n", "utf-8")
    done = train_classifier((path,), out=tmp_path, classify=ClassifyConfig(steps=1, **QUICK), shape=SHAPE)
    assert f"the class c has one example ({path.as_posix()}:22)" in capsys.readouterr().err
    assert done.figures["labels"] == ["a", "b", "c"]
    assert [c["n"] for c in done.figures["held_out"]["classes"]] == [2, 2, 0]


def test_what_is_no_classifier_is_refused(base, table, learnt, tmp_path) -> None:
    with pytest.raises(UserError, match="has no classifier"):
        classify(str(tmp_path), ("x",))
    with pytest.raises(UserError, match="neither a reward model nor a classifier"):
        classify(str(base), ("x",))
    save_scored(ScoredGPT(GPT(GPTConfig(300, 64, 1, 2, 32)), ("reward",)), tmp_path / "reward")
    with pytest.raises(UserError, match="is a reward model, not a classifier"):
        classify(str(tmp_path / "reward"), ("x",))
    for empty in ("", " \t", "\u200b"):
        with pytest.raises(UserError, match="an empty text has no class"):
            classify(str(learnt.folder), ("gato", empty))
    with pytest.raises(UserError, match="no text given"):
        classify(str(learnt.folder), ())
    with pytest.raises(UserError, match="already exists"):
        train_classifier((table,), out=learnt.folder.parent)
    with pytest.raises(UserError, match="held_out is 1"):
        ClassifyConfig(held_out=1)
    with pytest.raises(UserError, match="is a reward model or classifier, not a language model"):
        train_classifier((table,), out=tmp_path / "y", model=str(learnt.folder))
