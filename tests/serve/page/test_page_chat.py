"""What a person does in the page, against a scripted server."""

import json
import threading
from collections.abc import Iterator
from typing import Any

from page_hands import ask, enter, idle
from page_server import KEY, calls, chunk, error, said, token
from playwright.sync_api import expect

from prosa.corpus.problems import Problems
from prosa.data.conversations import read_conversations

CALCULATOR = {
    "type": "function",
    "function": {"name": "calculator", "description": "Exact arithmetic.", "parameters": {"type": "object"}},
}


def sent(server: Any) -> list[dict[str, Any]]:
    """The bodies of the requests for an answer."""
    return [body for path, body in server.requests if path == "/v1/chat/completions"]


def test_the_key_is_asked_for_once_and_a_wrong_one_is_told(visit: Any, serve: Any) -> None:
    server = serve()
    page = visit(server, key=None)
    enter(page)
    page.reload()
    expect(page.locator("#message")).to_be_focused()
    expect(page.locator("dialog.key")).to_have_count(0)
    assert page.evaluate("localStorage.getItem('prosa.key')") is None, "only where the user asked for it"
    page.get_by_role("button", name="Change the key").click()
    page.locator("#key").fill("prosa-wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="does not accept this key")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.key")).to_have_count(1)
    page.locator("#remember").check()
    enter(page)
    assert page.evaluate("localStorage.getItem('prosa.key')") == KEY


def test_an_answer_streams_and_is_rendered_and_measured(visit: Any, serve: Any) -> None:
    go = threading.Event()

    def slow(body: dict[str, Any]) -> Iterator[Any]:
        yield chunk({"role": "assistant", "content": ""})
        for i, piece in enumerate(["Um **be", "lo** ", "dia"]):
            if i == 2:
                go.wait(30)
            yield chunk({"content": piece}, logprobs=[token(piece)])
        yield chunk({}, "stop")
        yield {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}}
        yield "[DONE]"

    server = serve(slow)
    page = visit(server)
    page.locator("#message").fill("Oi")
    page.keyboard.press("Enter")
    expect(page.locator(".writing strong")).to_have_text("belo")
    expect(page.get_by_role("button", name="Stop")).to_be_enabled()
    go.set()
    idle(page)
    expect(page.locator(".assistant .text")).to_have_text("Um belo dia")
    expect(page.locator(".figures")).to_contain_text("3 tokens")
    expect(page.locator(".figures")).to_contain_text("tokens/s")
    body = sent(server)[0]
    assert body["messages"] == [{"role": "user", "content": "Oi"}]
    assert (body["stream"], body["logprobs"], body["top_logprobs"], body["model"]) == (True, True, 20, "assistente")
    assert "tools" not in body
    assert "seed" not in body
    assert page.wrong == []


def test_stopping_keeps_what_came_and_closes_the_connection(visit: Any, serve: Any) -> None:
    gone = [threading.Event(), threading.Event()]
    left = iter(gone)

    def endless(body: dict[str, Any]) -> Iterator[Any]:
        mine = next(left)
        try:
            for _ in range(100_000):
                yield chunk({"content": "la "}, logprobs=[token("la ")])
                mine.wait(0.005)
        finally:
            mine.set()

    page = visit(serve(endless))
    for stop, closed in zip(
        (page.get_by_role("button", name="Stop").click, lambda: page.keyboard.press("Escape")), gone, strict=True
    ):
        page.locator("#message").fill("Canta")
        page.keyboard.press("Enter")
        expect(page.locator(".writing .text")).to_contain_text("la la la")
        stop()
        idle(page)
        expect(page.locator(".assistant .text").last).to_contain_text("la la la")
        expect(page.locator(".why").last).to_have_text("Stopped.")
        assert closed.wait(30)


