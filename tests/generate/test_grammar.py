"""Text that follows a schema: always, whatever the settings, and the same alone and together."""

import json
import threading

import jsonschema
import pytest
from tiny_generation import byte_level, random_model

from prosa.core.errors import UserError
from prosa.generate.engine import Engine
from prosa.generate.grammar import json_object, json_schema, tool_call
from prosa.generate.sampling import Sampling
from prosa.generate.service import Service
from prosa.tokenizers.char import char_tokenizer
from prosa.tokenizers.config import CHAT_TOKENS
from prosa.tokenizers.word import word_tokenizer

TOKENIZER = byte_level(("<|endoftext|>", *CHAT_TOKENS))
END, CALL = TOKENIZER.special_tokens["<|end|>"], TOKENIZER.special_tokens["<|call|>"]
PERSON = {
    "type": "object",
    "properties": {
        "ação": {"enum": ["ler", "não ler", 'a/b\n"c"']},
        "nome": {"type": "string", "maxLength": 8},
        "idade": {"type": "integer", "minimum": 0, "maximum": 150},
        "amigos": {"type": "array", "items": {"$ref": "#/$defs/amigo"}, "minItems": 1, "maxItems": 2},
    },
    "required": ["ação", "nome", "idade", "amigos"],
    "additionalProperties": False,
    "$defs": {
        "amigo": {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "^[a-z]{1,4}$"}, {"const": None}]}
    },
}
NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}


@pytest.fixture(scope="module")
def engine():
    return Engine(random_model("modern", TOKENIZER.vocab_size, context=300), TOKENIZER, device="cpu")


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0},
        {"temperature": 1.5},
        {"temperature": 5.0, "top_k": 3, "frequency_penalty": 2.0, "presence_penalty": -2.0},
        {"top_p": 0.3, "logit_bias": ((END, 100.0), (CALL, 100.0), (TOKENIZER.encode("x")[0], 100.0))},
        {"repetition_penalty": 3.0, "logit_bias": tuple((id, -100.0) for id in TOKENIZER.encode('{}"'))},
    ],
)
def test_json_of_a_schema_validates(engine, settings):
    grammar = json_schema(TOKENIZER, PERSON)
    for seed in range(4):
        completion = engine.generate([[5, 6]], Sampling(seed=seed, grammar=grammar, **settings), max_tokens=250)[0]
        assert completion.finish_reason == "stop"
        assert completion.ended_by in (END, TOKENIZER.end_of_text)
        found = json.loads(completion.text)
        jsonschema.validate(found, PERSON)
        assert completion.text == json.dumps(found, ensure_ascii=False) or "\\" in completion.text


def test_any_object(engine):
    grammar = json_object(TOKENIZER)
    ended = 0
    for seed in range(12):
        made = engine.generate([[5]], Sampling(seed=seed, temperature=0.9, grammar=grammar), max_tokens=290)[0]
        if made.finish_reason == "stop":
            assert isinstance(json.loads(made.text), dict)
            ended += 1
        assert made.text.startswith("{")
    assert ended > 3


def test_what_is_reported_is_the_models_own(engine):
    plain = engine.generate([[5, 6]], Sampling(temperature=0, top_logprobs=4), max_tokens=1)[0].tokens[0]
    held = engine.generate(
        [[5, 6]], Sampling(temperature=0, top_logprobs=4, grammar=json_object(TOKENIZER)), max_tokens=1
    )[0].tokens[0]
    assert held.text == "{"
    assert held.id not in [a.id for a in plain.top]
    assert held.top == plain.top
    assert held.logprob < plain.top[-1].logprob


