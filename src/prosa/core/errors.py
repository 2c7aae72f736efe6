"""Errors that are the user's to fix: what is wrong, where, and what to do. The command exits with 2."""

import difflib
from collections.abc import Iterable

from prosa.core.language import tr


class UserError(ValueError):
    """A mistake in the input or the command, told without a traceback.

    Args:
        what: what is wrong and where (file, line, field), one or two sentences.
        hint: what to do about it.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(f"{what}\n{hint}" if hint else what)
        self.what = what
        self.hint = hint


def nearest(word: str, options: Iterable[str]) -> str | None:
    """The option most like ``word``, or None when nothing is near."""
    found = difflib.get_close_matches(word, list(options), n=1, cutoff=0.5)
    return found[0] if found else None


def unknown(kind: str, word: str, options: Iterable[str]) -> UserError:
    """The error for a name that is not among ``options``: it suggests the nearest and lists them all."""
    names = sorted(options)
    near = nearest(word, names)
    what = tr(f"unknown {kind}: {word!r}", f"{kind}: {word!r} não existe")
    if near is not None:
        what += tr(f". Did you mean {near!r}?", f". Você quis dizer {near!r}?")
    return UserError(what, tr("There are: ", "Existem: ") + ", ".join(names))
