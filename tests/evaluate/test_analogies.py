"""Analogies: as gensim scores them, coverage, intervals, bad files."""

import numpy as np
import pytest
from gensim.models import KeyedVectors

from prosa.core.errors import UserError
from prosa.core.interval import wilson
from prosa.core.language import speaking
from prosa.evaluate.analogies import read_analogies, score
from prosa.models.word_vectors import WordVectors

WORDS = [f"w{n}" for n in range(40)]


@pytest.fixture
def vectors():
    return WordVectors(WORDS, np.random.default_rng(3).normal(size=(40, 4)).astype(np.float32))


def test_scores_are_gensims(tmp_path, vectors):
    draw = np.random.default_rng(0)
    lines = []
    for section in ("one", "two"):
        lines.append(f": {section}")
        for _ in range(150):
            a, b, c = draw.choice(40, 3, replace=False)
            right = vectors.nearest([WORDS[b], WORDS[c]], [WORDS[a]], k=1)[0].word
            d = right if draw.random() < 0.4 else WORDS[draw.integers(40)]
            lines.append(f"{WORDS[a]} {WORDS[b]} {WORDS[c]} {d}")
        lines.append("w1 w2 w3 missing")
    path = tmp_path / "a.txt"
    path.write_text("\n".join(lines))
    theirs = KeyedVectors(4)
    theirs.add_vectors(WORDS, vectors.vectors)
    _, sections = theirs.evaluate_word_analogies(str(path), case_insensitive=False)
    found = score(vectors, read_analogies(path))
    for ours, section in zip(found.sections, sections, strict=False):
        assert ours.name == section["section"]
        assert (ours.right, ours.asked, ours.there) == (len(section["correct"]), 150, 151)
    plain = found.to_json()["total"]
    assert plain["coverage"] == pytest.approx(300 / 302)
    assert plain["interval"] == wilson(plain["right"], 300)


def test_only_frequent_words_are_asked(vectors):
    found = score(vectors, {"": [("w1", "w2", "w3", "w4"), ("w1", "w2", "w3", "w30")]}, among=10)
    assert found.total.asked == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [(": a\num dois tres\n", "line 2: an analogy has four words, not 3"), (": a\n\n", "has no analogies")],
)
def test_bad_files_are_named(tmp_path, content, message):
    (tmp_path / "a.txt").write_text(content)
    with speaking("en"), pytest.raises(UserError, match=message):
        read_analogies(tmp_path / "a.txt")
