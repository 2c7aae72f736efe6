"""Bags of words and linear classifiers: the numbers are scikit-learn's, the folder keeps them, damage is refused."""

import json
import math
import random

import numpy as np
import pytest

from prosa.core.errors import UserError
from prosa.models.bag_of_words import Bag, BagConfig
from prosa.models.linear_text import load_linear, save_linear
from prosa.train.classical import LinearConfig, fit_linear

sklearn_text = pytest.importorskip("sklearn.feature_extraction.text")


def texts_of(seed: int, n: int = 120) -> tuple[list[str], list[int]]:
    draws = random.Random(seed)
    own = [["gato", "Cão", "d'água", "rato-do-mato"], ["rosa", "ipê", "CRAVO", "a", "é"], ["sol", "lua\tcheia", "céu"]]
    shared = ["um", "dois", "três", "o", "belo", "R$ 10,50", "ção", "…", "😀", "x_y"]
    texts, numbers = [], []
    for _ in range(n):
        c = draws.randrange(3)
        words = [draws.choice(own[c] if draws.random() < 0.4 else shared) for _ in range(draws.randint(1, 9))]
        texts.append(("  " if draws.random() < 0.1 else " ").join(words))
        numbers.append(c)
    return texts, numbers


def dense(rows, columns: int) -> np.ndarray:
    found = np.zeros((len(rows), columns))
    for i in range(len(rows)):
        part = slice(rows.starts[i], rows.starts[i + 1])
        found[i, rows.columns[part]] = rows.values[part]
    return found


@pytest.mark.parametrize("features", ["counts", "tf-idf", "characters"])
@pytest.mark.parametrize("lengths", [(1, 1), (1, 3), (2, 5)])
def test_bags_are_scikit_learns(features, lengths) -> None:
    texts, _ = texts_of(0)
    other, _ = texts_of(1)
    bag = Bag.of(texts, features, BagConfig(shortest=lengths[0], longest=lengths[1], min_texts=2))
    kind = sklearn_text.CountVectorizer if features == "counts" else sklearn_text.TfidfVectorizer
    theirs = kind(analyzer="char_wb" if features == "characters" else "word", ngram_range=lengths, min_df=2).fit(texts)
    assert list(bag.terms) == theirs.get_feature_names_out().tolist()
    for some in (texts, other, ["", "qqq www", "Gato gato GATO"]):
        assert dense(bag.rows(some), len(bag.terms)) == pytest.approx(theirs.transform(some).toarray(), abs=1e-12)


def test_a_count_is_a_sum_of_one_hot_vectors_and_order_does_not_count() -> None:
    bag = Bag.of(["gato come rato", "rato come queijo"], "counts", BagConfig(longest=1, min_texts=1))
    assert bag.terms == ("come", "gato", "queijo", "rato")
    one_hot = dense(bag.rows(bag.terms), 4)
    assert one_hot.tolist() == np.eye(4).tolist()
    together = dense(bag.rows(["rato come rato"]), 4)[0]
    assert together.tolist() == (one_hot[3] + one_hot[0] + one_hot[3]).tolist() == [1, 0, 0, 2]
    assert dense(bag.rows(["rato rato come"]), 4)[0].tolist() == together.tolist()


