"""Losses of documents against a token-by-token computation, and the laws that windows and batches must keep."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prosa.core.errors import UserError
from prosa.evaluate import loss
from prosa.evaluate.loss import document_losses, token_losses
from prosa.models.gpt import GPT, GPTConfig

CONFIG = GPTConfig(vocab_size=19, context=8, n_layer=2, n_head=2, d_model=16, shape="modern")
EOT = 18


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(5)
    made = GPT(CONFIG)
    for parameter in made.parameters():  # far from uniform, so that what a token sees matters
        parameter.data.mul_(8 if parameter.dim() > 1 else 1)
    return made


def documents(*lengths):
    generator = np.random.default_rng(1)
    return [generator.integers(0, 18, n) for n in lengths]


def slow(model, document, end_of_text, context, stride):
    """One token at a time, each from exactly the tokens that the docstring says it sees."""
    text = [int(i) for i in document] if end_of_text is None else [end_of_text, *map(int, document)]
    nats = [math.log(model.config.vocab_size)] if end_of_text is None and text else []
    for target in range(1, len(text)):
        window = 0 if target <= context else math.ceil((target - context) / stride)
        seen = torch.tensor([text[window * stride : target]])
        with torch.no_grad():
            nats.append(-torch.log_softmax(model(seen)[0, -1].double(), -1)[text[target]].item())
    return nats


@pytest.mark.parametrize("end_of_text", [EOT, None])
@pytest.mark.parametrize(("context", "stride"), [(8, None), (8, 8), (8, 3), (8, 1), (5, 2), (1, 1)])
def test_each_token_once_from_what_it_should_see(model, end_of_text, context, stride):
    texts = documents(0, 1, 2, 7, 8, 9, 30, 0, 17, 16, 1)
    found = list(token_losses(model, texts, end_of_text=end_of_text, context=context, stride=stride, batch=3))
    assert [len(nats) for nats in found] == [len(text) for text in texts]
    for nats, text in zip(found, texts, strict=True):
        np.testing.assert_allclose(nats, slow(model, text, end_of_text, context, stride or context), atol=2e-5)


def test_sums_of_documents(model):
    texts = documents(3, 0, 40)
    losses = document_losses(model, texts, end_of_text=EOT)
    assert losses.tokens.tolist() == [3, 0, 40]
    assert losses.nats.dtype == np.float64
    np.testing.assert_allclose(losses.nats, [sum(slow(model, t, EOT, 8, 8)) for t in texts], atol=1e-4)
    none = document_losses(model, [], end_of_text=EOT)
    assert none.nats.shape == none.tokens.shape == (0,)


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(0, 40), max_size=9), batch=st.integers(1, 7))
def test_batching_and_padding_change_nothing(model, lengths, batch):
    texts = documents(*lengths)
    together = document_losses(model, texts, end_of_text=EOT, batch=batch).nats
    alone = [document_losses(model, [t], end_of_text=EOT, batch=1).nats[0] for t in texts]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_windows_are_sorted_within_groups_only(model, monkeypatch):
    texts = documents(9, 1, 33, 2, 0, 26, 5, 5, 12)
    expected = document_losses(model, texts, end_of_text=EOT).nats
    monkeypatch.setattr(loss, "SORTED_BATCHES", 1)
    monkeypatch.setattr(loss, "LOGITS_AT_ONCE", 3)
    np.testing.assert_allclose(document_losses(model, texts, end_of_text=EOT, batch=2).nats, expected, atol=1e-4)


def test_more_context_sees_more(model):
    """With stride 1 a token sees context tokens; the last ones of a text see the same whatever came long before."""
    ending = documents(8)[0]
    tails = [
        next(iter(token_losses(model, [np.concatenate((start, ending))], end_of_text=EOT, stride=1)))[-1]
        for start in (documents(9, 20)[1], documents(31)[0])
    ]
    assert tails[0] == pytest.approx(tails[1], abs=1e-5)


def test_the_mode_of_the_model_comes_back_and_dropout_is_off(model):
    torch.manual_seed(0)
    dropping = GPT(replace(CONFIG, dropout=0.5)).train()
    texts = documents(20)
    losses = [document_losses(dropping, texts, end_of_text=EOT).nats[0] for _ in range(2)]
    assert losses[0] == losses[1]
    assert dropping.training
    document_losses(dropping.eval(), texts, end_of_text=EOT)
    assert not dropping.training


def test_an_untrained_model_is_near_uniform():
    torch.manual_seed(0)
    losses = document_losses(GPT(replace(CONFIG, vocab_size=500)), documents(400), end_of_text=EOT)
    assert losses.nats[0] / 400 == pytest.approx(math.log(500), abs=0.05)


def test_bfloat16_is_near_float32(model):
    texts = documents(64)
    exact, rough = (
        document_losses(model, texts, end_of_text=EOT, precision=p).nats[0] for p in ("float32", "bfloat16")
    )
    assert rough != exact
    assert rough == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": 9}, "context of 9"),
        ({"context": 0}, "context of 0"),
        ({"stride": 0}, "stride of 0"),
        ({"context": 4, "stride": 5}, "stride of 5"),
        ({"batch": 0}, "batch of 0"),
    ],
)
def test_bad_options(model, options, message):
    with pytest.raises(UserError, match=message):
        document_losses(model, documents(5), end_of_text=EOT, **options)


def test_bad_ids_and_broken_weights(model):
    with pytest.raises(UserError, match="token id 19 is outside"):
        document_losses(model, [[1, 19]], end_of_text=EOT)
    broken = GPT(CONFIG)
    broken.embedding.weight.data[3] = float("nan")
    with pytest.raises(UserError, match="not a number"):
        document_losses(broken, [[3, 3]], end_of_text=EOT)
