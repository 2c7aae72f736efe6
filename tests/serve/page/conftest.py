"""A real browser: Debian's Chromium, driven by Playwright.

Without Chromium these tests are skipped (``apt-get install chromium`` brings it; PROSA_CHROMIUM names another), but
in CI they fail.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from page_server import KEY, PageServer, said
from playwright.sync_api import Browser, Page, expect, sync_playwright

FLAGS = [
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Visit = Callable[..., Page]
PATIENCE = 60_000  # milliseconds: of a busy machine; nothing waits that long that does not fail
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")  # while it runs, so does an event loop, in the way of other files' asyncio.run
def browser() -> Iterator[Browser]:
    path = os.environ.get("PROSA_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens a server's page, with a key; ``page.heard`` lists all requests' addresses, ``page.wrong`` faults."""
    contexts = []

    def visit(
        server: PageServer | str, *, key: str | None = KEY, lang: str = "en", bypass_csp: bool = False, **options: Any
    ) -> Page:
        usual = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"}
        context = browser.new_context(locale=lang, bypass_csp=bypass_csp, **{**usual, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.heard, page.wrong = [], []  # type: ignore[attr-defined]
        context.on("request", lambda request: page.heard.append(request.url))
        page.on("pageerror", lambda error: page.wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (page.wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda said: page.wrong.append(f"console: {said.text}") if _fault(said) else None)
        if key is not None:
            context.add_init_script(
                f"sessionStorage.getItem('prosa.key') ?? sessionStorage.setItem('prosa.key', '{key}')"
            )
        page.goto(server if isinstance(server, str) else server.address)
        if key is not None:
            expect(page.locator("#model option").first).to_be_attached()
        return page

    yield visit
    for context in contexts:
        context.close()


def _fault(message: Any) -> bool:
    """What the console counts as an error; that a request failed is told there too, and is no fault of the page's."""
    return message.type == "error" and "Failed to load resource" not in message.text


@pytest.fixture
def serve() -> Iterator[Callable[..., PageServer]]:
    """Makes a scripted server; by default it says back what was asked."""
    servers: list[PageServer] = []

    def make(answer: Callable[[dict[str, Any]], Any] | None = None, **routes: Any) -> PageServer:
        servers.append(
            PageServer(answer or (lambda body: said(f"You said: {body['messages'][-1]['content']}")), **routes)
        )
        return servers[-1]

    yield make
    for server in servers:
        server.close()
