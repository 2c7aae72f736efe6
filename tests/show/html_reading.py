"""Reads a report as a browser would, for the tests: elements, their language, visible text, embedded figures."""

import json
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "br", "hr", "link", "img", "input"}
RAW = {"script", "style"}


class Page(HTMLParser):
    """``elements``: (tag, attributes, language of the nearest ``main``); ``text[lang]``: what is read in it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None], str]] = []
        self.text: dict[str, str] = {"": "", "en": "", "pt-BR": ""}
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.lang = ""
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "main":
            self.lang = dict(attrs)["lang"] or ""
        self.elements.append((tag, dict(attrs), self.lang))
        if tag in RAW:
            self.raw[tag].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
        if tag == "main":
            self.lang = ""

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in RAW:
            self.raw[self.open[-1]][-1] += data
        else:
            self.text[self.lang] += data

    @property
    def figures(self) -> dict[str, Any]:
        at = next(
            i for i, (_, a, _) in enumerate(e for e in self.elements if e[0] == "script") if a.get("id") == "figures"
        )
        return dict(json.loads(self.raw["script"][at]))
