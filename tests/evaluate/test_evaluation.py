"""The figures of ``prosa evaluate`` from their definitions, on a real token folder and a real (tiny, random) model."""

import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from prosa.core.interval import bootstrap_ratio
from prosa.core.language import set_language
from prosa.data.prepare import prepare_tokens
from prosa.evaluate.baselines import NAMES, baseline_nats
from prosa.evaluate.evaluation import Evaluation, _difference, evaluate_documents
from prosa.evaluate.loss import document_losses, token_losses
from prosa.evaluate.units import units_of
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.ngram import KneserNey

TRAIN = ["Era uma vez um gato.", "Era uma vez um rato.", "O gato e o rato.", "Uma vez, o rato roeu a roupa."] * 3
HELD_OUT = ["O rato roeu a roupa do gato.", "Era uma vez a roupa.", "Não há ação."]


@dataclass(frozen=True)
class Bytes:
    """A token a byte, 256 the end of text; with ``unknown`` every byte above 127 is that one."""

    end_of_text: int | None = 256
    unknown: int | None = None
    vocab_size: int = 257
    kind: str = "bytes"
    fingerprint: str = "bytes"

    def encode(self, text, *, allow_special=False):
        return [self.unknown if self.unknown and b > 127 else b for b in text.encode()]

    def encode_batch(self, texts):
        ids = [self.encode(t) for t in texts]
        offsets = np.cumsum([0, *map(len, ids)], dtype=np.int64)
        return np.array([i for d in ids for i in d], dtype=np.uint32), offsets

    def token_bytes(self, id):
        return bytes([id]) if id < 256 else b""

    def save(self, folder):
        folder.mkdir()


@dataclass(frozen=True)
class Text:
    text: str


@pytest.fixture(autouse=True)
def _english():
    set_language("en")
    yield
    set_language(None)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(2)
    return GPT(GPTConfig(vocab_size=257, context=16, n_layer=1, n_head=2, d_model=8))


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "tokens"
    held_out = [Text(t) for t in HELD_OUT]
    prepare_tokens({"a": ({"train": [Text(t) for t in TRAIN], "held_out": held_out}, 1.0)}, Bytes(), folder)
    return folder


def test_every_figure_from_its_definition(model, tokens):
    found = evaluate_documents(model, Bytes(), HELD_OUT, train_tokens=tokens).to_json()
    ids = [list(t.encode()) for t in HELD_OUT]
    nats = document_losses(model, ids, end_of_text=256).nats
    sizes = [28, 20, 16]
    assert (found["tokens"], found["bytes"], found["documents"]) == (64, 64, 3)
    assert found["nats_per_token"] == pytest.approx(nats.sum() / 64)
    assert found["perplexity"] == pytest.approx(math.exp(nats.sum() / 64))
    assert found["bits_per_byte"] == pytest.approx(nats.sum() / 64 / math.log(2))
    assert found["interval"] == pytest.approx(bootstrap_ratio(nats / math.log(2), sizes))
    assert found["interval"][0] <= found["bits_per_byte"] <= found["interval"][1]
    assert found["interval_over"] == "documents"
    assert list(found["baselines"]) == ["uniform", "unigram", "kn2", "kn3", "kn4", "kn5"]
    assert found["baselines"]["uniform"] == pytest.approx(math.log(257))
    for order in (2, 5):
        kn = KneserNey(order, 257, end_of_text=256).fit([list(t.encode()) for t in TRAIN])
        expected = -np.concatenate([kn.log_probs(d, [256]) for d in ids]).mean()
        assert found["baselines"][f"kn{order}"] == pytest.approx(expected)
    assert json.loads(json.dumps(found)) == found


def test_without_the_training_text_baselines_are_null(model):
    found = evaluate_documents(model, Bytes(), HELD_OUT, train_tokens=None).to_json()
    assert found["baselines"] == dict.fromkeys(NAMES)
    assert found["difference"] is None


def test_bytes_are_those_of_the_text_and_not_of_the_characters(model):
    found = evaluate_documents(model, Bytes(), ["ação", ""], train_tokens=None)
    assert (found.bytes, found.tokens, found.documents) == (6, 6, 1)


def test_one_document_has_an_interval_over_its_windows(model):
    text = " ".join(HELD_OUT)  # 66 bytes: 4 runs of 16 or 17 tokens
    found = evaluate_documents(model, Bytes(), [text], train_tokens=None)
    nats = document_losses(model, [list(text.encode())], end_of_text=256).nats[0]
    assert found.nats_per_token == pytest.approx(nats / 66)
    assert found.interval_over == "windows"
    assert found.interval is not None
    assert found.interval[0] < found.bits_per_byte < found.interval[1]
    short = evaluate_documents(model, Bytes(), ["Curto demais para isso."], train_tokens=None)
    assert (short.interval, short.interval_over) == (None, "windows")
    assert short.to_json()["interval"] is None


