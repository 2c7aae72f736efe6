"""BLEU and chrF are sacrebleu's own numbers, and their intervals are over sentences."""

import numpy as np
import pytest

sacrebleu = pytest.importorskip("sacrebleu")

from prosa.evaluate.translation import translation_quality  # noqa: E402

REFERENCES = [
    "o gato dorme aqui agora sim",
    "a casa é grande e azul",
    "isso não é tão bom hoje",
    "ela leu o livro ontem",
]
SAID = ["o gato dorme ali agora sim", "a casa é grande e verde", "isso não é nada bom hoje", "ela leu"]


def test_values_and_signatures_are_sacrebleus() -> None:
    found = translation_quality(SAID, REFERENCES)
    assert found.n == 4
    assert found.bleu.value == pytest.approx(sacrebleu.corpus_bleu(SAID, [REFERENCES]).score)
    assert found.chrf.value == pytest.approx(sacrebleu.corpus_chrf(SAID, [REFERENCES]).score)
    assert "tok:13a" in found.bleu.signature
    assert "nc:6|nw:0" in found.chrf.signature
    perfect = translation_quality(REFERENCES, REFERENCES)
    assert [perfect.bleu.value, perfect.chrf.value] == pytest.approx([100, 100])
    assert perfect.bleu.interval == pytest.approx((100, 100))


def test_the_interval_is_of_resampled_sentences() -> None:
    """The same draws by hand, every set scored by sacrebleu from its texts."""
    found = translation_quality(SAID, REFERENCES, resamples=60, seed=3)
    for score, whole in ((found.bleu, sacrebleu.corpus_bleu), (found.chrf, sacrebleu.corpus_chrf)):
        draws = np.random.default_rng(3)
        scores = []
        for _ in range(60):
            pick = draws.integers(0, 4, 4)
            scores.append(whole([SAID[i] for i in pick], [[REFERENCES[i] for i in pick]]).score)
        assert score.interval == pytest.approx(np.quantile(scores, [0.025, 0.975]))
    assert translation_quality(SAID[:1], REFERENCES[:1]).bleu.interval is None


def test_without_sacrebleu_the_extra_is_named(monkeypatch) -> None:
    from prosa.core.errors import UserError
    from prosa.core.language import set_language

    set_language("en")
    monkeypatch.setitem(__import__("sys").modules, "sacrebleu", None)
    with pytest.raises(UserError, match=r"pip install 'prosa\[eval\]'"):
        translation_quality(SAID, REFERENCES)
