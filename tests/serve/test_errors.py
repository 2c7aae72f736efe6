"""Every field is honoured or refused by name, and every error has one form."""

import http.client
import json
from typing import Any

import httpx
import pytest
from openai.types import completion_create_params as text_params
from openai.types import embedding_create_params as vector_params
from openai.types.chat import completion_create_params as chat_params
from pydantic import ValidationError
from serving import MODEL, Serving, error_of

from prosa.generate.grammar import Unfollowed
from prosa.generate.next_tokens import Diverged
from prosa.serve.chat_request import ChatRequest
from prosa.serve.completion_request import CompletionRequest
from prosa.serve.embeddings import EmbeddingRequest
from prosa.serve.errors import ApiError
from prosa.serve.strict import parsed
from prosa.serve.tokenization import DetokenizeRequest

SAID = [{"role": "user", "content": "Oi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (ChatRequest, chat_params.CompletionCreateParamsNonStreaming),
        (CompletionRequest, text_params.CompletionCreateParamsNonStreaming),
        (EmbeddingRequest, vector_params.EmbeddingCreateParams),
    ],
)
def test_every_field_of_openais_is_known(ours: Any, theirs: Any) -> None:
    """Known: taken, or refused by what it says."""
    assert set(theirs.__annotations__) - set(ours.model_fields) == set()


@pytest.mark.parametrize(
    "more",
    [
        {"store": False},
        {"service_tier": "auto"},
        {"service_tier": "default"},
        {"modalities": ["text"]},
        {"metadata": {}},
        {"user": "maria", "safety_identifier": "x", "prompt_cache_key": "y"},
        {"reasoning_effort": "none", "verbosity": "medium", "prompt_cache_retention": "in_memory"},
        {"response_format": {"type": "text"}},
        {"tools": [TOOL], "parallel_tool_calls": True, "tool_choice": "auto"},
        {"tools": []},
        {"tool_choice": "none"},
        {"stop": ["a", "b", "c", "d"]},
        {"max_tokens": 3, "max_completion_tokens": 3},
        {name: None for name in ChatRequest.model_fields if name not in ("model", "messages")},
    ],
)
def test_what_is_taken(served: Serving, more: dict[str, Any]) -> None:
    made = served.post("/v1/chat/completions", **{"messages": SAID, "max_tokens": 3, **more})
    assert made.status_code == 200, made.text


