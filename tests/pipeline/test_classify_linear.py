"""Linear classifiers through the commands: what is said does not depend on the other texts, and mistakes are told."""

import json
import shutil

import pytest

from prosa.align.classify import ClassifyConfig, load_classifier
from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.models.bag_of_words import BagConfig
from prosa.pipeline.classify import classify, train_classifier
from prosa.tokenizers.config import TokenizerConfig

SENTENCES = {
    "bicho": ["o gato mia alto", "o cachorro late alto", "um gato e um cachorro", "o rato come queijo"],
    "planta": ["a rosa é vermelha", "o ipê floresce", "uma rosa e um ipê", "a rosa cresce ali"],
}


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{text} {n},{label}\n" for n in range(10, 16) for label, texts in SENTENCES.items() for text in texts]
    path.write_text("texto,classe\n" + "".join(rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("method", ["naive-bayes", "logistic", "svm"])
def test_each_learns_and_is_measured_and_asked(method, table, tmp_path, capsys) -> None:
    out = tmp_path / "run"
    assert main(["train-classifier", str(table), "--out", str(out), "--classify.method", method]) == 0
    shown = capsys.readouterr()
    assert "texts: 48 read (bicho 24, planta 24), 0 bad" in shown.err
    assert "n-grams counted" in shown.out
    figures = json.loads((out / "classifier" / "training.json").read_text("utf-8"))
    assert figures["held_out"]["accuracy"] == 1.0
    assert figures["held_out"]["n"] == figures["data"]["held_out"] == 48 - figures["data"]["texts"] > 0
    assert main(["classify", str(out), "Um GATO", "ipe\u0302 e rosa", "zzz", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["label"] for line in found[:2]] == ["bicho", "planta"]  # of another case; not in NFC
    if method == "svm":
        assert "probabilities" not in found[0]
        assert found[0]["margins"]["bicho"] == -found[0]["margins"]["planta"] > 0
        assert main(["classify", str(out), "gato"]) == 0
        assert "margin" in capsys.readouterr().out
    else:
        assert sum(found[0]["probabilities"].values()) == pytest.approx(1)
        assert "margins" not in found[0]
    model = load_classifier(out / "classifier")
    texts = [text for texts in SENTENCES.values() for text in texts]
    assert [model.classify([text])[0] for text in texts] == model.classify(texts)
    for text in ("", " \u200b"):
        with pytest.raises(UserError, match="an empty text has no class"):
            classify(str(out), ("gato", text))
    with pytest.raises(UserError, match="has half of a character"):
        model.classify(["gato \ud800"])


def test_the_same_again_is_the_same_and_resume_knows_it(table, tmp_path, capsys) -> None:
    def made(name, **more):
        return train_classifier((table,), out=tmp_path / name, classify=ClassifyConfig(method="svm"), **more)

    first, second = made("a"), made("b")
    names = ("model.safetensors", "vocabulary.json", "config.json")
    assert all((first.folder / name).read_bytes() == (second.folder / name).read_bytes() for name in names)
    assert made("a", resume="auto").figures == first.figures
    assert "is complete; nothing to do" in capsys.readouterr().err
    with pytest.raises(UserError, match="already exists"):
        made("a")
    with pytest.raises(UserError, match="is complete, with other settings"):
        made("a", resume="auto", bag=BagConfig(min_texts=3))
    assert made("a", force=True, bag=BagConfig(min_texts=3)).figures["terms"] < first.figures["terms"]
    with pytest.raises(UserError, match="svm begins with no trained model"):
        made("c", model=str(first.folder))


def test_a_cnn_learns_by_the_same_loop_and_resumes_exactly(table, tmp_path) -> None:
    settings = ClassifyConfig(method="cnn", steps=40, checkpoint_every=20, precision="float32", compile=False)

    def made(name, resume="no"):
        return train_classifier(
            (table,), out=tmp_path / name, classify=settings, tokenizer=TokenizerConfig(vocab_size=300), resume=resume
        )

    first = made("a")
    assert first.figures["held_out"]["accuracy"] == 1.0
    assert [p.label for p in classify(str(tmp_path / "a"), ("um gato", "uma rosa"))] == ["bicho", "planta"]
    weights = (first.folder / "model.safetensors").read_bytes()
    for gone in ("COMPLETE", "model.safetensors", "training.json", "config.json"):
        (first.folder / gone).unlink()
    shutil.rmtree(first.folder / "checkpoints" / "step_40")
    assert (made("a", "must").folder / "model.safetensors").read_bytes() == weights