def test_answering_again_and_editing_make_branches_that_stay(visit: Any, serve: Any) -> None:
    answers = iter(["um", "dois", "três", "quatro"])
    server = serve(lambda body: said(next(answers)))
    page = visit(server)
    ask(page, "Oi")
    page.get_by_role("button", name="Answer again").click()
    idle(page)
    expect(page.locator(".assistant .text")).to_have_text("dois")
    assert sent(server)[1]["messages"] == [{"role": "user", "content": "Oi"}], "the old answer is not sent"
    ask(page, "E depois?")
    assert [m["content"] for m in sent(server)[2]["messages"]] == ["Oi", "dois", "E depois?"]
    page.locator(".turn.assistant").first.get_by_role("button", name="Version before").click()
    expect(page.locator(".assistant .text")).to_have_text("um")
    page.wait_for_timeout(1000)  # the browser's database has it a moment after the page does
    page.reload()  # kept, and open again
    expect(page.locator(".assistant .text")).to_have_text("um")
    assert page.title() == "Oi – Prosa"
    page.get_by_role("button", name="Version after").click()
    expect(page.locator(".assistant .text").last).to_have_text("três")
    page.locator(".turn.user").first.hover()
    page.get_by_role("button", name="Edit").first.click()
    expect(page.get_by_label("Edit the message")).to_have_value("Oi")
    page.get_by_label("Edit the message").fill("Olá")
    page.keyboard.press("Enter")
    idle(page)
    expect(page.locator(".said")).to_have_text(["Olá"])
    expect(page.locator(".assistant .text")).to_have_text("quatro")
    page.locator(".turn.user").hover()
    page.locator(".turn.user").get_by_role("button", name="Version before").click()
    expect(page.locator(".said")).to_have_text(["Oi", "E depois?"])


def test_conversations_are_kept_renamed_exported_and_deleted(visit: Any, serve: Any) -> None:
    page = visit(serve())
    ask(page, "primeira")
    page.get_by_role("button", name="New conversation").click()
    ask(page, "segunda")
    nav = page.get_by_role("navigation")
    expect(nav.locator(".title")).to_have_text(["segunda", "primeira"])
    page.reload()
    nav.get_by_role("button", name="primeira", exact=True).click()
    expect(page.locator(".said")).to_have_text("primeira")

    def option(name: str, text: str) -> None:
        nav.get_by_role("button", name=f"Options of {name}").click()
        page.get_by_role("menuitem", name=text).click()

    option("primeira", "Rename")
    page.get_by_label("New name").fill("Contas <b>")
    page.keyboard.press("Enter")
    expect(nav.locator(".title")).to_have_text(["segunda", "Contas <b>"])
    with page.expect_download() as download:
        option("Contas <b>", "Export as JSON Lines")
    line = json.loads(download.value.path().read_text())
    assert line["messages"] == [
        {"role": "user", "content": "primeira"},
        {"role": "assistant", "content": "You said: primeira"},
    ]
    with page.expect_download() as download:
        option("Contas <b>", "Export as Markdown")
    assert download.value.path().read_text().startswith("# Contas <b>\n\n**You**\n\nprimeira\n\n**Prosa**\n\nYou said:")
    option("Contas <b>", "Delete")
    page.get_by_role("button", name="Cancel").click()
    expect(nav.locator(".title")).to_have_count(2)
    option("Contas <b>", "Delete")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(nav.locator(".title")).to_have_text(["segunda"])
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_an_exported_conversation_is_one_that_sft_reads(visit: Any, serve: Any, tmp_path: Any) -> None:
    def answer(body: dict[str, Any]) -> Any:
        return said("3818") if body["messages"][-1]["role"] == "tool" else calls("calculator", {"expression": "46*83"})

    page = visit(
        serve(answer, **{"/v1/tools": {"data": [CALCULATOR]}, "/v1/tools/run": {"content": "3818", "error": False}})
    )
    ask(page, "46 × 83?")
    with page.expect_download() as download:
        page.get_by_role("button", name="Options of").click()
        page.get_by_role("menuitem", name="JSON Lines").click()
    file = tmp_path / "conversa.jsonl"
    download.value.save_as(file)
    (conversation,) = read_conversations([file], Problems())
    assert [m.role for m in conversation.messages] == ["user", "assistant", "tool", "assistant"]
    assert conversation.messages[1].calls[0].arguments == {"expression": "46*83"}


def test_another_conversation_can_be_read_while_one_is_answered(visit: Any, serve: Any) -> None:
    go = threading.Event()

    def answer(body: dict[str, Any]) -> Iterator[Any]:
        if body["messages"][-1]["content"] == "devagar":
            yield chunk({"content": "co"})
            go.wait(30)
        yield from said("pronto")

    page = visit(serve(answer))
    page.locator("#message").fill("devagar")
    page.keyboard.press("Enter")
    expect(page.locator(".writing .text")).to_have_text("co")
    page.get_by_role("button", name="New conversation").click()
    ask(page, "rápido")
    expect(page.locator(".assistant .text")).to_have_text("pronto")
    page.get_by_role("navigation").get_by_role("button", name="devagar", exact=True).click()
    expect(page.locator(".writing .text")).to_have_text("co")
    go.set()
    idle(page)
    expect(page.locator(".assistant .text")).to_have_text("copronto")


