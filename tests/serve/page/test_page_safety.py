"""What a model writes, or a document, a tool, a file's name: it is shown, and does nothing."""

from pathlib import Path
from typing import Any

from page_hands import ask
from page_server import STATIC, calls, chunk, error, said, token
from playwright.sync_api import Page, expect

PAYLOADS = [line for line in Path(__file__).with_name("payloads.txt").read_text().splitlines() if line]
WITNESS = """() => {
  window.ran = [];
  for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = (x) => window.ran.push(`${name} ${x}`);
}"""
ACTIVE = (
    "script, iframe, object, embed, img, svg:not(.icon), math, form, input, style, link, video, audio, base, [style]"
)


def harmless(page: Page, address: str) -> None:
    """Nothing ran, nothing was asked of another server, and no element in the conversation could do either."""
    page.wait_for_timeout(100)
    assert page.evaluate("window.ran ?? []") == []
    assert page.wrong == []  # type: ignore[attr-defined]
    elsewhere = [url for url in page.heard if not url.startswith((address, "blob:"))]  # type: ignore[attr-defined]
    assert elsewhere == []
    assert (
        page.evaluate(f"[...document.querySelector('.turns').querySelectorAll(`{ACTIVE}`)].map((e) => e.outerHTML)")
        == []
    )
    attributes = page.evaluate(
        "[...document.querySelectorAll('.turns *')].flatMap((e) => [...e.attributes].map((a) => a.name))"
    )
    assert not {
        name for name in attributes if name.startswith("on") or name in ("src", "srcdoc", "formaction", "action")
    }
    protocols = page.evaluate("[...document.querySelectorAll('.turns a')].map((a) => a.protocol)")
    assert set(protocols) <= {"http:", "https:", "mailto:"}


def test_there_are_enough_payloads() -> None:
    assert len(set(PAYLOADS)) >= 200


def test_no_payload_in_a_models_output_acts(visit: Any, serve: Any) -> None:
    """Each in an answer of its own, and some streamed in, a few characters at a time, as a model writes.

    Without the server's policy, which would stop the most by itself: the page must not need it.
    """
    server = serve(lambda body: hostile(PAYLOADS[len(body["messages"]) // 2 % len(PAYLOADS)]))
    page: Page = visit(server, bypass_csp=True)
    page.evaluate(WITNESS)
    fill = """async (payloads) => {
      const { newConversation, add } = await import('/static/js/tree.js');
      const { save } = await import('/static/js/store.js');
      const { initial } = await import('/static/js/settings.js');
      const c = newConversation(initial(), 'assistente');
      c.title = 'todas';
      for (const text of payloads) {
        add(c, { role: 'user', content: text });
        const said = add(c, { role: 'assistant', content: text });
        Object.assign(said, { tokens: null, annotations: [], finish: 'stop', temperature: 1 });
      }
      await save(c);
    }"""
    page.evaluate(fill, PAYLOADS)
    page.reload()
    page.evaluate(WITNESS)
    page.get_by_role("navigation").get_by_role("button", name="todas", exact=True).click()
    expect(page.locator(".turn.assistant")).to_have_count(len(PAYLOADS))
    harmless(page, server.address)
    assert page.locator(".said").all_inner_texts()[0] == PAYLOADS[0]
    page.get_by_role("button", name="New conversation").click()
    for _ in range(12):
        ask(page, "mais")
    harmless(page, server.address)


def hostile(text: str) -> Any:
    for i in range(0, len(text), 4):
        yield chunk({"content": text[i : i + 4]}, logprobs=[token(text[i : i + 4], 0.5, ((text, 0.3),))])
    yield chunk({}, "stop")
    yield "[DONE]"


def test_payloads_elsewhere_than_in_the_text_act_no_more(visit: Any, serve: Any) -> None:
    """In names of models, tools and files, arguments, results, citations, passages, tokens, titles and errors."""
    bad = '"><img src=https://evil.example/x onerror=alert(1)><script>alert(2)</script>'
    cited = {"passage_id": "p1", "file": bad, "place": bad, "quote": bad, "start_index": 0, "end_index": 3}
    turns = iter(
        [
            calls(bad, {bad: bad}),
            said("ver", annotations=[{"type": "file_citation", "file_citation": cited}]),
            hostile(bad),
            error(400, bad, bad),
        ]
    )
    tool = {"type": "function", "function": {"name": bad, "description": bad, "parameters": {}}}
    routes = {
        "/v1/models": {"data": [{"id": bad}]},
        "/v1/tools": {"data": [tool]},
        "/v1/tools/run": {"content": bad, "error": True},
        "/v1/passages/p1": {"id": bad, "file": bad, "text": bad, "before": bad, "after": bad},
    }
    server = serve(lambda body: next(turns), **routes)
    page: Page = visit(server, bypass_csp=True)
    page.evaluate(WITNESS)
    ask(page, bad)
    expect(page.locator(".call output")).to_have_text(bad)
    page.locator(".sources button").click()
    expect(page.locator(".reader mark")).to_have_text(bad)
    page.keyboard.press("Escape")
    page.locator("#settings").click()
    ask(page, bad)
    page.locator("[data-turn]").last.click()
    page.locator(".token").first.click()
    page.keyboard.press("Escape")
    ask(page, bad)
    expect(page.locator(".ending")).to_contain_text(bad)
    harmless(page, server.address)
    assert page.locator(".inspector img, .reader img, nav img, #panel img").count() == 0


def test_markdown_is_rendered_and_html_shown_as_it_was_written(visit: Any, serve: Any) -> None:
    page: Page = visit(
        serve(lambda body: said("um <b>dois</b> **três** ![foto](https://evil.example/f.png) [x](javascript:alert(1))"))
    )
    ask(page, "Oi")
    text = page.locator(".assistant .text")
    expect(text).to_have_text("um <b>dois</b> três foto x")
    expect(text.locator("a")).to_have_attribute("href", "https://evil.example/f.png")
    expect(text.locator("a")).to_have_attribute("rel", "noopener noreferrer nofollow")


def test_the_page_asks_nothing_of_other_servers_and_holds_no_inline_code() -> None:
    html = (STATIC / "index.html").read_text()
    assert "style=" not in html
    assert "<style" not in html
    assert "javascript:" not in html
    assert html.count("<script ") == html.count("<script") == html.count('src="/static/js/')
    ours = [*STATIC.glob("js/*.js"), *STATIC.glob("css/*.css"), STATIC / "index.html"]
    for file in ours:
        text = file.read_text()
        assert "http://" not in text.replace("http://www.w3.org", ""), file
        assert "https://" not in text, file
        assert ".innerHTML" not in text, file


def test_what_is_vendored_is_what_its_sums_say() -> None:
    import hashlib

    vendor = STATIC / "vendor"
    sums = dict(reversed(line.split("  ")) for line in (vendor / "SHA256SUMS").read_text().splitlines())
    files = {path.relative_to(vendor).as_posix() for path in vendor.glob("*/*")}
    assert files == set(sums)
    assert {name: hashlib.sha256((vendor / name).read_bytes()).hexdigest() for name in sums} == sums
    assert {path.parent.name for path in vendor.glob("*/LICENSE")} == {
        path.name for path in vendor.iterdir() if path.is_dir()
    }
