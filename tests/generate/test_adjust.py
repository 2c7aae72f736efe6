"""Penalties, biases and grammars: by OpenAI's formula, before the choice, and never in what is reported."""

import json

import pytest
import torch
from tiny_generation import byte_level, random_model

from prosa.core.errors import UserError
from prosa.generate.adjust import adjust
from prosa.generate.engine import Engine
from prosa.generate.grammar import Vocabulary
from prosa.generate.reading import embed, score
from prosa.generate.sampling import Sampling
from prosa.generate.service import Service
from prosa.tokenizers.config import CHAT_TOKENS

TOKENIZER = byte_level(("<|endoftext|>", *CHAT_TOKENS))
PERSON = {
    "type": "object",
    "properties": {"nome": {"type": "string", "maxLength": 8}, "idade": {"type": "integer", "minimum": 0}},
    "required": ["nome", "idade"],
    "additionalProperties": False,
}


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


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_json_of_a_schema(engine, temperature):
    grammar = Vocabulary(engine.tokenizer).json_schema(PERSON)
    for seed in range(5):
        sampling = Sampling(temperature=temperature, seed=seed, grammar=grammar, logit_bias=((1, 50.0),))
        completion = engine.generate(["Era"], sampling, max_tokens=120)[0]
        if completion.finish_reason == "stop":
            found = json.loads(completion.text)
            assert list(found) == ["nome", "idade"]
            assert len(found["nome"]) <= 8
            assert found["idade"] >= 0
        else:  # numbers may be of any length
            assert completion.text.startswith('{"nome": "')


def test_any_object(engine):
    vocabulary = Vocabulary(engine.tokenizer)
    found = engine.generate([[5]], Sampling(seed=1, grammar=vocabulary.json_object()), max_tokens=200)[0]
    assert found.text.startswith("{")


def test_a_call_of_a_tool():
    engine = Engine(random_model("modern", TOKENIZER.vocab_size, context=300), TOKENIZER, device="cpu")
    none = {"type": "object", "properties": {}, "additionalProperties": False}
    calls = Vocabulary(TOKENIZER).calls([("hoje", none)])
    made = engine.generate([[5]], Sampling(grammar=calls), max_tokens=60)[0]
    assert made.tokens[0].id == TOKENIZER.special_tokens["<|call|>"]
    assert made.text == '{"name": "hoje", "arguments": {}}'
    assert made.finish_reason == "stop"


def test_alone_batched_and_streamed_are_the_same(engine):
    grammar = Vocabulary(engine.tokenizer).json_schema(PERSON)
    settings = [
        Sampling(temperature=0, grammar=grammar),
        Sampling(temperature=0.8, seed=4, frequency_penalty=1.0),
        Sampling(temperature=0, presence_penalty=1.0, logit_bias=((7, 3.0),)),
    ]
    alone = [engine.generate(["Era uma vez"], s, max_tokens=40)[0] for s in settings]
    with Service(engine) as service:
        streams = [service.submit("Era uma vez", s, max_tokens=40) for s in settings]
        together = [stream.completion() for stream in streams]
    assert [c.text for c in together] == [c.text for c in alone]
    assert [t.text for t in engine.stream("Era uma vez", settings[0], max_tokens=40)] == [
        t.text for t in alone[0].tokens
    ]


def test_what_cannot_be_followed_is_told(engine):
    with pytest.raises(UserError, match="not a schema that can be followed"):
        Vocabulary(engine.tokenizer).json_schema({"type": "foo"})
    with pytest.raises(UserError, match="there is no token 99999"):
        engine.generate(["a"], Sampling(logit_bias=((99999, 1.0),)), max_tokens=1)
    with pytest.raises(UserError, match=r"presence_penalty is 3.*logit_bias"):
        Sampling(presence_penalty=3, logit_bias=((0, 101.0),))


def test_scores_are_what_generation_reports(engine):
    made = engine.generate(["Era uma vez"], Sampling(temperature=0, top_logprobs=2), max_tokens=10)[0]
    prompt = engine.row("Era uma vez", Sampling(), max_tokens=1).window
    ids = [*prompt, *(t.id for t in made.tokens)]
    with Service(engine) as service:
        scored = service.call(lambda engine: score(engine, ids, top=2)).result(timeout=60)
    assert [t.id for t in scored] == ids[1:]
    for told, token in zip(scored[-len(made.tokens) :], made.tokens, strict=True):
        assert told.logprob == pytest.approx(token.logprob, abs=1e-4)
        assert [a.id for a in told.top] == [a.id for a in token.top]
    assert score(engine, ids[:1]) == []


def test_an_embedding_is_the_normalised_mean_of_hidden_states(engine):
    ids = engine.tokenizer.encode("Era uma vez")
    found = torch.tensor(embed(engine, ids))
    with torch.inference_mode():
        mean = engine.model.hidden(torch.tensor([ids]))[0].mean(dim=0)
    torch.testing.assert_close(found, mean / mean.norm(), rtol=0, atol=1e-6)


def test_texts_that_cannot_be_read(engine):
    with pytest.raises(UserError, match="empty"):
        embed(engine, [])
    with pytest.raises(UserError, match="301 tokens, the context 300"):
        score(engine, [1] * 301)
    with pytest.raises(UserError, match="no token 99999"):
        score(engine, [99999])
    with Service(engine) as service, pytest.raises(UserError, match="empty"):
        service.call(lambda engine: embed(engine, [])).result(timeout=60)