def test_settings_reach_the_request_and_stay(visit: Any, serve: Any) -> None:
    server = serve()
    page = visit(server)
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("System prompt").fill("Seja breve.")
    wanted: dict[str, float] = {"temperature": 0, "top_p": 0.9, "min_p": 0.05, "max_tokens": 50, "seed": 7}
    wanted |= {"presence_penalty": 0.5, "frequency_penalty": -0.5}
    for name, value in wanted.items():
        page.locator(f"#{name}").fill(str(value))
    ask(page, "Oi")
    body = sent(server)[0]
    assert body["messages"][0] == {"role": "system", "content": "Seja breve."}
    assert {name: body[name] for name in wanted} == wanted
    page.get_by_role("button", name="New conversation").click()
    ask(page, "De novo")
    assert sent(server)[1]["seed"] == 7, "a new conversation begins with the last settings"
    page.get_by_role("button", name="Back to the defaults").click()
    expect(page.locator("#seed")).to_have_value("")
    ask(page, "E agora")
    assert "seed" not in sent(server)[2]
    assert sent(server)[2]["messages"][0]["role"] == "user"


def test_models_and_their_ways_with_documents(visit: Any, serve: Any) -> None:
    ids = ["a", "a:only-documents", "a:no-documents", "b"]
    server = serve(**{"/v1/models": {"data": [{"id": id} for id in ids]}})
    page = visit(server)
    expect(page.locator("#model option")).to_have_text(["a", "b"])
    expect(page.locator("#way option")).to_have_text(["With documents", "Only documents", "Without documents"])
    page.get_by_role("button", name="O que dizem os documentos sobre…").click()
    expect(page.locator("#message")).to_be_focused()
    expect(page.locator("#message")).to_have_value("O que dizem os documentos sobre ")
    page.locator("#way").select_option("Only documents")
    ask(page, "Oi")
    page.locator("#model").select_option("b")
    expect(page.locator("#way")).to_be_hidden()
    ask(page, "Oi")
    assert [body["model"] for body in sent(server)] == ["a:only-documents", "b"]


def test_tools_are_run_and_shown(visit: Any, serve: Any) -> None:
    def answer(body: dict[str, Any]) -> Any:
        if body["messages"][-1]["role"] == "user" and "tools" in body:
            return calls("calculator", {"expression": "46*83"})
        return said("São 3818.")

    server = serve(
        answer, **{"/v1/tools": {"data": [CALCULATOR]}, "/v1/tools/run": {"content": "3818", "error": False}}
    )
    page = visit(server)
    ask(page, "Quanto dá 46 × 83?")
    expect(page.locator(".call")).to_contain_text("Calculator46*83")
    expect(page.locator(".call output")).to_have_text("3818")
    expect(page.locator(".assistant .text")).to_have_text("São 3818.")
    first, second = sent(server)
    assert first["tools"] == [CALCULATOR]
    assert [m["role"] for m in second["messages"]] == ["user", "assistant", "tool"]
    assert second["messages"][2] == {"role": "tool", "tool_call_id": "call_1", "content": "3818"}
    assert ("/v1/tools/run", {"name": "calculator", "arguments": {"expression": "46*83"}}) in server.requests
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Calculator").uncheck()
    ask(page, "E sem ela?")
    assert "tools" not in sent(server)[-1]


def test_a_tool_that_fails_or_is_called_for_ever_stops_nothing(visit: Any, serve: Any) -> None:
    def answer(body: dict[str, Any]) -> Any:
        return calls("calculator", {"expression": "1/0"}) if "tools" in body else said("Desisto.")

    run = error(400, "invalid", "division by zero")
    server = serve(answer, **{"/v1/tools": {"data": [CALCULATOR]}, "/v1/tools/run": run})
    page = visit(server)
    ask(page, "1/0?")
    expect(page.locator(".call.failed")).to_have_count(8)
    expect(page.locator(".call output").first).to_have_text("division by zero")
    expect(page.locator(".assistant .text")).to_have_text("Desisto.")