LIST = {"type": "function", "function": {"name": "a", "parameters": {"type": "array"}}}
NO_SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nothing"}}}
SOUND = [{"type": "text", "text": "x"}, {"type": "input_audio"}]
RESULT = {"role": "tool", "tool_call_id": "c1", "name": "g", "content": "x"}
PICTURE = {"type": "image_url", "image_url": {"url": "http://127.0.0.1/x"}}
BROKEN = {**CALL, "function": {"name": "f", "arguments": "[1"}}
TWICE = {**CALL, "function": {"name": "f", "arguments": '{"a": 1, "a": 2}'}}
NAN = {**CALL, "function": {"name": "f", "arguments": '{"a": NaN}'}}
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("store", {"store": True}),
    ("service_tier", {"service_tier": "flex"}),
    ("modalities[0]", {"modalities": ["audio"]}),
    ("modalities", {"modalities": []}),
    ("metadata", {"metadata": {"a": "b"}}),
    ("audio", {"audio": {"voice": "x", "format": "wav"}}),
    ("prediction", {"prediction": {"type": "content", "content": "x"}}),
    ("functions", {"functions": []}),
    ("function_call", {"function_call": "auto"}),
    ("web_search_options", {"web_search_options": {}}),
    ("reasoning_effort", {"reasoning_effort": "high"}),
    ("verbosity", {"verbosity": "low"}),
    ("colour", {"colour": "red"}),
    ("temperature", {"temperature": 2.1}),
    ("temperature", {"temperature": "1"}),
    ("temperature", {"temperature": True}),
    ("top_p", {"top_p": -0.1}),
    ("n", {"n": 0}),
    ("n", {"n": 17}),
    ("n", {"n": 1.5}),
    ("max_tokens", {"max_tokens": 0}),
    ("max_tokens", {"max_tokens": 4097}),
    ("max_tokens", {"max_tokens": 3, "max_completion_tokens": 4}),
    ("max_completion_tokens", {"max_completion_tokens": 10**30}),
    ("seed", {"seed": 2**63}),
    ("stop", {"stop": ["a"] * 5}),
    ("stop", {"stop": ""}),
    ("stop[1]", {"stop": ["a", ""]}),
    ("top_logprobs", {"logprobs": True, "top_logprobs": 21}),
    ("top_logprobs", {"top_logprobs": 2}),
    ("logit_bias", {"logit_bias": {"99999": 1}}),
    ("logit_bias.1", {"logit_bias": {"1": 101}}),
    ("logit_bias.x", {"logit_bias": {"x": 1}}),
    ("logit_bias.1\n", {"logit_bias": {"1\n": 1}}),
    ("presence_penalty", {"presence_penalty": 3}),
    ("stream_options", {"stream_options": {"include_usage": True}}),
    ("stream_options.x", {"stream": True, "stream_options": {"x": 1}}),
    ("stream_options.include_obfuscation", {"stream": True, "stream_options": {"include_obfuscation": True}}),
    ("tools[0].type", {"tools": [{"type": "custom", "custom": {"name": "x"}}]}),
    ("tools[0].function.name", {"tools": [{"type": "function", "function": {"name": "a b"}}]}),
    ("tools[0].function.name", {"tools": [{"type": "function", "function": {"name": "f\n"}}]}),
    ("tools[0].function.name", {"tools": [TOOL, TOOL]}),
    ("tools[0].function.parameters", {"tools": [LIST]}),
    ("tool_choice", {"tool_choice": "required"}),
    ("tool_choice", {"tools": [TOOL], "tool_choice": "sometimes"}),
    ("tool_choice", {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}}),
    ("parallel_tool_calls", {"parallel_tool_calls": False}),
    ("response_format.type", {"response_format": {"type": "xml"}}),
    ("response_format.json_schema", {"response_format": {"type": "json_schema"}}),
    ("response_format", {"response_format": NO_SCHEMA}),
    ("messages", {"messages": []}),
    ("messages", {"messages": "Oi"}),
    ("messages[0].role", {"messages": [{"role": "function", "content": "x", "name": "f"}]}),
    ("messages[0].role", {"messages": [{"content": "x"}]}),
    ("messages[0].content", {"messages": [{"role": "user"}]}),
    ("messages[0].content", {"messages": [{"role": "user", "content": None}]}),
    ("messages[0].content", {"messages": [{"role": "user", "content": []}]}),
    ("messages[0].content", {"messages": [{"role": "assistant"}]}),
    ("messages[0].name", {"messages": [{"role": "user", "content": "x", "name": "maria"}]}),
    ("messages[0].content[0].type", {"messages": [{"role": "user", "content": [PICTURE]}]}),
    ("messages[0].content[1].type", {"messages": [{"role": "user", "content": SOUND}]}),
    ("messages[0].tool_call_id", {"messages": [{"role": "tool", "content": "x", "tool_call_id": "c"}]}),
    ("messages[1]", {"messages": [{"role": "assistant", "tool_calls": [CALL]}, *SAID]}),
    ("messages", {"messages": [{"role": "assistant", "tool_calls": [CALL]}]}),
    ("messages[0].tool_calls", {"messages": [{"role": "assistant", "tool_calls": [CALL, CALL]}]}),
    ("messages[0].tool_calls[0].function.arguments", {"messages": [{"role": "assistant", "tool_calls": [BROKEN]}]}),
    ("messages[0].tool_calls[0].function.arguments", {"messages": [{"role": "assistant", "tool_calls": [TWICE]}]}),
    ("messages[0].tool_calls[0].function.arguments", {"messages": [{"role": "assistant", "tool_calls": [NAN]}]}),
    ("messages[1].name", {"messages": [{"role": "assistant", "tool_calls": [CALL]}, RESULT]}),
]


@pytest.mark.parametrize(("param", "more"), REFUSED)
def test_what_is_refused_is_named(served: Serving, param: str, more: dict[str, Any]) -> None:
    body = json.dumps({"model": MODEL, "messages": SAID, **more})  # httpx would refuse some numbers
    headers = {"Content-Type": "application/json"}
    found = error_of(served.client.post("/v1/chat/completions", content=body, headers=headers), 400)
    assert found["param"] == param
    assert found["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("param", "more"),
    [
        ("suffix", {"suffix": "x"}),
        ("best_of", {"best_of": 3}),
        ("logprobs", {"logprobs": 6}),
        ("logprobs", {"logprobs": True}),
        ("prompt", {"prompt": []}),
        ("prompt", {"prompt": {}}),
        ("prompt", {"prompt": [10**6]}),
        ("prompt[0]", {"prompt": [1, "a"]}),
        ("prompt", {"prompt": ["a"] * 257}),
        ("max_tokens", {"max_tokens": -1}),
        ("messages", {"messages": SAID}),
    ],
)
def test_what_completions_refuse(served: Serving, param: str, more: dict[str, Any]) -> None:
    assert error_of(served.post("/v1/completions", **{"prompt": "a", **more}), 400)["param"] == param


