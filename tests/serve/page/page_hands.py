"""What tests do in the page again and again."""

from importlib import resources

from page_server import KEY
from playwright.sync_api import Page, expect


def enter(page: Page, key: str = KEY) -> None:
    page.locator("#key").fill(key)
    page.keyboard.press("Enter")
    expect(page.locator("dialog.key")).to_have_count(0)


def ask(page: Page, text: str) -> None:
    """Sends a message and waits until its answer has ended."""
    page.locator("#message").fill(text)
    page.keyboard.press("Enter")
    idle(page)


def idle(page: Page) -> None:
    expect(page.locator(".turn.user").last).to_be_visible()
    expect(page.locator(".writing")).to_have_count(0)
    expect(page.locator(".send .icon-send")).to_have_count(1)


def axe(page: Page) -> list[str]:
    """What axe-core finds wrong with what the page shows now."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]
