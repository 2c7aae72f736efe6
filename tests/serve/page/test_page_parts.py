"""The page's modules, each by itself, in the browser they are for."""

import json
import math
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest
from page_server import PageServer, said
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def module(browser: Browser) -> Iterator[Any]:
    """Runs ``body`` (of a function of the module ``m`` and of ``given``) in the page."""
    server = PageServer(lambda body: said("."))
    page = browser.new_page(locale="en")
    page.goto(server.address)

    def run(name: str, body: str, given: Any = None) -> Any:
        return page.evaluate(f"async (given) => {{ const m = await import('/static/js/{name}.js'); {body} }}", given)

    yield run
    page.context.close()
    server.close()


def test_events_are_the_same_however_the_network_cuts_them(module: Any) -> None:
    text = ': alive\n\ndata: {"a":"ação 🦜"}\n\ndata: two\r\ndata:lines\r\n\r\nevent: x\ndata: three\r\rdata: not whole'
    data = list(text.encode())
    read = """
        const found = [];
        for (const size of given.sizes) {
          const bytes = new Uint8Array(given.data);
          const body = new ReadableStream({ start(c) {
            for (let i = 0; i < bytes.length; i += size) c.enqueue(bytes.slice(i, i + size));
            c.close();
          } });
          const events = [];
          for await (const one of m.events(body)) events.push(one);
          found.push(events);
        }
        return found;"""
    found = module("sse", read, {"data": data, "sizes": [1, 2, 3, 5, 7, 1000]})
    assert found == [['{"a":"ação 🦜"}', "two\nlines", "three"]] * 6


def exact(logits: np.ndarray, temperature: float) -> np.ndarray:
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max())
    return powers / powers.sum()


@pytest.mark.parametrize("temperature", [0.1, 0.5, 0.9, 1.0, 1.1, 1.6, 2.0])
@pytest.mark.parametrize("spread", [0.5, 2.0, 5.0])
def test_another_temperature_bounds_the_true_softmax(module: Any, temperature: float, spread: float) -> None:
    vocabulary = 4096
    logits = np.random.default_rng(int(spread * 10)).normal(0, spread, vocabulary)
    ids = np.argsort(-logits)[[*range(20), 300]]  # the token that was taken may be a rare one
    given = np.log(exact(logits, 1.0))[ids]
    truth = exact(logits, temperature)
    body = "return m.reheated(given.logprobs, given.most, given.T, given.vocabulary)"
    found = module(
        "temperature", body, {"logprobs": given.tolist(), "most": given[19], "T": temperature, "vocabulary": vocabulary}
    )
    for (low, high), share in zip([*found["shares"], found["rest"]], [*truth[ids], 1 - truth[ids].sum()], strict=True):
        assert low - 1e-9 <= share <= high + 1e-9
    if temperature == 1.0:
        assert all(high - low < 1e-9 for low, high in found["shares"])
    unknown = module(
        "temperature",
        body.replace(", given.vocabulary", ""),
        {"logprobs": given.tolist(), "most": given[19], "T": temperature},
    )
    for (low, high), (low2, high2) in zip(found["shares"], unknown["shares"], strict=True):
        assert low2 <= low + 1e-12, "knowing less can only widen"
        assert high2 >= high - 1e-12


def test_the_bounds_are_reached(module: Any) -> None:
    """By the two tails of which they are made: all alike, and as few as can be."""
    body = "return m.reheated(given.map(Math.log), Math.log(0.1), 2, 102)"
    low, high = module("temperature", body, [0.5, 0.1])["shares"][0]
    alike = np.array([0.5, 0.1, *[0.004] * 100]) ** 0.5
    few = np.array([0.5, 0.1, *[0.1] * 4, *[0.0] * 96]) ** 0.5
    assert low == pytest.approx(alike[0] / alike.sum(), rel=1e-9)
    assert high == pytest.approx(few[0] / few.sum(), rel=1e-9)


def test_temperature_zero_takes_the_best_and_shares_ties(module: Any) -> None:
    body = "return m.reheated(given.map(Math.log), Math.log(0.1), 0, 100).shares"
    assert module("temperature", body, [0.4, 0.3, 0.1]) == [[1, 1], [0, 0], [0, 0]]
    assert module("temperature", body, [0.4, 0.4, 0.1]) == [[0.5, 0.5], [0.5, 0.5], [0, 0]]


