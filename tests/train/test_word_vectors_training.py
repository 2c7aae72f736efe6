"""Word vectors learn what stands together; the same seed gives the same bits; settings are checked."""

import numpy as np
import pytest

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.data.words import word_stream
from prosa.train.word_vectors import train_word_vectors
from prosa.train.word_vectors_config import WordVectorsConfig

COLOURS, ANIMALS = ["azul", "verde", "vermelho", "roxo"], ["gato", "cavalo", "rato", "boi"]


@pytest.fixture(scope="module")
def stream():
    draw, lines = np.random.default_rng(0), []
    for n in range(3000):
        words, verb = (COLOURS, "pinta") if n % 2 else (ANIMALS, "corre")
        lines.append(" ".join(["o", *draw.choice(words, 3), verb, f"coisa{draw.integers(40)}"]))
    return word_stream(["\n".join(lines)], 5)


@pytest.mark.parametrize(
    "config",
    [
        WordVectorsConfig(dim=20, epochs=8, subsample=0),
        WordVectorsConfig(method="cbow", dim=20, epochs=8, subsample=0, lr=0.05),
        WordVectorsConfig(method="glove", dim=20, epochs=15),
        WordVectorsConfig(subwords=True, dim=20, epochs=6, buckets=2000, subsample=0),
        WordVectorsConfig(dim=20, epochs=8, subsample=0, workers=2),
    ],
    ids=["skip-gram", "cbow", "glove", "subwords", "two workers"],
)
def test_words_used_alike_are_near(stream, config):
    vectors = train_word_vectors(stream, config).vectors
    for words in (COLOURS, ANIMALS):
        for word in words:
            nearest = {n.word for n in vectors.nearest([word], k=3) if n.word in COLOURS + ANIMALS}
            assert nearest <= set(words)
            assert nearest


@pytest.mark.parametrize("method", ["skip-gram", "cbow", "glove"])
def test_the_same_seed_gives_the_same_bits(stream, method):
    def made(seed):
        return train_word_vectors(stream, WordVectorsConfig(method=method, dim=8, epochs=1, seed=seed)).vectors.vectors

    assert (made(1) == made(1)).all()
    assert (made(1) != made(2)).any()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dim": 0}, "--dim is 0; it must be at least 1"),
        ({"method": "glove", "subwords": True}, "--subwords is True; it must be off with glove"),
        ({"min_n": 4, "max_n": 3}, "--max-n is 3; it must be at least min_n, 4"),
        ({"subsample": 1.0}, "--subsample is 1.0"),
        ({"lr": float("nan")}, "--lr is nan"),
    ],
)
def test_bad_settings_are_refused(fields, message):
    with speaking("en"), pytest.raises(UserError, match=message):
        WordVectorsConfig(**fields)
