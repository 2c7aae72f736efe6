"""``train-classifier --compare``: scikit-learn's own cross-validation agrees, it is resumed, and the rule chooses."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from prosa.align.classify import ClassifyConfig
from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.data.labelled import Labelled, folds
from prosa.evaluate.classification import classification, macro_f1_interval
from prosa.models.bag_of_words import BagConfig
from prosa.pipeline.classify import classify, train_classifier
from prosa.pipeline.classify_config import ComparisonConfig
from prosa.pipeline.compare import _chosen
from prosa.tokenizers.config import TokenizerConfig


def made(n: int = 150, seed: int = 0) -> list[tuple[str, str]]:
    draws = random.Random(seed)
    own = {"bicho": ["gato", "cão", "rato"], "planta": ["rosa", "ipê", "cravo"]}
    shared = ["um", "dois", "belo", "ali", "aqui", "hoje", "ontem", "grande"]
    rows = []
    for i in range(n):
        label = "bicho" if i % 3 else "planta"
        words = [draws.choice(own[label] if draws.random() < 0.3 else shared) for _ in range(6)]
        rows.append((" ".join(words), label))
    return rows


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_text("texto,classe\n" + "".join(f"{text},{label}\n" for text, label in made()), "utf-8")
    return path


def test_folds_keep_shares_and_equal_texts_together() -> None:
    items = [Labelled(text, label, "") for text, label in made(301)]
    items += [Labelled(items[0].text.upper() + "  ", "bicho", ""), Labelled("sozinho", "outra", "")]
    found = folds(items, 5, seed=3)
    assert found[-1] == -1
    assert found[0] == found[-2]
    for label, n in (("bicho", 201), ("planta", 101)):
        counts = np.bincount([f for f, item in zip(found, items, strict=True) if item.label == label], minlength=5)
        assert counts.sum() == n
        assert counts.max() - counts.min() <= 2
    assert folds(items, 5, seed=3) == found != folds(items, 5, seed=4)
    turned = folds(items[::-1], 5, seed=3)[::-1]
    assert turned == found  # whatever the order


def test_macro_f1_is_scikit_learns_and_its_interval_a_plain_bootstraps() -> None:
    from sklearn.metrics import f1_score

    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, 200)
    said = np.where(generator.random((2, 200)) < 0.7, truth, generator.integers(0, 3, (2, 200)))
    both = classification(np.tile(truth, 2).tolist(), said.ravel().tolist(), "abc")
    assert both.macro_f1 == pytest.approx(f1_score(np.tile(truth, 2), said.ravel(), average="macro"))
    draws = []
    for _ in range(400):
        pick = generator.integers(0, 200, 200)
        draws.append(f1_score(np.tile(truth[pick], 2), said[:, pick].ravel(), average="macro"))
    assert macro_f1_interval(truth.tolist(), said, 3) == pytest.approx(
        tuple(np.quantile(draws, [0.025, 0.975])), abs=0.015
    )
    assert macro_f1_interval([0, 1, 1], np.array([[0, 1, 1]]), 2, resamples=50)[1] == 1.0


def test_every_method_is_compared_on_the_same_folds_and_the_choice_answers(table, tmp_path, capsys) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    run = tmp_path / "run"
    flags = ["--compare", "--comparison.folds=3", "--classify.steps=4", "--classify.precision=float32"]
    flags += ["--shape.n-layer=1", "--shape.d-model=32", "--shape.n-head=2", "--tokenizer.vocab-size=300"]
    assert main(["train-classifier", str(table), "--out", str(run), *flags]) == 0
    shown = capsys.readouterr()
    assert "Cross-validated: 150 texts in 3 folds; intervals" in shown.out
    assert "networks are trained 6 times, at most 6 min 00 s in all" in shown.err
    result = json.loads((run / "comparison" / "comparison.json").read_text("utf-8"))
    rows = {row["name"]: row for row in result["rows"]}
    assert list(rows) == [
        *("naive-bayes", "logistic-counts", "logistic", "logistic-characters", "svm-counts", "svm", "svm-characters"),
        *("cnn", "gpt"),
    ]
    assert f"Kept: {result['chosen']}" in shown.out
    assert not (run / "comparison" / "work").exists()
    # what scikit-learn alone says on these folds
    texts, labels = (np.array(column) for column in zip(*made(), strict=True))
    fold_of = np.array(folds([Labelled(t, c, "") for t, c in made()], 3))
    said = np.empty_like(labels)
    for f in range(3):
        theirs = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2), LinearSVC(random_state=0))
        said[fold_of == f] = theirs.fit(texts[fold_of != f], labels[fold_of != f]).predict(texts[fold_of == f])
    assert rows["svm"]["accuracy"] == np.mean(said == labels)
    assert rows["svm"]["interval"][0] < rows["svm"]["accuracy"] < rows["svm"]["interval"][1]
    assert [line["n"] for line in rows["gpt"]["classes"]] == [100, 50]
    assert all(row["seconds"] > 0 and row["texts_per_second"] > 0 for row in rows.values())
    assert rows["svm"]["bytes"] < rows["cnn"]["bytes"]
    # the chosen one was trained on all texts, as it would be alone
    assert json.loads((run / "classifier" / "training.json").read_text("utf-8"))["data"]["held_out"] == 0
    assert classify(str(run), ("um gato",))[0].label == "bicho"
    assert main(["train-classifier", str(table), "--out", str(run), *flags, "--resume", "--lang", "pt-BR"]) == 0
    assert "Validação cruzada: 150 textos em 3 partes" in capsys.readouterr().out
    set_language(None)


def test_a_stopped_comparison_goes_on(table, tmp_path, monkeypatch) -> None:
    import prosa.train.classical as classical

    settings = {
        "out": tmp_path,
        "compare": True,
        "comparison": ComparisonConfig(methods=("naive-bayes", "svm"), folds=3, repeats=2),
    }
    calls, real = [], classical.fit_linear

    def counted(*arguments, **more):
        calls.append(1)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return real(*arguments, **more)

    monkeypatch.setattr(classical, "fit_linear", counted)
    with pytest.raises(KeyboardInterrupt):
        train_classifier((table,), **settings)
    found = train_classifier((table,), resume="must", **settings)
    assert len(calls) == 9 + 4 + 1  # six folds twice, one of them again, and the last on all
    again = train_classifier((table,), **{**settings, "out": tmp_path / "whole"})
    same = ("name", "accuracy", "macro_f1", "macro_f1_interval", "bytes", "behind_best")
    for a, b in zip(found.figures["comparison"]["rows"], again.figures["comparison"]["rows"], strict=True):
        assert [a[key] for key in same] == [b[key] for key in same]
    with pytest.raises(UserError, match="already exists"):
        train_classifier((table,), **settings)
    other = tmp_path / "other.csv"
    other.write_text(table.read_text("utf-8") + "mais um gato,bicho\n", "utf-8")
    (tmp_path / "comparison" / "COMPLETE").unlink()
    with pytest.raises(UserError, match="was begun with other texts"):
        train_classifier((other,), resume="auto", **settings)
    with pytest.raises(UserError, match=r"was begun with other settings: bag\.min_texts"):
        train_classifier((table,), resume="auto", **settings, bag=BagConfig(min_texts=3))
    more = settings | {"comparison": ComparisonConfig(methods=("naive-bayes",), folds=3, repeats=1)}
    calls.clear()
    train_classifier((table,), resume="auto", **more)  # fewer, all there
    assert len(calls) <= 1


def test_the_rule_takes_the_smallest_that_is_not_clearly_worse() -> None:
    truth = np.ones(1000, np.int64)

    def row(name, wrong, size):
        said[name] = np.where(np.arange(1000) < wrong, 0, 1)[None]
        return {"name": name, "accuracy": 1 - wrong / 1000, "bytes": size}

    said: dict = {}
    rows = [row("large", 100, 900), row("middle", 104, 50), row("small", 160, 9)]
    result = _chosen(rows, said, truth)
    assert (result["best"], result["chosen"]) == ("large", "middle")
    assert rows[2]["behind_best"][0] > 0.04 > 0 > rows[1]["behind_best"][0] - 0.01
    assert [r["name"] for r in result["rows"]] == ["large", "middle", "small"]


def test_what_cannot_be_compared_is_told(table, tmp_path, monkeypatch, capsys) -> None:
    with pytest.raises(UserError, match=r"unknown method: 'svn'. Did you mean 'svm'\?"):
        ComparisonConfig(methods=("svn",))
    with pytest.raises(UserError, match="folds is 1 but must be at least 2"):
        ComparisonConfig(folds=1)
    with pytest.raises(UserError, match="fine-tuned needs a trained model"):
        train_classifier((table,), out=tmp_path, compare=True, comparison=ComparisonConfig(methods=("fine-tuned",)))
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,x\nb,y\n", "utf-8")
    with pytest.raises(UserError, match="no class has two different texts: nothing can be measured"):
        train_classifier((path,), out=tmp_path / "a", compare=True)
    # a class with one example is learnt from and measured nowhere; a method that cannot work keeps its row
    path.write_text(table.read_text("utf-8") + "único,outra\n", "utf-8")
    monkeypatch.setitem(__import__("sys").modules, "sklearn.svm", None)
    names = ("naive-bayes", "svm", "cnn")
    done = train_classifier(
        (path,),
        out=tmp_path / "b",
        compare=True,
        comparison=ComparisonConfig(methods=names, folds=2),
        classify=ClassifyConfig(steps=2, precision="float32", compile=False),
        tokenizer=TokenizerConfig(vocab_size=300),
    )
    assert "the class outra has one example" in capsys.readouterr().err
    rows = done.figures["comparison"]["rows"]
    assert [row.get("problem") for row in rows] == [None, "svm needs the package scikit-learn.", None]
    assert [line["n"] for line in rows[0]["classes"]] == [100, 0, 50]
    assert done.figures["comparison"]["n"] == 150
    assert done.figures["labels"] == ["bicho", "outra", "planta"]
