"""HTML by construction: every string is escaped on its way in, unless it is ``Html`` already.

So that no text of a document, of a model or of a user can become markup: only ``tag`` and ``join`` make ``Html``.
"""

import html
from typing import TypeAlias

_VOID = frozenset({"meta", "br", "hr", "input"})
# HTML cannot hold control characters, and UTF-8 cannot hold half a surrogate pair: show their pictures instead.
CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
CONTROLS |= dict.fromkeys((*range(0x80, 0xA0), *range(0xD800, 0xE000)), 0xFFFD)


class Html(str):
    """Text that is markup already."""


Child: TypeAlias = str | int | float | None


def escape(text: str) -> Html:
    """``text`` so that a browser shows exactly it: ``<&>"'`` escaped, control characters and lone surrogates drawn."""
    return text if isinstance(text, Html) else Html(html.escape(text.translate(CONTROLS), quote=True))


def join(*children: Child) -> Html:
    """The children one after the other, strings escaped, None left out."""
    return Html(
        "".join(escape(child if isinstance(child, str) else str(child)) for child in children if child is not None)
    )


def tag(name: str, /, *children: Child, **attributes: str | int | bool | None) -> Html:
    """``<name attributes>children</name>``.

    An attribute's ``_`` is a ``-`` (``aria_label``) and a last one is dropped (``class_``); True is a bare attribute,
    None and False leave it out.
    """
    text = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        text += f" {key.rstrip('_').replace('_', '-')}"
        if value is not True:
            text += f'="{escape(str(value))}"'
    if name in _VOID:
        return Html(f"<{name}{text}>")
    return Html(f"<{name}{text}>{join(*children)}</{name}>")
