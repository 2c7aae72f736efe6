"""Penalties and biases: by OpenAI's formula, before the choice, and never in what is reported."""

import pytest
import torch
from tiny_generation import random_model

from prosa.core.errors import UserError
from prosa.generate.adjust import adjust
from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling


@pytest.fixture(scope="module")
def engine(tokenizer):
    return Engine(random_model("modern", tokenizer.vocab_size, context=300), tokenizer, device="cpu")


def written(engine, sampling, ids):
    row = engine.row([5, 6, 7], sampling, max_tokens=50)
    row.counts.update(ids)
    row.seen |= set(ids)
    return row


def test_the_penalties_are_openais_formula(engine):
    sampling = Sampling(presence_penalty=0.5, frequency_penalty=0.25, logit_bias=((3, 2.0), (4, -100.0)))
    row = written(engine, sampling, [9, 9, 9, 4])
    logits = torch.zeros(1, engine.tokenizer.vocab_size)
    found = adjust(logits, [row])[0]
    assert found[9] == -(3 * 0.25 + 0.5)
    assert found[4] == -(0.25 + 0.5) - 100
    assert found[3] == 2
    assert found[5] == 0  # of the prompt: not counted
    assert found.count_nonzero() == 3
    assert not logits.any()


def test_rows_are_adjusted_by_their_own_settings(engine):
    rows = [written(engine, Sampling(logit_bias=((1, 3.0),)), []), written(engine, Sampling(), [1])]
    found = adjust(torch.zeros(2, engine.tokenizer.vocab_size), rows)
    assert found[0, 1] == 3
    assert not found[1].any()


def test_a_bias_decides_and_is_not_reported(engine):
    plain = engine.generate(["Era"], Sampling(temperature=0, top_logprobs=3), max_tokens=1)[0].tokens[0]
    other = plain.top[1].id
    forced = engine.generate(
        ["Era"], Sampling(temperature=0, logit_bias=((other, 100.0),), top_logprobs=3), max_tokens=1
    )
    assert forced[0].tokens[0].id == other
    assert forced[0].tokens[0].logprob == pytest.approx(plain.top[1].logprob)
    assert forced[0].tokens[0].top == plain.top


def test_a_frequency_penalty_ends_a_loop(engine):
    plain = engine.generate(["aaaa"], Sampling(temperature=0), max_tokens=60)[0]
    varied = engine.generate(["aaaa"], Sampling(temperature=0, frequency_penalty=2.0), max_tokens=60)[0]
    assert len({t.id for t in varied.tokens}) > len({t.id for t in plain.tokens})


def test_bad_settings_are_told(engine):
    with pytest.raises(UserError, match="there is no token 99999"):
        engine.generate(["a"], Sampling(logit_bias=((99999, 1.0),)), max_tokens=1)
    with pytest.raises(UserError, match=r"presence_penalty is 3.*logit_bias"):
        Sampling(presence_penalty=3, logit_bias=((0, 101.0),))
