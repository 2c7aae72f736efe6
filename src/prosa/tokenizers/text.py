"""Text files, and lone surrogates.

No UTF-8 text can hold a lone surrogate, and changing it silently breaks round trips: it is refused, its place named.
"""

from pathlib import Path

from prosa.core.errors import UserError
from prosa.core.language import tr


def surrogate_error(text: str, number: int | None = None) -> UserError | None:
    """The error for the first lone surrogate of ``text`` (``number``: its place in the batch), None if it has none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        where = "" if number is None else tr(f"text {number}: ", f"texto {number}: ")
        code = f"U+{ord(text[error.start]):04X}"
        return UserError(
            where
            + tr(
                f"character {error.start} is a lone surrogate ({code}), which is not text.",
                f"o caractere {error.start} é um substituto solto ({code}), que não é texto.",
            ),
            tr(
                "It comes from a half-read emoji or a wrong encoding: remove it or read the file again.",
                "Vem de um emoji lido pela metade ou de codificação errada: remova-o ou releia o arquivo.",
            ),
        )
    return None


def read_text(path: Path) -> str:
    """A UTF-8 file's text, without a byte-order mark.

    Raises:
        UserError: missing, unreadable or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(tr(f"cannot read {path}: {error}", f"não consigo ler {path}: {error}")) from error
