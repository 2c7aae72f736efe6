"""A page: the same content once in each language, one of them shown, light and dark, in one file without network."""

import json
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from plotly.offline import get_plotlyjs

from prosa.core.language import LANGS, Lang, language, speaking
from prosa.show.markup import Html, tag
from prosa.show.parts import Figures

# Nothing may be fetched: not even by a mistake in what is embedded.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"


def document(
    name: str,
    main: Callable[[Figures], Html],
    *,
    generator: str = "",
    shared: Mapping[str, Any] | None = None,
    scripts: tuple[str, ...] = (),
) -> str:
    """The whole HTML file.

    Args:
        name: of what it shows, for the title.
        main: makes the ``main`` element in the language in force and adds its plots to what it is given.
        generator: what made the page, where a file of its kind should be told from others.
        shared: plain values for ``scripts``, the same in both languages.
        scripts: files of ``prosa.show`` that run before ``report.js``.
    """
    figures: Figures = {}
    mains = []
    for lang in LANGS:
        with speaking(lang):
            mains.append(main(figures))
    shown = language()
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="generator", content=generator) if generator else None,
        tag("title", f"{name} · Prosa"),
        tag("style", Html(_file("report.css"))),
    )
    drawn = {key: json.loads(figure.to_json()) for key, figure in figures.items()}
    buttons = [_button(lang, shown) for lang in LANGS]
    body = tag(
        "body",
        tag("header", tag("div", *buttons, class_="language", role="group", aria_label="Language / Idioma")),
        *mains,
        tag("script", Html(get_plotlyjs())) if figures else None,
        _values("figures", drawn),
        _values("shared", shared) if shared is not None else None,
        *(tag("script", Html(_file(script))) for script in scripts),
        tag("script", Html(_file("report.js"))),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang=shown, data_lang=shown) + "\n"


def _values(id: str, values: Mapping[str, Any]) -> Html:
    text = json.dumps(values, separators=(",", ":")).replace("<", "\\u003c")
    return tag("script", Html(text), type="application/json", id=id)


def _file(name: str) -> str:
    return resources.files("prosa.show").joinpath(name).read_text(encoding="utf-8")


def _button(lang: Lang, shown: Lang) -> Html:
    name = "Português" if lang == "pt-BR" else "English"
    return tag("button", name, type="button", lang=lang, aria_pressed="true" if lang == shown else "false")