def test_results_may_come_in_any_order(served: Serving) -> None:
    calls = [{**CALL, "id": id} for id in ("c1", "c2")]
    results = [{"role": "tool", "tool_call_id": id, "content": text, "name": "f"} for id, text in
               (("c1", "um"), ("c2", "dois"))]  # fmt: skip
    tokens = [
        served.post("/tokenize", messages=[*SAID, {"role": "assistant", "tool_calls": calls}, *some]).json()["tokens"]
        for some in (results, results[::-1])
    ]
    assert tokens[0] == tokens[1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"model": NaN}',
        b'{"model": "\\ud800"}',
        b'{"model": "\xff"}',
        b'{"a":' * 100_000,
        b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}",
        b'{"seed": ' + b"9" * 5000 + b"}",
        b'{"model": "tiny", "prompt": "a", "prompt": "b"}',
    ],
)
def test_what_is_no_json(served: Serving, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert error_of(served.client.post("/tokenize", content=body, headers=headers), 400)["code"] == "invalid_json"


def test_a_name_that_comes_twice_is_told(served: Serving) -> None:
    """One of the two would be ignored."""
    headers = {"Content-Type": "application/json"}
    body = b'{"model": "tiny", "messages": [{"role": "user", "content": "a"}], "max_tokens": 1, "max_tokens": 5}'
    found = error_of(served.client.post("/v1/chat/completions", content=body, headers=headers), 400)
    assert "'max_tokens'" in found["message"]


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/chat/completions", {"messages": SAID, **{f"x{i}": 0 for i in range(100_000)}}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "t"}] * 100_000}]}),
        ("/v1/chat/completions", {"messages": [{"role": "x"}] * 100_000}),
        ("/v1/chat/completions", {"messages": SAID, "tools": [{"type": "x"}] * 100_000}),
        ("/v1/completions", {"prompt": [*["a"] * 100_000, 1]}),
        ("/v1/embeddings", {"input": [[-1]] * 100_000}),
        ("/detokenize", {"tokens": ["a"] * 100_000}),
    ],
)
def test_many_mistakes_cost_no_more_than_one(path: str, more: dict[str, Any]) -> None:
    """All errors of a large body took 20 seconds, in which nobody else was answered."""
    kinds: dict[str, Any] = {
        "/v1/chat/completions": ChatRequest,
        "/v1/completions": CompletionRequest,
        "/v1/embeddings": EmbeddingRequest,
        "/detokenize": DetokenizeRequest,
    }
    with pytest.raises((ApiError, ValidationError)) as found:
        kinds[path].model_validate(parsed(json.dumps({"model": MODEL, **more}).encode()))
    if isinstance(found.value, ValidationError):
        assert found.value.error_count() < 10


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-45, 1e-38, 1e-36])
def test_a_temperature_near_zero_is_greedy(served: Serving, temperature: float) -> None:
    """It failed, and all that was being written with it."""
    cold, greedy = (
        served.post("/v1/chat/completions", messages=SAID, max_tokens=5, temperature=t).json()["choices"]
        for t in (temperature, 0)
    )
    assert cold == greedy


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ],
)
def test_415(served: Serving, headers: dict[str, str]) -> None:
    error_of(served.client.post("/v1/chat/completions", content=b"{}", headers=headers), 415)


def test_401(served: Serving) -> None:
    paths = ["/v1/models", "/metrics", "/openapi.json", "/v1/tools", "/nothing", "/docs"]
    for given in (None, "x", "prosa-wrong", served.key + "x", served.key[:-1]):
        with served.as_(given) as client:
            for path in paths:
                found = error_of(client.get(path), 401)
                assert found["code"] == "invalid_api_key"
    with served.as_(None) as client:
        for headers in (
            {"Authorization": served.key},
            {"Authorization": f"Basic {served.key}"},
            {"X-Api-Key": served.key},
        ):
            error_of(client.get("/v1/models", headers=headers), 401)
        assert client.get("/v1/models", headers={"Authorization": f"bearer {served.key}"}).status_code == 200
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get(f"/v1/models?api_key={served.key}").status_code == 401


def test_a_revoked_key_ends_at_once(served: Serving) -> None:
    key = served.keys.add("short")
    with served.as_(key) as client:
        assert client.get("/v1/models").status_code == 200
        served.keys.revoke("short")
        error_of(client.get("/v1/models"), 401)


