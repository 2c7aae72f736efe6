"""The language of messages, pages and reports: Brazilian Portuguese or English.

Both forms of a message stand side by side where it is written, ``tr("saved", "salvo")``, so that neither can be
forgotten. The language comes from ``--lang``, else ``PROSA_LANG``, else the locale (a Portuguese one gives pt-BR, any
other English).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

Lang = Literal["en", "pt-BR"]
LANGS: tuple[Lang, ...] = get_args(Lang)

_chosen: Lang | None = None


def language() -> Lang:
    """The language in force."""
    if _chosen is not None:
        return _chosen
    for variable in ("PROSA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "")
        if value:
            return "pt-BR" if value.lower().startswith("pt") else "en"
    return "en"


def set_language(lang: Lang | None) -> None:
    """Choose the language for this process; None goes back to the environment's."""
    global _chosen
    _chosen = lang


@contextmanager
def speaking(lang: Lang) -> Iterator[None]:
    """Speak ``lang`` for a while (a report is written in both languages), then the language that was in force."""
    before = _chosen
    set_language(lang)
    try:
        yield
    finally:
        set_language(before)


def tr(en: str, pt: str) -> str:
    """The form of a message in the language in force."""
    return pt if language() == "pt-BR" else en


def number(value: float, digits: int = 0) -> str:
    """A number as this language writes it: 1,234.5 in English, 1.234,5 in Portuguese."""
    text = f"{value:,.{digits}f}"
    return text.translate(str.maketrans(",.", ".,")) if language() == "pt-BR" else text


def size(n_bytes: float) -> str:
    """A number of bytes in B, kB, MB or GB (powers of 1,000)."""
    for unit in ("B", "kB", "MB"):
        if abs(n_bytes) < 1000:
            return f"{number(n_bytes, 0 if unit == 'B' else 1)} {unit}"
        n_bytes /= 1000
    return f"{number(n_bytes, 1)} GB"


def duration(seconds: float) -> str:
    """A time in s, min or h: ``8.2 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 60:
        return f"{number(seconds, 1)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
