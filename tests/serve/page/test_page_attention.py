"""The page of ``prosa show attention`` in a browser: heads are chosen, words and tokens switched, ahead is masked."""

from pathlib import Path
from typing import Any

import numpy as np
from page_hands import axe
from playwright.sync_api import Browser, expect

from prosa.pipeline.inside import attention


def test_a_head_between_words_and_tokens(browser: Browser, tiny_run: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.html"
    found = attention(str(tiny_run), text="Era </b> uma vez <i>", out=file).to_json()
    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark", offline=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())

    def large(lang: str) -> Any:
        return page.evaluate(f"document.getElementById('{lang}_plot_attention').data[0].z")

    def check(z: Any, weights: Any) -> None:
        n = len(weights)
        assert [[value is None for value in row] for row in z] == [[j > i for j in range(n)] for i in range(n)]
        seen = np.array([[value or 0 for value in row] for row in z])
        np.testing.assert_allclose(seen, weights, atol=1e-4)

    main = page.locator("main[lang=en]")
    expect(main.locator(".chosen")).to_have_text("layer 1, head 1")
    check(large("en"), found["word_weights"][0][0])
    main.get_by_role("button", name="layer 1, head 2").press("Enter")
    expect(main.locator(".chosen")).to_have_text("layer 1, head 2")
    check(large("en"), found["word_weights"][0][1])
    main.get_by_role("radio", name="tokens").check()
    check(large("en"), found["weights"][0][1])
    ticks = page.evaluate("document.getElementById('en_plot_attention').layout.xaxis.ticktext")
    assert len(ticks) == len(found["tokens"])
    page.get_by_role("button", name="Português").click()
    expect(page.locator("main[lang=pt-BR] .chosen")).to_have_text("camada 1, cabeça 2")
    check(large("pt-BR"), found["weights"][0][1])
    pixel = page.evaluate(
        "[...document.querySelector('main[lang=pt-BR] canvas').getContext('2d').getImageData(1, 0, 1, 1).data]"
    )
    assert pixel == [0x3A, 0x36, 0x30, 255]  # --masked of the dark scheme
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []
    assert errors == []
    context.close()
