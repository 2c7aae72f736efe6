"""Completions of texts and ids, embeddings, and what a tokenizer makes of a text."""

import base64
import math
import struct
from typing import Any

import openai
import pytest
from serving import MODEL, Serving, error_of

from prosa.generate.reading import embed, score
from prosa.generate.sampling import Sampling


@pytest.fixture(scope="module")
def client(served: Serving) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.address}/v1", api_key=served.key, max_retries=0)


def test_a_text_goes_on_as_the_engine_says(served: Serving, client: openai.OpenAI) -> None:
    made = client.completions.create(model=MODEL, prompt="Olá", max_tokens=12, temperature=0)
    alone = served.engine.generate(["Olá"], Sampling(temperature=0), max_tokens=12)[0]
    assert made.choices[0].text == alone.text
    assert made.choices[0].finish_reason == alone.finish_reason
    assert made.usage is not None
    assert made.usage.prompt_tokens == 1 + len(served.tokenizer.encode("Olá"))
    assert made.usage.completion_tokens == len(alone.tokens)
    streamed = client.completions.create(model=MODEL, prompt="Olá", max_tokens=12, temperature=0, stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == alone.text


def test_ids_are_read_as_they_are(served: Serving, client: openai.OpenAI) -> None:
    ids = served.tokenizer.encode("Quanto é")
    made = client.completions.create(model=MODEL, prompt=ids, max_tokens=12, temperature=0)
    assert made.choices[0].text == served.engine.generate([ids], Sampling(temperature=0), max_tokens=12)[0].text
    assert made.usage is not None
    assert made.usage.prompt_tokens == len(ids)


def test_several_prompts_and_samples(served: Serving, client: openai.OpenAI) -> None:
    prompts = ["Olá", "Quanto", "Dá"]
    made = client.completions.create(model=MODEL, prompt=prompts, n=2, seed=7, max_tokens=6, best_of=2)
    assert [choice.index for choice in made.choices] == list(range(6))
    alone = served.engine.generate(prompts, Sampling(seed=7), max_tokens=6, samples=2)
    assert [choice.text for choice in made.choices] == [completion.text for completion in alone]
    ids = [served.tokenizer.encode(text) for text in prompts]
    made = client.completions.create(model=MODEL, prompt=ids, seed=7, max_tokens=6)
    alone = served.engine.generate(ids, Sampling(seed=7), max_tokens=6)
    assert [choice.text for choice in made.choices] == [completion.text for completion in alone]


@pytest.mark.parametrize("more", [1, 0])
def test_echo_has_the_log_probabilities_of_the_prompt(served: Serving, client: openai.OpenAI, more: int) -> None:
    ids = served.tokenizer.encode("Quanto é 3,5*2? 😀")
    made = client.completions.create(
        model=MODEL, prompt=ids, max_tokens=more, temperature=0, echo=True, logprobs=2
    ).choices[0]
    assert made.logprobs is not None
    shown: Any = made.logprobs
    assert len(shown.tokens) == len(ids) + more
    assert shown.token_logprobs[0] is None
    assert shown.top_logprobs[0] is None
    expected = [token.logprob for token in score(served.engine, ids)]
    assert shown.token_logprobs[1 : len(ids)] == pytest.approx(expected, abs=1e-5)
    for token, logprob, best in list(zip(shown.tokens, shown.token_logprobs, shown.top_logprobs, strict=True))[1:]:
        assert best[token] == logprob
        assert len(best) in (2, 3)
        assert max(best.values()) >= logprob
    assert made.text.startswith("Quanto é 3,5*2? 😀")
    assert shown.text_offset[0] == 0
    for token, start in zip(shown.tokens, shown.text_offset, strict=True):
        assert token.startswith("bytes:") or made.text[start:].startswith(token)
    assert "bytes:\\x80" in shown.tokens


def test_the_first_token_of_a_text_has_the_end_of_text_before_it(served: Serving, client: openai.OpenAI) -> None:
    shown: Any = client.completions.create(model=MODEL, prompt="Olá, cão", max_tokens=1, echo=True, logprobs=0)
    ids = [served.tokenizer.end_of_text, *served.tokenizer.encode("Olá, cão")]
    found = shown.choices[0].logprobs
    assert "".join(found.tokens[:-1]) == "Olá, cão"
    assert found.token_logprobs[:-1] == pytest.approx([t.logprob for t in score(served.engine, ids)], abs=1e-5)
    assert found.top_logprobs is None


def test_the_token_that_ends_a_text_has_its_log_probability(served: Serving) -> None:
    """lm-eval counts on it: the last of ``max_tokens: 1`` is always one more than the prompt's."""
    end = served.tokenizer.end_of_text
    ids = served.tokenizer.encode("Olá")
    body = {"prompt": ids, "max_tokens": 3, "logprobs": 1, "echo": True, "logit_bias": {str(end): 100}}
    made = served.post("/v1/completions", **body).json()["choices"][0]
    assert made["text"] == "Olá"
    assert made["finish_reason"] == "stop"
    assert made["logprobs"]["tokens"][-1] == "<|endoftext|>"
    assert made["logprobs"]["text_offset"][-1] == 3
    [last] = score(served.engine, [*ids, end])[-1:]
    assert made["logprobs"]["token_logprobs"][-1] == pytest.approx(last.logprob, abs=1e-5)
    lines = served.post("/v1/completions", **body, stream=True).text
    assert lines.count("<|endoftext|>") >= 1


def test_echo_in_a_stream(client: openai.OpenAI) -> None:
    options: dict[str, Any] = {"model": MODEL, "prompt": ["Olá", "Dá 7"], "max_tokens": 4, "seed": 1, "echo": True,
                               "logprobs": 1}  # fmt: skip
    made = client.completions.create(**options)
    texts, tokens = ["", ""], [[], []]  # type: ignore[var-annotated]
    for chunk in client.completions.create(**options, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
            tokens[choice.index] += choice.logprobs.tokens if choice.logprobs else []
    assert texts == [choice.text for choice in made.choices]
    assert tokens == [choice.logprobs.tokens for choice in made.choices if choice.logprobs]


def test_nothing_to_go_on_from(served: Serving) -> None:
    made = served.post("/v1/completions", temperature=0, max_tokens=3).json()
    assert made["usage"]["prompt_tokens"] == 1
    assert made["choices"][0]["text"] == served.engine.generate([""], Sampling(temperature=0), max_tokens=3)[0].text


def test_a_prompt_fills_the_context(served: Serving) -> None:
    ids = [5] * 128
    never = {str(id): -100 for id in (served.tokenizer.end_of_text, served.served.chat.end_id)}
    made = served.post("/v1/completions", prompt=ids, max_tokens=5, logit_bias=never).json()
    assert made["usage"]["completion_tokens"] == 1
    assert made["choices"][0]["finish_reason"] == "length"
    found = error_of(served.post("/v1/completions", prompt=[*ids, 5]), 400)
    assert (found["code"], found["param"]) == ("context_length_exceeded", "prompt")
    found = error_of(served.post("/v1/completions", prompt=["a", "b " * 200]), 400)
    assert (found["code"], found["param"]) == ("context_length_exceeded", "prompt[1]")


def test_embeddings(served: Serving, client: openai.OpenAI) -> None:
    texts = ["Olá, cão!", "Quanto é 3,5*2?"]
    made = client.embeddings.create(model=MODEL, input=texts)  # the package asks for base64, and decodes it
    expected = [embed(served.engine, served.tokenizer.encode(text)) for text in texts]
    for found, vector in zip(made.data, expected, strict=True):
        assert found.embedding == pytest.approx(vector, abs=1e-6)
        assert math.fsum(x * x for x in found.embedding) == pytest.approx(1, abs=1e-5)
    plain = served.post("/v1/embeddings", input=texts, encoding_format="float", dimensions=48).json()
    assert plain["data"][1]["embedding"] == pytest.approx(expected[1], abs=1e-6)
    raw = served.post("/v1/embeddings", input=texts[0], encoding_format="base64").json()["data"][0]["embedding"]
    assert struct.unpack("<48f", base64.b64decode(raw)) == pytest.approx(expected[0], abs=1e-6)
    ids = [served.tokenizer.encode(text) for text in texts]
    assert served.post("/v1/embeddings", input=ids).json()["data"] == plain["data"]
    assert plain["usage"] == {"prompt_tokens": sum(map(len, ids)), "total_tokens": sum(map(len, ids))}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": []}, "input"),
        ({"input": [[]]}, "input[0]"),
        ({"input": [99_999]}, "input"),
        ({"input": "a " * 300}, "input"),
        ({"input": "a", "dimensions": 7}, "dimensions"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({}, "input"),
    ],
)
def test_what_has_no_vector(served: Serving, body: dict[str, Any], param: str) -> None:
    assert error_of(served.post("/v1/embeddings", **body), 400)["param"] == param


def test_tokenize_and_back(served: Serving) -> None:
    text = "Olá, cão! 😀"
    found = served.post("/tokenize", prompt=text, return_token_strs=True).json()
    ids = served.tokenizer.encode(text)
    assert found["tokens"] == ids
    assert found["count"] == len(ids) == len(found["token_strs"])
    assert found["max_model_len"] == 128
    assert served.post("/detokenize", tokens=ids).json() == {"prompt": text}
    with_end = served.post("/tokenize", prompt=text, add_special_tokens=True).json()["tokens"]
    assert with_end == [served.tokenizer.end_of_text, *ids]
    messages = [{"role": "user", "content": text}]
    chat = served.post("/tokenize", messages=messages).json()["tokens"]
    assert served.post("/tokenize", messages=messages, add_generation_prompt=False).json()["tokens"] == chat[:-1]
    assert error_of(served.post("/tokenize"), 400)["param"] == "prompt"
    assert error_of(served.post("/detokenize", tokens=[99_999]), 400)["param"] == "tokens"


def test_the_tools_of_a_conversation_are_counted_as_they_are_told(served: Serving) -> None:
    tools = served.client.get("/v1/tools").json()["data"]
    messages = [{"role": "user", "content": "Oi"}]
    counted = served.post("/tokenize", messages=messages, tools=tools).json()["count"]
    usage = served.chat("Oi", tools=tools, max_tokens=1).json()["usage"]
    assert counted == usage["prompt_tokens"] > served.post("/tokenize", messages=messages).json()["count"]
    assert error_of(served.post("/tokenize", prompt="a", tools=tools), 400)["param"] == "tools"
    assert error_of(served.post("/tokenize", messages=messages, tools=tools[:1] * 2), 400)["param"]


@pytest.mark.parametrize(
    ("path", "body"), [("/tokenize", {"prompt": "a" * 2**18}), ("/detokenize", {"tokens": [1] * 2**18})]
)
def test_a_text_of_any_length_would_hold_up_the_others(served: Serving, path: str, body: dict[str, Any]) -> None:
    assert served.post(path, **body).status_code == 200
    [(name, value)] = body.items()
    assert error_of(served.post(path, **{name: value + value[:1]}), 400)["param"] == name
