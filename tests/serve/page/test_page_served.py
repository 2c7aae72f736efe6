"""The page as ``prosa serve`` gives it, with a model that talks and calls the calculator."""

import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from page_hands import ask, axe, idle
from playwright.sync_api import Page, expect

from prosa.generate.engine import Engine
from prosa.generate.reply import announced
from prosa.generate.sampling import Sampling
from prosa.generate.tools import Toolbox, builtin_tools
from prosa.pipeline.run import load
from prosa.serve.keys import Keys
from prosa.tokenizers.chat import ChatEncoder, Message
from scripted import GREETED, GREETING, SUM, SUMMED


class Served(NamedTuple):
    address: str
    key: str
    keys: Path
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def served(chat_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    keys = tmp_path_factory.mktemp("served") / "keys.sqlite"
    command = [sys.executable, "-m", "prosa", "serve", str(chat_run), "--port", "0", "--keys", str(keys)]
    told = subprocess.PIPE
    process = subprocess.Popen(command, stdout=told, stderr=subprocess.STDOUT, text=True, env={**os.environ})
    assert process.stdout is not None
    text = ""
    while not (found := re.search(r"chat +(\S+)/\n(?:.*\n)*.*key +(prosa-\S+)", text)):
        line = process.stdout.readline()
        assert line, text
        text += line
    yield Served(found[1], found[2], keys, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


@pytest.fixture
def page(visit: Any, served: Served) -> Page:
    page: Page = visit(served.address, key=served.key)
    page.get_by_role("button", name="Settings").click()
    page.locator("#temperature").fill("0")
    page.locator("#panel header button").click()
    return page


def test_the_address_of_the_first_start_has_the_key(visit: Any, served: Served) -> None:
    page = visit(f"{served.address}/#key={served.key}", key=None)
    expect(page.locator("#message")).to_be_focused()
    expect(page.locator("dialog.key")).to_have_count(0)
    assert page.url == f"{served.address}/"
    page.reload()  # kept for this tab
    expect(page.locator("dialog.key")).to_have_count(0)
    assert page.evaluate("localStorage.getItem('prosa.key')") is None


def test_a_model_answers_calls_its_tool_and_answers_again(page: Page, served: Served, chat_run: Path) -> None:
    ask(page, GREETING)
    expect(page.locator(".assistant .text")).to_have_text(GREETED.replace("\n", ""))
    page.get_by_role("button", name="New conversation").click()
    ask(page, SUM)
    expect(page.locator(".call")).to_contain_text("Calculator3,5*2")
    expect(page.locator(".call output")).to_have_text("7")
    expect(page.locator(".assistant .text")).to_have_text(SUMMED)
    expect(page.locator("#model")).to_have_value(chat_run.name)
    assert page.wrong == []  # type: ignore[attr-defined]
    assert all(url.startswith((served.address, "blob:")) for url in page.heard)  # type: ignore[attr-defined]


def test_a_steps_probability_is_the_models_own(page: Page, chat_run: Path) -> None:
    model, tokenizer, _ = load(str(chat_run))
    encoder = ChatEncoder(tokenizer)
    prompt = encoder.prompt(announced([Message("user", GREETING)], Toolbox(builtin_tools("en"))))
    engine = Engine(model, tokenizer, device="cpu", precision="float32")
    (made,) = engine.generate([prompt], Sampling(temperature=0, top_logprobs=20), max_tokens=8)
    ask(page, GREETING)
    page.locator(".word").first.click()
    page.locator("#step-heat").fill("1")
    shares = page.locator(".steps li:not(.others) .share").all_text_contents()
    wanted = [math.exp(other.logprob) for other in made.tokens[0].top]
    assert len(shares) == len(wanted) == 20
    shown = [float(share.removesuffix(" %").lstrip("<> ")) / 100 for share in shares]
    assert shown == pytest.approx(wanted, abs=6e-4)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show as tokens").click()
    written = bytearray()
    for text in page.locator(".token").all_text_contents():  # half an emoji shows its bytes
        parts = re.split(r"<([0-9A-F]{2})>", text.replace("⏎\n", "\n"))
        written += b"".join(bytes.fromhex(part) if i % 2 else part.encode() for i, part in enumerate(parts))
    assert written.decode() == GREETED


def test_the_served_page_has_its_policy_and_no_axe_violation(page: Page, served: Served) -> None:
    ask(page, SUM)
    assert axe(page) == []
    for path in ("/", "/static/js/main.js", "/static/vendor/marked/marked.esm.js", "/static/css/base.css"):
        policy = page.request.get(served.address + path).headers["content-security-policy"]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert (rules["script-src"], rules["style-src"], rules["connect-src"]) == ("'self'", "'self'", "'self'")
        assert (rules["base-uri"], rules["form-action"], rules["frame-ancestors"]) == ("'none'", "'none'", "'none'")


def test_a_conversation_past_the_window_and_a_revoked_key_are_told(visit: Any, served: Served) -> None:
    keys = Keys(served.keys)
    page: Page = visit(served.address, key=keys.add("passing"))
    ask(page, GREETING + " palavra" * 400)
    expect(page.locator(".ending")).to_contain_text("does not fit in the model's window")
    keys.revoke("passing")
    ask(page, GREETING)
    expect(page.locator(".ending")).to_contain_text("does not accept this key")
    page.get_by_role("button", name="Enter another key").click()
    page.locator("#key").fill(served.key)
    page.keyboard.press("Enter")
    expect(page.locator("dialog.key")).to_have_count(0)
    page.get_by_role("button", name="New conversation").click()
    ask(page, GREETING)
    idle(page)
    expect(page.locator(".assistant .text")).to_contain_text("Olá")
    for _ in range(3):  # the window has 128 tokens
        ask(page, GREETING + " palavra" * 6)
        idle(page)
    expect(page.locator(".ending")).to_have_count(0)
    expect(page.locator(".why").last).to_contain_text(re.compile("Answered without the first [246] messages"))