def test_citations_open_their_passage(visit: Any, serve: Any) -> None:
    text = "O prazo é de trinta dias. 🦜 Multa: dez por cento."
    cite = lambda id, file, end: {  # noqa: E731
        "type": "file_citation",
        "file_citation": {
            "passage_id": id,
            "file": file,
            "place": "p. 3",
            "quote": "trinta dias",
            "start_index": 0,
            "end_index": end,
        },
    }
    notes = [cite("p1", "contrato.pdf", 25), cite("p2", "aditivo.docx", len(text)), cite("p1", "contrato.pdf", 25)]
    found = {
        "id": "p1",
        "file": "contrato.pdf",
        "text": "Avisará com trinta dias.",
        "before": "Antes disso.",
        "after": "Depois disso.",
    }
    page = visit(serve(lambda body: said(text, annotations=notes), **{"/v1/passages/p1": found}))
    ask(page, "Qual é o prazo?")
    expect(page.locator(".assistant .text")).to_have_text("O prazo é de trinta dias.1 🦜 Multa: dez por cento.2")
    expect(page.locator(".sources li")).to_have_text(["1contrato.pdf, p. 3", "2aditivo.docx, p. 3"])
    page.locator(".mark").first.click()
    expect(page.locator(".reader mark")).to_have_text("trinta dias")
    expect(page.locator(".reader .around")).to_have_text(["Antes disso.", "Depois disso."])
    page.keyboard.press("Escape")
    expect(page.locator(".mark").first).to_be_focused()
    page.locator(".sources button").last.click()
    expect(page.locator(".reader")).to_contain_text("no longer in the index")


ERRORS = [
    (error(429, "queue_full", "Full.", **{"Retry-After": "9"}), "The server is full at the moment", "Try again (9 s)"),
    (
        error(429, "quota_exceeded", "Over.", **{"Retry-After": "7200"}),
        "for today are used up. There are new ones in 2 h",
        "Try again",
    ),
    (error(400, "context_length_exceeded", "129 > 128."), "does not fit in the model's window", "New conversation"),
    (error(400, "invalid_value", "min_p: 2."), "refused the request. The server says: min_p: 2.", "Try again"),
    (error(401, "invalid_api_key", "No."), "does not accept this key", "Enter another key"),
    (error(500, "server_error", "Oops."), "failed while answering", "Try again"),
    (error(413, "too_large", "1 MB."), "too long for this server", None),
]


def test_marks_that_the_text_has_become_the_buttons(visit: Any, serve: Any) -> None:
    text = "Trinta dias [3]. Multa de 10 % [1].\nNada mais [2]"

    def cite(number: int, end: int) -> dict[str, Any]:
        cited = {"passage_id": number, "file": f"{number}.txt", "place": "", "quote": "", "start_index": 0}
        return {"type": "file_citation", "file_citation": {**cited, "end_index": end}}

    notes = [cite(3, len("Trinta dias [3]")), cite(1, len("Trinta dias [3]. Multa de 10 %"))]
    page = visit(serve(lambda body: said(text, annotations=notes)))
    ask(page, "Qual é o prazo?")
    expect(page.locator(".assistant .text")).to_have_text("Trinta dias3. Multa de 10 %1.Nada mais [2]")
    expect(page.locator(".mark")).to_have_text(["3", "1"])
    expect(page.locator(".sources li")).to_have_text(["33.txt", "11.txt"])


def test_errors_are_told_in_plain_words(visit: Any, serve: Any) -> None:
    server = serve()
    page = visit(server)
    alert = page.locator(".ending[role=alert]")
    for made, told, button in ERRORS:
        server.answer = lambda body, made=made: made
        ask(page, "Oi")
        expect(alert).to_contain_text(told)
        expect(alert.get_by_role("button").first).to_have_text(button) if button else None
        expect(page.locator(".said").last).to_have_text("Oi")


def test_a_full_server_is_tried_again_when_it_said(visit: Any, serve: Any) -> None:
    server = serve(lambda body: error(429, "queue_full", "Full.", **{"Retry-After": "1"}))
    page = visit(server)
    ask(page, "Oi")
    again = page.locator(".ending").get_by_role("button")
    expect(again).to_be_disabled()
    expect(again).to_have_text("Try again")
    server.answer = lambda body: said("Agora sim")
    again.click()
    idle(page)
    expect(page.locator(".assistant .text")).to_have_text("Agora sim")
    expect(page.locator(".ending")).to_have_count(0)