def test_404_and_405(served: Serving) -> None:
    assert error_of(served.client.get("/nothing"), 404)["code"] == "not_found"
    assert error_of(served.client.get("/v1/models/other"), 404)["code"] == "model_not_found"
    found = error_of(served.client.post("/v1/chat/completions", json={"model": "gpt-9", "messages": SAID}), 404)
    assert found["code"] == "model_not_found"
    assert MODEL in found["message"]
    for method, path, allowed in (
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/models", "GET"),
        ("PATCH", "/", "GET"),
    ):
        response = served.client.request(method, path)
        error_of(response, 405)
        assert response.headers["allow"] == allowed
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/vendor/fetch.sh"):
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)  # as it is: httpx tidies paths
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 404
        assert json.loads(response.read())["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"$ref": "#"}, "no text can follow the schema: NoExtensionBias"),
        ({"type": "string", "pattern": "(a"}, "regex parse error: (a, error: unclosed group"),
        ({"type": "foo"}, "Invalid type: foo"),
    ],
)
def test_a_schema_that_cannot_be_followed(served: Serving, schema: dict[str, Any], why: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    found = error_of(served.chat("Oi", response_format=form), 400)
    assert found["param"] == "response_format"
    assert found["message"].endswith(why) or found["message"].endswith(f"{why}.")


@pytest.mark.parametrize(
    ("error", "status", "param"),
    [(Unfollowed("too complex"), 400, "response_format"), (Diverged("not finite"), 500, None)],
)
def test_what_goes_wrong_while_it_is_written(
    served: Serving, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, param: str | None
) -> None:
    def check(self: Any) -> None:
        raise error

    monkeypatch.setattr("prosa.generate.grammar.Matcher.check", check)
    response = served.chat("Oi", response_format={"type": "json_object"}, max_tokens=3)
    assert error_of(response, status)["param"] == param


@pytest.mark.parametrize("path", ["/", "/health", "/static/js/main.js", "/v1/models", "/metrics", "/nothing"])
def test_head_is_get_without_the_body(served: Serving, path: str) -> None:
    whole, head = served.client.get(path), served.client.head(path)
    assert head.status_code == whole.status_code
    assert head.content == b""
    assert head.headers["content-type"] == whole.headers["content-type"]
    if path != "/metrics":
        assert head.headers["content-length"] == str(len(whole.content))
    assert served.client.head("/tokenize").status_code == 405
    assert httpx.head(f"{served.address}/v1/models").status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("GET", "/health"), ("GET", "/v1/tools")],
)
def test_what_the_address_asks_for_is_not_ignored(served: Serving, method: str, path: str) -> None:
    body = {"json": {"model": MODEL, "messages": SAID, "max_tokens": 1}} if method == "POST" else {}
    found = error_of(served.client.request(method, f"{path}?limit=2", **body), 400)
    assert (found["param"], found["code"]) == ("limit", "unknown_parameter")
    assert served.client.get("/?utm=1").status_code == 200


def test_models(served: Serving) -> None:
    [model] = served.client.get("/v1/models").json()["data"]
    assert model["id"] == MODEL
    assert (model["object"], model["owned_by"], model["context_length"]) == ("model", "prosa", 128)
    assert served.client.get(f"/v1/models/{MODEL}").json() == model


def test_the_page_and_its_policy(served: Serving) -> None:
    response = httpx.get(served.address)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    script = httpx.get(f"{served.address}/static/js/main.js")
    assert script.headers["content-type"].startswith("text/javascript")


def test_metrics(served: Serving) -> None:
    assert served.idle()
    served.chat("Oi", max_tokens=2)
    error_of(served.client.get("/nothing"), 404)
    lines = dict(line.rsplit(" ", 1) for line in served.client.get("/metrics").text.splitlines() if line[0] != "#")
    assert float(lines['prosa_requests_total{route="/v1/chat/completions",status="200"}']) >= 1
    assert float(lines['prosa_requests_total{route="other",status="404"}']) >= 1
    assert float(lines[f'prosa_engine_writing{{model="{MODEL}"}}']) == 0
    assert float(lines[f'prosa_engine_written_total{{model="{MODEL}"}}']) >= 2


def test_errors_in_portuguese(served: Serving) -> None:
    from prosa.core.language import speaking

    with speaking("pt-BR"):
        found = error_of(served.post("/v1/chat/completions", messages=SAID, colour=1), 400)
    assert found["message"] == "Parâmetro desconhecido: 'colour'."
