"""Looking into a step: click a word, see what else might have come, change the temperature."""

import math
from typing import Any

from page_hands import ask
from page_server import chunk, token
from playwright.sync_api import Page, expect

STEPS = [
    token("O ", 0.6, ((" A", 0.3), (" Um", 0.05))),
    token("**ga", 0.5, (("ca", 0.25), ("ra", 0.25))),
    token("to**", 0.9, ()),
    token(" dorme", 0.08, ((" corre", 0.5), (" come", 0.3))),
    token(".", 1.0, ()),
]
VOCABULARY = 10


def opened(visit: Any, serve: Any, **options: Any) -> Page:
    def answer(body: dict[str, Any]) -> Any:
        pieces = ["O ", "**ga", "to**", " dorme", "."]
        yield from (chunk({"content": piece}, logprobs=[step]) for piece, step in zip(pieces, STEPS, strict=True))
        yield chunk({}, "stop")
        yield "[DONE]"

    models = {"/v1/models": {"data": [{"id": "assistente", "vocab_size": VOCABULARY}]}}
    page: Page = visit(serve(answer, **models), **options)
    ask(page, "Oi")
    return page


def shares(page: Page) -> dict[str, str]:
    rows = page.locator(".steps li")
    return dict(zip(rows.locator(".piece").all_text_contents(), rows.locator(".share").all_inner_texts(), strict=True))


def test_a_click_on_a_word_opens_its_token(visit: Any, serve: Any) -> None:
    page = opened(visit, serve)
    page.locator("strong .word", has_text="ga").click()
    step = page.locator(".inspector")
    expect(step.get_by_role("heading")).to_contain_text("**ga")
    expect(step).to_contain_text("Token 2 of 5; written at temperature 0.70")
    page.locator("#step-heat").fill("1")
    assert shares(page) == {"**ga (taken)": "50.0 %", "ca": "25.0 %", "ra": "25.0 %", "all others": "0 %"}
    page.locator("#step-heat").fill("0.5")  # squares: 4, 1 and 1 of 6
    assert list(shares(page).values()) == ["66.7 %", "16.7 %", "16.7 %", "0 %"]
    page.locator("#step-heat").fill("0")
    assert list(shares(page).values()) == ["100 %", "0 %", "0 %", "0 %"]
    page.keyboard.press("Escape")
    expect(step).to_have_count(0)
    assert page.wrong == []  # type: ignore[attr-defined]


def test_what_is_not_known_of_the_others_shows_as_a_range(visit: Any, serve: Any) -> None:
    page = opened(visit, serve)
    page.locator(".word", has_text="O").first.click()
    page.locator("#step-heat").fill("2")
    roots = [math.sqrt(p) for p in (0.6, 0.3, 0.05)]
    few, alike = math.sqrt(0.05), 7 * math.sqrt(0.05 / 7)
    low, high = (100 * roots[0] / (sum(roots) + rest) for rest in (alike, few))
    assert shares(page)["O␣ (taken)"] == f"{low:.1f} to {high:.1f} %"
    expect(page.locator(".inspector .note")).to_contain_text("likeliest tokens")
    page.locator("#step-heat").fill("1")
    assert shares(page)["O␣ (taken)"] == "60.0 %"
    assert shares(page)["all others"] == "5.0 %"
    expect(page.locator(".inspector .note")).to_contain_text("the model's own probabilities")


def test_steps_are_walked_by_keys(visit: Any, serve: Any) -> None:
    page = opened(visit, serve)
    page.locator(".word", has_text="dorme").click()
    expect(page.locator(".inspector h2 .piece")).to_have_text("␣dorme")
    page.get_by_role("button", name="Token after").click()
    expect(page.locator(".inspector h2 .piece")).to_have_text(".")
    expect(page.get_by_role("button", name="Token after")).to_be_disabled()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".inspector h2 .piece")).to_have_text("O␣")
    expect(page.locator(".looked-at")).to_have_text("O ")


def test_the_token_view_is_one_stop_of_tab_and_walked_by_arrows(visit: Any, serve: Any) -> None:
    page = opened(visit, serve)
    page.get_by_role("button", name="Show as tokens").click()
    tokens = page.locator(".token")
    expect(tokens).to_have_text(["O ", "**ga", "to**", " dorme", "."])
    expect(tokens.nth(3)).to_have_class("token surprise-4")
    expect(tokens.nth(4)).to_have_class("token surprise-0")
    expect(page.get_by_role("button", name="Show as tokens")).to_be_focused()
    assert page.locator('.token[tabindex="0"]').count() == 1
    tokens.first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".inspector h2 .piece")).to_have_text("␣dorme")
    page.keyboard.press("Escape")
    expect(tokens.nth(3)).to_be_focused()


def test_the_chosen_token_is_shown_even_where_it_is_not_among_the_likeliest(visit: Any, serve: Any) -> None:
    entry = token(" raro", 0.001)
    entry["top_logprobs"] = token(" comum", 0.9)["top_logprobs"]

    def answer(body: dict[str, Any]) -> Any:
        yield chunk({"content": " raro"}, logprobs=[entry])
        yield chunk({}, "stop")
        yield "[DONE]"

    page = visit(serve(answer))
    ask(page, "Oi")
    page.locator(".word").click()
    page.locator("#step-heat").fill("1")
    assert shares(page) == {"␣comum": "90.0 %", "␣raro (taken)": "0.1 %", "all others": "9.9 %"}


def test_tokens_are_still_there_after_a_reload(visit: Any, serve: Any) -> None:
    page = opened(visit, serve)
    page.reload()
    page.locator(".word", has_text="dorme").click()
    page.locator("#step-heat").fill("1")
    assert shares(page)["␣dorme (taken)"] == "8.0 %"
