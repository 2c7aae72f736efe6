"""The page for those who do not see it, do not use a mouse, or hold it in one hand."""

from typing import Any

import pytest
from page_hands import ask, axe, idle
from page_server import calls, error, said
from playwright.sync_api import Page, expect

TOOL = {"type": "function", "function": {"name": "calculator", "description": "Exact arithmetic.", "parameters": {}}}
MARKDOWN = """# Título

Um **texto** com [um elo](https://example.org) e `código`.

- um
- dois

> citado

```
x = 1
```

| a | b |
|---|---|
| 1 | 2 |
"""
NOTE = {
    "type": "file_citation",
    "file_citation": {
        "passage_id": "p1",
        "file": "a.pdf",
        "place": "p. 1",
        "quote": "x",
        "start_index": 0,
        "end_index": 8,
    },
}
ROUTES = {
    "/v1/tools": {"data": [TOOL]},
    "/v1/tools/run": {"content": "2", "error": False},
    "/v1/models": {"data": [{"id": "a"}, {"id": "a:only-documents"}]},
    "/v1/passages/p1": {"id": "p1", "file": "a.pdf", "text": "um x aqui", "before": "antes", "after": "depois"},
}


def answer(body: dict[str, Any]) -> Any:
    last = body["messages"][-1]
    if last["content"] == "conta":
        return calls("calculator", {"expression": "1+1"})
    if last["content"] == "cheio":
        return error(429, "queue_full", "Full.", **{"Retry-After": "60"})
    return said(MARKDOWN, annotations=[NOTE])


@pytest.mark.parametrize(("scheme", "width", "lang"), [("light", 1280, "pt-BR"), ("dark", 390, "en")])
def test_axe_finds_nothing_wrong_in_any_state(visit: Any, serve: Any, scheme: str, width: int, lang: str) -> None:
    page: Page = visit(
        serve(answer, **ROUTES), key=None, lang=lang, color_scheme=scheme, viewport={"width": width, "height": 800}
    )
    expect(page.locator("dialog.key")).to_be_visible()
    found = {"key": axe(page)}
    page.locator("#key").fill("prosa-key-of-the-tests")
    page.keyboard.press("Enter")
    expect(page.locator("dialog.key")).to_have_count(0)
    found["empty"] = axe(page)
    ask(page, "conta")
    ask(page, "texto")
    ask(page, "cheio")
    expect(page.locator(".ending.failure")).to_be_visible()
    found["conversation"] = axe(page)
    page.locator("[data-turn]").first.click()
    page.locator(".token").nth(3).click()
    found["step"] = axe(page)
    page.keyboard.press("Escape")
    page.locator(".mark").last.click()
    expect(page.locator(".reader mark")).to_be_visible()
    found["passage"] = axe(page)
    page.keyboard.press("Escape")
    page.locator(".turn.user").first.hover()
    page.locator(".icon-edit").first.click()
    found["edit"] = axe(page)
    page.keyboard.press("Escape")
    page.locator("#settings").click()
    found["settings"] = axe(page)
    page.locator("#panel header button").click()
    if width < 960:
        page.locator("#open-sidebar").click()
        expect(page.locator(".sidebar")).to_be_in_viewport()
    page.locator(".conversations li").hover()
    page.locator(".conversations [aria-haspopup]").click()
    found["menu"] = axe(page)
    page.get_by_role("menuitem").last.click()
    found["question"] = axe(page)
    assert found == {name: [] for name in found}
    assert page.wrong == []  # type: ignore[attr-defined]


def test_everything_is_reached_by_keys_alone(visit: Any, serve: Any) -> None:
    page: Page = visit(serve(answer, **ROUTES), key=None)
    expect(page.locator("#key")).to_be_focused()
    page.keyboard.type("prosa-key-of-the-tests")
    page.keyboard.press("Enter")
    expect(page.locator("#message")).to_be_focused()
    page.keyboard.type("texto")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("e mais")
    page.keyboard.press("Enter")
    idle(page)
    expect(page.locator(".said")).to_have_text("texto\ne mais")
    names, hidden = set(), []
    name = "e => e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || e.tagName"
    ring = "e => e === document.body || getComputedStyle(e).outlineStyle !== 'none' || e.id === 'message'"
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        names.add(page.evaluate(f"({name})(document.activeElement)"))
        if not page.evaluate(f"({ring})(document.activeElement)"):
            hidden.append(page.evaluate("document.activeElement.outerHTML"))
    assert hidden == [], "what has the focus shows it"
    wanted = {"To the message", "New conversation", "texto", "Options of texto", "Change the key", "Model", "Message"}
    wanted |= {"Answers from", "Settings", "Copy", "Edit", "Answer again", "Show as tokens", "Source 1: a.pdf", "Send"}
    assert wanted - names <= {"Send"}, "with nothing written there is nothing to send"
    page.get_by_role("button", name="Options of texto").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Rename")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitem", name="Delete")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Options of texto")).to_be_focused()


def test_screen_readers_hear_the_answer_once_and_no_token(visit: Any, serve: Any) -> None:
    page: Page = visit(serve(lambda body: said("uma resposta de muitas palavras " * 20)))
    page.evaluate(
        """() => {
          window.heardAloud = [];
          for (const live of document.querySelectorAll("[aria-live], [role=status], [role=log], [role=alert]"))
            new MutationObserver(() => live.textContent && window.heardAloud.push(live.textContent))
              .observe(live, { childList: true, characterData: true, subtree: true });
        }"""
    )
    ask(page, "Oi")
    expect(page.locator(".unseen[role=status]")).to_contain_text("Answer:")
    heard = page.evaluate("window.heardAloud")
    assert len(heard) <= 2
    assert heard[-1] == "Answer: " + ("uma resposta de muitas palavras " * 20).strip() + " "
    assert page.locator("main [aria-live], main [role=log]").count() == 0


def test_nothing_is_wider_than_the_screen(visit: Any, serve: Any) -> None:
    long = (
        "palavra" * 60
        + "\n\n```\n"
        + "x" * 400
        + "\n```\n\n| "
        + " | ".join("coluna" for _ in range(30))
        + " |\n"
        + "|---" * 30
        + "|"
    )
    page: Page = visit(serve(lambda body: said(long)))
    ask(page, "w" * 300)
    for width in (320, 390, 820, 1440):
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("(v => v.scrollWidth - v.clientWidth)(document.querySelector('.view'))") <= 0
        page.locator(".word").first.click()
        box = page.locator(".inspector").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 700
        page.keyboard.press("Escape")
    page.get_by_role("button", name="New conversation").click()
    for width in (320, 390, 820, 1440):
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_who_closes_the_settings_and_writes_on_is_not_taken_back(visit: Any, serve: Any) -> None:
    page: Page = visit(serve(answer, **ROUTES))
    button = page.locator("#settings")
    button.click()
    expect(page.locator("#panel")).to_be_visible()
    page.locator("#panel header button").click()
    expect(button).to_be_focused()
    button.click()
    taken = page.evaluate(  # before the browser has told the page that the panel is closed, as a quick hand may
        """() => {
            const closed = new Promise((done) => document.querySelector("#panel").addEventListener("close", done));
            document.querySelector("#panel header button").click();
            document.querySelector("#message").focus();
            return closed.then(() => new Promise(requestAnimationFrame)).then(() => document.activeElement.id);
        }"""
    )
    assert taken == "message"
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    button.focus()
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(button).to_have_attribute("aria-expanded", "false")