def test_a_tokenizer_without_end_of_text_still_pays_for_the_first_byte(model):
    tokenizer = Bytes(end_of_text=None)
    found = evaluate_documents(model, tokenizer, ["ab"], train_tokens=None)
    rest = document_losses(model, [[97, 98]], end_of_text=None).nats[0]
    assert found.tokens == 2
    assert found.nats_per_token * 2 == pytest.approx(rest)
    assert rest > math.log(257)  # ln V for "a", something for "b"


def test_baselines_without_end_of_text_have_the_same_conditions():
    train, ids = [np.array([0, 1, 0, 1, 0, 2])], [np.array([2, 0, 1]), np.array([1])]
    found = baseline_nats(train, ids, vocab_size=4, end_of_text=None, units=units_of(ids))
    kn = KneserNey(2, 4).fit(train)
    expected = [math.log(4) - kn.log_probs([0, 1], [2]).sum(), math.log(4)]
    assert found["kn2"] == pytest.approx(expected)
    assert found["uniform"] == pytest.approx([3 * math.log(4), math.log(4)])
    empty = [np.array([], dtype=np.int64), ids[1]]
    found = baseline_nats(train, empty, vocab_size=4, end_of_text=None, units=units_of(empty))
    assert found["kn2"] == pytest.approx([0, math.log(4)])


def test_counting_beats_an_untrained_model(model, tokens):
    found = evaluate_documents(model, Bytes(), HELD_OUT, train_tokens=tokens)
    best = min(found.baselines, key=found.baselines.get)
    assert best.startswith("kn")
    assert found.nats_per_token > found.baselines[best]


def test_the_difference_to_the_best_baseline_is_paired(model, tokens):
    found = evaluate_documents(model, Bytes(), HELD_OUT, train_tokens=tokens).to_json()
    ids = [np.array(list(t.encode())) for t in HELD_OUT]
    nats = document_losses(model, ids, end_of_text=256).nats
    name = min(found["baselines"], key=found["baselines"].get)
    kn = KneserNey(int(name[2:]), 257, end_of_text=256).fit([list(t.encode()) for t in TRAIN])
    bits = (nats + [kn.log_probs(d, [256]).sum() for d in ids]) / math.log(2)
    assert found["difference"]["baseline"] == name
    assert found["difference"]["bits_per_byte"] == pytest.approx(bits.sum() / 64)
    assert found["difference"]["interval"] == pytest.approx(bootstrap_ratio(bits, [28, 20, 16]))


def test_the_difference_within_one_document_is_over_the_same_runs(model, tokens):
    text = " ".join(HELD_OUT)
    found = evaluate_documents(model, Bytes(), [text], train_tokens=tokens)
    ids = np.array(list(text.encode()))
    kn = KneserNey(int(found.difference.baseline[2:]), 257, end_of_text=256).fit([list(t.encode()) for t in TRAIN])
    model_nats = next(iter(token_losses(model, [ids], end_of_text=256)))
    bits = [part.sum() / math.log(2) for part in np.array_split(model_nats + kn.log_probs(ids, [256]), 4)]
    assert found.difference.interval == pytest.approx(bootstrap_ratio(bits, [17, 17, 16, 16]))
    short = evaluate_documents(model, Bytes(), ["Curto demais para isso."], train_tokens=tokens)
    assert short.difference.interval is None
    best = short.baselines[short.difference.baseline]
    assert short.difference.bits_per_byte == pytest.approx((short.nats_per_token - best) / math.log(2))


def test_a_small_but_steady_advantage_is_sure_and_a_noisy_one_is_not():
    """Documents that differ much in difficulty: the model's own interval is wide, that of the difference is not."""
    bits = math.log(2)
    lengths = np.full(40, 100.0)
    hard = np.linspace(50, 300, 40) * bits
    steady = _difference(hard - 5 * bits, {"kn5": hard, "uniform": hard * 9}, lengths, 4000)
    assert steady.baseline == "kn5"
    assert steady.bits_per_byte == pytest.approx(-0.05)
    assert steady.interval == pytest.approx((-0.05, -0.05))
    low, high = bootstrap_ratio((hard - 5 * bits) / bits, lengths)
    assert low < hard.sum() / bits / 4000 < high  # the baseline's figure lies within the model's own interval
    noise = np.where(np.arange(40) % 2, 60, -70) * bits
    noisy = _difference(hard + noise, {"kn5": hard}, lengths, 4000)
    assert noisy.bits_per_byte == pytest.approx(-0.05)
    assert noisy.interval[0] < 0 < noisy.interval[1]


def test_a_hopeless_model_has_a_perplexity():
    base = Evaluation(2.0, 1.0, 100, 50, 5, (0.9, 1.1), "documents", dict.fromkeys(NAMES), None)
    assert replace(base, nats_per_token=1e6).perplexity > 1e300  # not an OverflowError