def test_a_conversation_that_is_too_long_goes_on_without_its_beginning_and_says_so(visit: Any, serve: Any) -> None:
    def answer(body: dict[str, Any]) -> Any:
        if len(body["messages"]) > 3:
            return error(400, "context_length_exceeded", "300 > 256.")
        return said("sim")

    server = serve(answer)
    page = visit(server)
    for text in ("um", "dois", "três"):
        ask(page, text)
    assert [m["content"] for m in sent(server)[-1]["messages"]] == ["dois", "sim", "três"]
    expect(page.locator(".why")).to_have_text("Answered without the first 2 messages, which did not fit.")
    ask(page, "quatro")
    assert [m["content"] for m in sent(server)[-1]["messages"]] == ["três", "sim", "quatro"]
    expect(page.locator(".why").last).to_contain_text("first 4 messages")
    expect(page.locator(".said")).to_have_text(["um", "dois", "três", "quatro"])


def test_an_answer_has_room_in_a_small_window(visit: Any, serve: Any) -> None:
    """A quarter of it; the page asks how long the conversation is before it is full, tools among it."""
    tools = [{"type": "function", "function": {"name": "today", "parameters": {"type": "object", "properties": {}}}}]
    server = serve(
        lambda body: said("sim"),
        **{
            "/v1/models": {"data": [{"id": "assistente", "object": "model", "context_length": 64}]},
            "/v1/tools": {"data": tools},
            "/tokenize": lambda body: {"count": 10 * len(body["messages"]) + 10 * len(body.get("tools", []))},
        },
    )
    page = visit(server)
    for text in ("um", "dois", "três"):
        ask(page, text)
    assert [m["content"] for m in sent(server)[-1]["messages"]] == ["dois", "sim", "três"]
    expect(page.locator(".why")).to_have_text("Answered without the first 2 messages, which did not fit.")
    server.routes["/tokenize"] = None  # then the server says what does not fit
    ask(page, "quatro")
    assert len(sent(server)[-1]["messages"]) == 5


def test_a_connection_that_drops_keeps_what_came(visit: Any, serve: Any) -> None:
    def dropped(body: dict[str, Any]) -> Iterator[Any]:
        yield chunk({"content": "Era uma "})
        yield chunk({"content": "vez"})

    server = serve(dropped)
    page = visit(server)
    ask(page, "Conta")
    expect(page.locator(".assistant .text")).to_have_text("Era uma vez")
    expect(page.locator(".why")).to_have_text("The connection was lost here.")
    expect(page.locator(".ending")).to_contain_text("The server doesn't answer.")
    server.answer = lambda body: said("Era uma vez um gato")
    page.get_by_role("button", name="Try again").click()
    idle(page)
    expect(page.locator(".assistant .text")).to_have_text("Era uma vez um gato")
    server.answer = lambda body: iter(
        [chunk({"content": "x"}), {"error": {"message": "The model diverged.", "type": "server_error", "code": None}}]
    )
    ask(page, "E então?")
    expect(page.locator(".ending")).to_contain_text("The server says: The model diverged.")


def test_a_server_that_is_gone_is_told_and_found_again(visit: Any, serve: Any) -> None:
    server = serve()
    page = visit(server)
    page.context.set_offline(True)
    ask(page, "Oi")
    expect(page.locator(".ending")).to_contain_text(
        "The server doesn't answer. It was stopped, or the connection was lost."
    )
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    idle(page)
    expect(page.locator(".assistant .text")).to_have_text("You said: Oi")


def test_the_language_is_the_browsers_and_can_be_switched(visit: Any, serve: Any) -> None:
    page = visit(serve(), lang="pt-BR")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sobre o que vamos prosear?")
    ask(page, "Oi")
    page.locator("#message").fill("rascunho")
    page.get_by_label("Idioma").select_option("English")
    expect(page.get_by_role("button", name="New conversation")).to_be_visible()
    expect(page.locator("#message")).to_have_value("rascunho")
    expect(page.locator(".said")).to_have_text("Oi")
    assert page.locator("html").get_attribute("lang") == "en"
    page.reload()
    expect(page.get_by_role("button", name="New conversation")).to_be_visible()
    page.get_by_label("Colours").select_option("Dark")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_a_suggestion_asks_it(visit: Any, serve: Any) -> None:
    server = serve()
    page = visit(server, lang="pt-BR")
    page.get_by_role("button", name="Quanto dá 46 × 83?").click()
    idle(page)
    assert sent(server)[0]["messages"][0]["content"] == "Quanto dá 46 × 83?"