def test_calls_of_tools(engine):
    tools = [("hoje", NOTHING), ("pessoa", PERSON)]  # a schema's own references go on pointing into it
    names = set()
    for seed in range(8):
        sampling = Sampling(seed=seed, grammar=tool_call(TOKENIZER, tools))
        made = engine.generate([[5]], sampling, max_tokens=290)[0]
        assert made.finish_reason == "stop"
        assert [t.id for t in made.tokens].index(CALL) == 0
        called = json.loads(made.text)
        assert list(called) == ["name", "arguments"]
        jsonschema.validate(called["arguments"], dict(tools)[called["name"]])
        names.add(called["name"])
    assert names == {"hoje", "pessoa"}
    several = engine.generate([[5]], Sampling(grammar=tool_call(TOKENIZER, tools[:1], most=3)), max_tokens=200)[0]
    calls = [t.id for t in several.tokens].count(CALL)
    assert several.text == '{"name": "hoje", "arguments": {}}' * calls
    assert 1 <= calls <= 3


def test_alone_batched_streamed_and_with_reuse_are_the_same(engine):
    grammar = json_schema(TOKENIZER, PERSON)
    prompt = [5, *range(100)]
    settings = [
        Sampling(temperature=0, grammar=grammar),
        Sampling(temperature=0.8, seed=4, frequency_penalty=1.0),
        Sampling(temperature=0, presence_penalty=1.0, logit_bias=((7, 3.0),)),
        Sampling(seed=3, grammar=grammar, frequency_penalty=0.5),
    ]
    alone = [engine.generate([prompt], s, max_tokens=120)[0] for s in settings]
    with Service(engine) as service:
        streams = [service.submit(prompt, s, max_tokens=120) for s in settings]
        together = [stream.completion() for stream in streams]
        again = service.submit(prompt, settings[0], max_tokens=120)
        assert [t.id for t in again.completion().tokens] == [t.id for t in together[0].tokens]
        assert again.reused >= 100
    ids = [[t.id for t in c.tokens] for c in alone]
    assert [[t.id for t in c.tokens] for c in together] == ids
    assert [[t.id for t in engine.stream(prompt, s, max_tokens=120)] for s in settings] == ids


def test_a_grammar_serves_many_threads(engine):
    grammar = json_schema(TOKENIZER, PERSON)
    texts, problems = [], []

    def client(service, number):
        try:
            for turn in range(4):
                sampling = Sampling(seed=10 * number + turn, grammar=grammar)
                texts.append(service.submit([5, number], sampling, max_tokens=250).completion().text)
        except Exception as error:
            problems.append(error)

    with Service(engine) as service:
        threads = [threading.Thread(target=client, args=(service, n)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems == []
    for text in texts:
        jsonschema.validate(json.loads(text), PERSON)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "foo"}, "not a schema that can be followed"),
        ({"not": {}}, 'Unimplemented keys: \\["not"\\]'),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "minimum .5. is greater than maximum"),
        ({"$ref": "http://example.com/schema.json"}, "does not fetch"),
        ({"const": float("nan")}, "not a schema: it is not JSON"),
        ({"type": "string", "pattern": "(a"}, r"regex parse error: \(a, error: unclosed group$"),
    ],
)
def test_what_cannot_be_followed_is_told(schema, message):
    with pytest.raises(UserError, match=message):
        json_schema(TOKENIZER, schema)
    with pytest.raises(UserError, match=message):
        tool_call(TOKENIZER, [("f", schema)])


def test_tools_and_tokenizers_that_cannot_do_it(engine):
    with pytest.raises(UserError, match="there is no tool"):
        tool_call(TOKENIZER, [])
    with pytest.raises(UserError, match=r"has no <\|call\|>"):
        tool_call(byte_level(), [("f", NOTHING)])
    with pytest.raises(UserError, match="word-v2 tokenizer cannot follow"):
        json_object(word_tokenizer("word-v2", ["a"]))
    letters = char_tokenizer("abc", ("<|endoftext|>",))
    without = Engine(random_model("modern", letters.vocab_size), letters, device="cpu")
    with pytest.raises(UserError, match=r"the schema could not be followed.*got '\{'"):
        without.generate([[0]], Sampling(grammar=json_object(letters)), max_tokens=5)
    with Service(without) as service:  # and the others go on
        bad = service.submit([0], Sampling(grammar=json_object(letters)), max_tokens=5)
        good = service.submit([0], Sampling(temperature=0), max_tokens=5)
        assert good.completion().tokens
        with pytest.raises(UserError, match="the schema could not be followed"):
            bad.completion()
