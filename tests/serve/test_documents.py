"""Answers from documents by the API, with OpenAI's own client: quotes, marks, citations, three ways of a model."""

import openai
import pytest
import torch
from serving import Serving

from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.retrieve.index import update_index
from prosa.serve.grounded import Writing, ground
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

TEXT = """A contratada entregará as cadeiras em até 15 dias úteis. O atraso sujeita a contratada à multa de 2%.

CLÁUSULA SEGUNDA

O frete corre por conta da contratada."""
QUESTION = "Qual é a multa por atraso?"
QUOTE = "O atraso sujeita a contratada à multa de 2%."


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """An untrained model that a passage fits, and a contract."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "docs").mkdir()
    (folder / "docs" / "contrato.txt").write_text(TEXT, encoding="utf-8")
    update_index(folder / "docs", folder / "index")
    torch.manual_seed(0)
    save_model(
        GPT(GPTConfig(300, 1024, 1, 2, 16)), folder / "model", tokenizer=train([TEXT], TokenizerConfig(vocab_size=300))
    )
    made = Serving(folder / "model", folder / "serve.sqlite", index=folder / "index")
    yield made
    made.state.documents.close()
    made.close()


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.address}/v1", api_key=server.key, max_retries=0)


def _ask(client, model: str, question: str = QUESTION, **more):
    return client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], max_completion_tokens=8, **more
    )


def test_a_model_is_there_in_three_ways(client, server):
    assert [model.id for model in client.models.list()] == ["tiny", "tiny:only-documents", "tiny:no-documents"]
    assert server.client.get("/v1/models/tiny:no-documents").json()["id"] == "tiny:no-documents"
    assert server.client.get("/metrics").text.count("prosa_engine_written_total{") == 1


def test_from_documents_alone_the_quote_is_the_answer_and_cites_its_passage(client, server):
    answer = _ask(client, "tiny:only-documents")
    (choice,) = answer.choices
    assert choice.message.content.startswith(f"“{QUOTE}” [1]")
    cited = choice.message.annotations[0].model_dump()["file_citation"]
    assert choice.message.content[cited["start_index"] : cited["end_index"]] == f"“{QUOTE}”"
    assert (cited["file"], cited["place"], cited["quote"]) == ("contrato.txt", "line 1", QUOTE)
    passage = server.client.get(f"/v1/passages/{cited['passage_id']}").json()
    assert passage["text"] == TEXT.split("\n\n")[0]
    assert passage["after"] == TEXT.partition("\n\n")[2]
    assert (passage["before"], passage["file"], passage["object"]) == ("", "contrato.txt", "passage")


def test_both_tells_the_quote_then_what_the_model_writes_and_without_there_is_neither(client):
    both = _ask(client, "tiny", temperature=0).choices[0].message
    assert both.content.startswith(f"“{QUOTE}” [1]\n\nThe model writes (it may be wrong):\n\n")
    alone = _ask(client, "tiny:no-documents", temperature=0).choices[0].message
    assert QUOTE not in alone.content
    assert alone.annotations == []


def test_the_model_reads_the_passages(client):
    read = _ask(client, "tiny").usage.prompt_tokens
    assert read > _ask(client, "tiny:no-documents").usage.prompt_tokens + 50


def test_where_nothing_is_found_it_says_so_and_from_documents_alone_no_token_is_written(client):
    question = "Qual é a capital da França?"
    only = _ask(client, "tiny:only-documents", question)
    assert only.choices[0].message.content == (
        "Nothing relevant was found in the documents. In no document: capital, França."
    )
    assert (only.choices[0].finish_reason, only.usage.total_tokens) == ("stop", 0)
    both = _ask(client, "tiny", question)
    assert "Nothing relevant was found" in both.choices[0].message.content
    assert both.choices[0].message.annotations == []
    assert both.usage.completion_tokens == 8


@pytest.mark.parametrize("model", ["tiny", "tiny:only-documents"])
@pytest.mark.parametrize("question", [QUESTION, "Qual é a capital da França?", "?!"])
def test_a_stream_tells_the_same_with_the_citations_at_its_end(client, model, question):
    whole = _ask(client, model, question, temperature=0, n=2)
    texts, notes = {0: "", 1: ""}, {0: [], 1: []}
    for chunk in _ask(client, model, question, temperature=0, n=2, stream=True):
        for choice in chunk.choices:
            assert not notes[choice.index] or not choice.delta.content
            texts[choice.index] += choice.delta.content or ""
            notes[choice.index] += (choice.delta.model_extra or {}).get("annotations", [])
    for choice in whole.choices:
        assert texts[choice.index] == choice.message.content
        assert notes[choice.index] == [note.model_dump(exclude_none=True) for note in choice.message.annotations]


@pytest.mark.parametrize("model", ["tiny", "tiny:only-documents"])
@pytest.mark.parametrize(
    ("stop", "content", "cited"),
    [
        ("sujeita", "“O atraso ", 0),
        ("”", "“O atraso sujeita a contratada à multa de 2%.", 0),
        (" [1]", f"“{QUOTE}”", 1),
        ("] [1]\n", None, 1),
    ],
)
def test_a_stop_string_ends_the_quotes_too(client, model, stop, content, cited):
    whole = _ask(client, model, temperature=0, stop=[stop, "never"]).choices[0]
    if content is None:
        assert whole.message.content.startswith(f"“{QUOTE}” [1]")
    else:
        assert (whole.message.content, whole.finish_reason) == (content, "stop")
        assert len(whole.message.annotations) == cited
    parts = [
        chunk.choices[0].delta.content or "" for chunk in _ask(client, model, temperature=0, stop=stop, stream=True)
    ]
    assert "".join(parts) == whole.message.content


def test_a_stop_string_over_the_models_text_and_its_mark(server):
    served = server.state.models.find("tiny")
    said = [Message("user", QUESTION)]
    _, grounds = ground(served.library, said, ChatEncoder(served.tokenizer).prompt, 50, 1024, ("2%. [1] G",))
    writing = Writing(grounds)
    parts = [writing.take(character) for character in "A multa é de 2%. Girassóis florescem."]
    assert "".join(parts).strip() == "A multa é de"
    assert writing.stopped
    assert writing.end() == ""
    assert writing.finish("length") == "stop"
    assert len(writing.annotations()) == 1


def test_what_is_left_out_is_not_cut(client):
    """The model writes to the limit, and nothing of it is shown."""
    assert _ask(client, "tiny:only-documents").choices[0].finish_reason == "stop"
    assert _ask(client, "tiny", logit_bias={"0": -1}, temperature=0).choices[0].finish_reason == "length"


def test_usage_is_recorded_under_the_name_that_was_asked(server, client):
    _ask(client, "tiny:only-documents")
    assert "tiny:only-documents" in {row.model for row in server.usage.rows()}


def test_what_a_model_writes_gets_the_marks_of_the_passages_that_have_its_words(server):
    models = server.state.models
    for name, content in (
        ("tiny", "Sim. A multa é de 2%. [1] Girassóis florescem."),
        ("tiny:only-documents", "A multa é de 2%. [1]"),
    ):
        served = models.find(name)
        encoder = ChatEncoder(served.tokenizer)
        _, grounds = ground(served.library, [Message("user", QUESTION)], encoder.prompt, 50, 1024)
        writing = Writing(grounds)
        text = grounds.lead + writing.take("Sim. A multa é de 2%. Girassóis florescem.") + writing.end()
        assert text.removeprefix(grounds.lead).strip() == content
        cited = [note["file_citation"] for note in writing.annotations()]
        assert [text[one["start_index"] : one["end_index"]] for one in cited] == [f"“{QUOTE}”", "A multa é de 2%."]
        assert [one["quote"] for one in cited] == [QUOTE, QUOTE]
        assert all(text[one["end_index"] :].startswith(" [1]") for one in cited)


def test_a_later_step_of_a_turn_reads_the_passages_again_and_quotes_nothing_twice(server):
    served = server.state.models.find("tiny")
    encoder = ChatEncoder(served.tokenizer)
    messages = [Message("user", QUESTION), Message("assistant", "Vejo."), Message("tool", "2")]
    _, grounds = ground(served.library, messages, encoder.prompt, 50, 1024)
    assert grounds.read
    assert grounds.lead == ""


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/chat/completions", {"response_format": {"type": "json_object"}}, 400, "invalid_value"),
        ("/v1/completions", {"prompt": "a"}, 400, "model_has_documents"),
    ],
)
def test_what_documents_cannot_give_is_refused_and_the_model_without_them_gives_it(server, path, body, status, code):
    if "prompt" not in body:
        body = {**body, "messages": [{"role": "user", "content": "json"}]}
    answer = server.client.post(path, json={"model": "tiny", "max_tokens": 4, **body})
    assert answer.status_code == status
    assert "no-documents" in answer.json()["error"]["message"]
    assert answer.json()["error"]["code"] == code
    assert server.client.post(path, json={"model": "tiny:no-documents", "max_tokens": 4, **body}).status_code == 200


@pytest.mark.parametrize(
    "id", ["0", "01", "+1", "999999", "-1", "x", "1e3", "9" * 40, "٣", "..%2f..%2fetc%2fpasswd", "1 OR 1=1"]
)
def test_a_passage_that_is_not_there_is_404(server, id):
    answer = server.client.get(f"/v1/passages/{id}")
    assert answer.status_code == 404
    assert answer.json()["error"]["type"]


def test_passages_need_a_key_and_a_server_without_documents_has_none(server, served):
    assert server.as_(None).get("/v1/passages/1").status_code == 401
    assert served.client.get("/v1/passages/1").json()["error"]["code"] == "no_documents"


def test_a_server_indexes_its_folder_at_the_start(tmp_path, monkeypatch, capsys):
    from prosa.pipeline.serve import _documents

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Um girassol.", encoding="utf-8")
    with _documents(tmp_path / "docs") as documents:
        (hit,) = documents.search("girassóis").hits
        assert documents.passage(str(hit.id))["text"] == "Um girassol."
    assert "documents: 1, passages: 1" in capsys.readouterr().err
    with _documents(None) as documents:
        assert documents is None