def test_tf_idf_worked_by_hand() -> None:
    """Two texts: "come" is in both, so 1 + ln(3/3) = 1; "gato" in one, 1 + ln(3/2)."""
    bag = Bag.of(["gato come", "rato come"], "tf-idf", BagConfig(longest=1, min_texts=1))
    a = 1 + math.log(3 / 2)
    assert dense(bag.rows(["gato come"]), 3)[0] == pytest.approx([1 / math.hypot(1, a), a / math.hypot(1, a), 0])


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("features", ["counts", "tf-idf", "characters"])
@pytest.mark.parametrize("method", ["naive-bayes", "logistic", "svm"])
def test_predictions_are_scikit_learns(method, features, classes, tmp_path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.svm import LinearSVC

    texts, numbers = texts_of(2)
    numbers = [n % classes for n in numbers]
    other = [*texts_of(3, 40)[0], "", "palavras nunca vistas"]
    made = fit_linear(method, texts, numbers, ["á", "b", "c"][:classes], bag=BagConfig(features=features))
    save_linear(made, tmp_path)
    model = load_linear(tmp_path)
    words = {"ngram_range": (2, 5), "analyzer": "char_wb"} if features == "characters" else {"ngram_range": (1, 2)}
    kind = sklearn_text.CountVectorizer if features == "counts" else sklearn_text.TfidfVectorizer
    vectors = kind(min_df=2, **words)
    theirs = {
        "naive-bayes": MultinomialNB(),
        "logistic": LogisticRegression(C=10, max_iter=2000),
        "svm": LinearSVC(random_state=0, max_iter=2000),
    }[method].fit(vectors.fit_transform(texts), numbers)
    x = vectors.transform(other)
    if method == "svm":
        margins = theirs.decision_function(x)
        found = model.outputs(other)
        assert (found[:, 1] if classes == 2 else found) == pytest.approx(margins, abs=2e-5)
        assert classes == 3 or found[:, 0].tolist() == (-found[:, 1]).tolist()
        with pytest.raises(ValueError, match="margins, not probabilities"):
            model.probabilities(other)
    else:
        assert model.probabilities(other) == pytest.approx(theirs.predict_proba(x), abs=2e-5)
    assert model.outputs(other).argmax(1).tolist() == theirs.predict(x).tolist()
    assert model.labels == ("á", "b", "c")[:classes]


def test_naive_bayes_worked_by_hand() -> None:
    """Class a: sol 2, lua 1; class b: lua 1. a = 1: P(sol|a) = 3/5, P(lua|a) = 2/5, P(sol|b) = 1/3, P(lua|b) = 2/3."""
    model = fit_linear("naive-bayes", ["sol sol", "lua", "lua"], [0, 0, 1], "ab", bag=BagConfig(min_texts=1, longest=1))
    assert model.bag.terms == ("lua", "sol")
    a, b = 2 / 3 * (3 / 5) * (2 / 5), 1 / 3 * (1 / 3) * (2 / 3)
    assert model.probabilities(["sol lua"])[0] == pytest.approx([a / (a + b), b / (a + b)], abs=1e-6)
    assert model.probabilities([""])[0] == pytest.approx([2 / 3, 1 / 3], abs=1e-6)


def test_what_cannot_be_counted_or_is_damaged_is_refused(tmp_path, monkeypatch) -> None:
    with pytest.raises(UserError, match="no word occurs in 2 texts or more: there is nothing to count"):
        fit_linear("naive-bayes", ["um", "dois"], [0, 1], "ab")
    with pytest.raises(UserError, match=r"the shortest n-gram \(4\) is longer than the longest \(3\)"):
        BagConfig(shortest=4, longest=3).lengths("characters")
    with pytest.raises(UserError, match="longest 99"):
        BagConfig(longest=99)
    with pytest.raises(UserError, match="smoothing is 0 but must be above 0"):
        LinearConfig(smoothing=0)
    texts, numbers = texts_of(4)
    save_linear(fit_linear("svm", texts, numbers, "abc"), tmp_path)
    good = (tmp_path / "vocabulary.json").read_text("utf-8")
    (tmp_path / "vocabulary.json").write_text(good.replace("dois", "doze"), "utf-8")
    with pytest.raises(UserError, match=r"vocabulary\.json is damaged"):
        load_linear(tmp_path)
    (tmp_path / "vocabulary.json").write_text(good, "utf-8")
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"id2label": {"0": "a", "1": "b"}}), "utf-8")
    with pytest.raises(UserError, match=r"model\.safetensors is damaged, or of another model"):
        load_linear(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"method": "oracle"}), "utf-8")
    with pytest.raises(UserError, match=r"config\.json is damaged"):
        load_linear(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "sklearn.svm", None)
    monkeypatch.setitem(__import__("sys").modules, "sklearn.linear_model", None)
    with pytest.raises(UserError, match=r"svm needs the package scikit-learn.\npip install 'prosa\[eval\]'"):
        fit_linear("svm", texts, numbers, "abc")
    fit_linear("naive-bayes", texts, numbers, "abc")  # needs no scikit-learn