def test_each_character_of_the_rendered_text_finds_its_token(module: Any) -> None:
    pieces = ["**A", "pren", "der** é", " [ver](https", "://x.y/z) a", " vida &amp;", " `co", "de`", " 🦜", " fim"]
    body = "return m.owners(given.shown, given.tokens.map((t) => ({t})))"
    shown = "Aprender é ver a vida & code 🦜 fim"
    found = module("marks", body, {"shown": shown, "tokens": pieces})
    owner = dict(zip(shown, found, strict=False))  # one code point may be two units, at the end only
    assert found[:8] == [0, 1, 1, 1, 1, 2, 2, 2]
    assert found[shown.index("ver")] == 3
    assert owner["&"] == 5
    assert found[shown.index("co")] == 6
    assert found[shown.index("🦜")] == 8
    assert found[-3:] == [9, 9, 9]


def test_random_markdown_never_breaks_the_walk(module: Any) -> None:
    random = Random(0)
    for _ in range(30):
        text = "".join(random.choice("ab *_`#>\n[]()é🦜<&1.") for _ in range(80))
        tokens = [text[i : i + 3] for i in range(0, len(text), 3)]
        body = """
          const { rendered } = await import("/static/js/markdown.js");
          const root = document.createElement("div");
          root.append(rendered(given.text));
          const before = root.textContent;
          m.mark(root, given.tokens.map((t) => ({ t })));
          return [before, root.textContent];"""
        before, after = module("marks", body, {"text": text, "tokens": tokens})
        assert before == after


def test_a_conversation_is_a_tree_and_keeps_every_branch(module: Any) -> None:
    body = """
      const c = m.newConversation({}, "x");
      const text = () => m.path(c).map((node) => node.message.content).join(" ");
      const a = m.add(c, {role: "user", content: "a"});
      m.add(c, {role: "assistant", content: "b"}); m.add(c, {role: "user", content: "c"});
      const seen = [text()];
      const again = m.add(c, {role: "user", content: "A"}, a.parent); seen.push(text());
      m.choose(c, a.id); seen.push(text());
      return [...seen, m.siblings(c, again).length, m.upTo(c, m.end(c).id).length];"""
    assert module("tree", body) == ["a b c", "A", "a b c", 2, 3]


def test_ways_with_documents_are_found_in_the_names(module: Any) -> None:
    models = [{"id": id} for id in ["a", "a:only-documents", "a:no-documents", "b", "c:only-documents"]]
    assert module("models", "return m.bases(given)", models) == ["a", "b", "c:only-documents"]
    ways = module("models", "return m.ways(given, 'a').map(([id]) => id)", models)
    assert ways == ["a", "a:only-documents", "a:no-documents"]
    assert module("models", "return m.ways(given, 'b')", models) == []
    assert module("models", "return m.withBase(given, 'a:only-documents', 'b')", models) == "b"


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.5, "50.0 %"),
        (1e-9, "< 0.01 %"),
        (0.0005, "0.05 %"),
        (0.99995, "> 99.99 %"),
        (0.9997, "99.97 %"),
    ],
)
def test_a_share_is_written_with_the_digits_that_tell_something(module: Any, share: float, shown: str) -> None:
    assert module("language", "return m.percent(given)", share) == shown


def test_a_token_that_is_half_a_character_shows_its_bytes(module: Any) -> None:
    entry = {"token": "�", "logprob": math.log(0.5), "bytes": [0xF0, 0x9F], "top_logprobs": []}
    body = "const r = new m.Reply(); r.push(given); return [r.tokens[0].t, r.content]"
    chunk = {"choices": [{"delta": {"content": ""}, "logprobs": {"content": [entry]}}]}
    assert module("reply", body, chunk) == ["<F0><9F>", ""]


def test_calls_are_put_together_from_their_parts(module: Any) -> None:
    parts = [
        {"index": 0, "id": "c1", "function": {"name": "calculator", "arguments": ""}},
        {"index": 1, "id": "c2", "function": {"name": "today", "arguments": "{}"}},
        {"index": 0, "function": {"arguments": '{"expression":'}},
        {"index": 0, "function": {"arguments": ' "1+1"}'}},
    ]
    chunks = [{"choices": [{"delta": {"tool_calls": [part]}}]} for part in parts]
    found = module("reply", "const r = new m.Reply(); given.forEach((c) => r.push(c)); return r.message()", chunks)
    assert [call["id"] for call in found["tool_calls"]] == ["c1", "c2"]
    assert json.loads(found["tool_calls"][0]["function"]["arguments"]) == {"expression": "1+1"}
