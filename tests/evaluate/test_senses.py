"""The sense test: known cases by hand, the sentences that ship, and vectors of every kind of model."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from prosa.core.errors import UserError
from prosa.core.interval import wilson
from prosa.evaluate.senses import Occurrence, elmo_vectors, read_senses, sense_score, token_vectors
from prosa.models.bert import Bert, BertConfig
from prosa.models.elmo import Elmo, ElmoConfig, spell
from prosa.models.gpt import GPT, GPTConfig
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.frame import bert_frame
from prosa.tokenizers.train import train

SHIPPED = read_senses()


def test_what_ships() -> None:
    words = {o.word for o in SHIPPED}
    assert {"banco", "manga", "vela", "rede", "pena", "planta"} <= words
    for word in words:
        of_sense: dict[str, int] = {}
        for o in SHIPPED:
            if o.word == word:
                of_sense[o.sense] = of_sense.get(o.sense, 0) + 1
                assert o.text[o.start : o.end].lower() == word
        assert len(of_sense) == 2
        assert min(of_sense.values()) >= 5
    assert len({o.text for o in SHIPPED}) == len(SHIPPED) == 120


def occurrences(*senses: str) -> list[Occurrence]:
    return [Occurrence("banco", sense, "banco", 0, 5) for sense in senses]


def test_one_vector_a_word_is_right_by_chance() -> None:
    static = {word: np.random.default_rng(n).normal(size=8) for n, word in enumerate({o.word for o in SHIPPED})}
    score = sense_score(np.stack([static[o.word] for o in SHIPPED]), SHIPPED)
    assert score.accuracy == pytest.approx(5 / 11)
    assert score.to_json()["interval"] == pytest.approx(wilson(round(120 * 5 / 11), 120))


def test_nearest_by_hand() -> None:
    vectors = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.0, 3.0], [1.0, 0.9]])
    score = sense_score(vectors, occurrences("a", "a", "b", "b", "b"))
    # the fifth's nearest (cosine) is the second (.777) and not the third (.669): wrong
    assert (score.right, score.n) == (4, 5)
    assert score.by_word == {"banco": 0.8}
    perfect = np.array([[1.0, 0, 0] if o.sense < "m" else [0, 1.0, 0] for o in SHIPPED])
    assert sense_score(perfect, SHIPPED).accuracy > 0.5
    with pytest.raises(ValueError, match="one sentence alone"):
        sense_score(vectors[:1], occurrences("a"))
    with pytest.raises(ValueError, match="5 vectors of 1 sentences"):
        sense_score(vectors, occurrences("a"))


@torch.no_grad()
def test_vectors_of_each_kind_of_model() -> None:
    few = SHIPPED[:4]
    tokenizer = train([o.text for o in SHIPPED], TokenizerConfig(kind="wordpiece", vocab_size=300, special_tokens=()))
    torch.manual_seed(0)
    bert = Bert(BertConfig(tokenizer.vocab_size, 64, 2, 2, 16)).eval()
    frame = bert_frame(tokenizer)
    layers = token_vectors(bert, tokenizer, few, frame=frame)
    assert [layer.shape for layer in layers] == [(4, 16)] * 3
    text = few[0].text
    ids = [*frame.before, *tokenizer.encode(text), *frame.after]
    places = [
        k + 1 for k, (_, start, end) in enumerate(tokenizer.spans(text)) if start < few[0].end and end > few[0].start
    ]
    assert tokenizer.decode([ids[k] for k in places]).strip() == "banco"
    expected = bert.hidden(torch.tensor([ids]))[0, places].mean(0)
    np.testing.assert_allclose(layers[-1][0], expected.numpy(), rtol=1e-5, atol=1e-6)

    bytelevel = train([o.text for o in SHIPPED], TokenizerConfig(vocab_size=400))
    gpt = GPT(GPTConfig(bytelevel.vocab_size, 64, 2, 2, 16)).eval()
    start = bytelevel.end_of_text
    assert start is not None
    layers = token_vectors(gpt, bytelevel, few)
    assert [layer.shape for layer in layers] == [(4, 16)] * 3
    elmo = Elmo(ElmoConfig(5, d_model=8, filters=((1, 4),))).eval()
    found = elmo_vectors(elmo, SHIPPED)
    assert [layer.shape for layer in found] == [(120, 16)] * 3
    assert sense_score(found[0], SHIPPED).accuracy == pytest.approx(5 / 11)  # letters alone tell no sense
    words = ["Ele", "depositou", "o", "dinheiro", "no", "banco", "ontem", "de", "manhã", "."]
    one = elmo(torch.from_numpy(spell(words, elmo.config.longest))[None])
    np.testing.assert_allclose(found[2][0], one[2][0, 5].numpy(), rtol=1e-4, atol=1e-6)


def test_bad_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    good = {"word": "banco", "sense": "a", "text": "O banco."}
    for bad in ({**good, "text": "O banco e o banco."}, {**good, "text": "Nada."}, {"word": "x"}, [1]):
        path.write_text(json.dumps(good) + "\n" + json.dumps(bad) + "\n", encoding="utf-8")
        with pytest.raises(UserError, match="line 2: expected word, sense and text"):
            read_senses(path)
