"""Repairs that never change what a writer meant: mojibake, Unicode normal form, line ends, control characters, blanks.

Quotation marks, dashes, ligatures and widths stay as they were written.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

MAX_BLANKS = 64  # longer runs of spaces and tabs are cut: some tokenizers fail on a million spaces
MAX_NEWLINES = 3

# UTF-8 read as Windows-1252 or Latin-1 shows a lead byte (C2..F4) followed by a continuation byte (80..BF), each as the
# character that code page gives it. Only lines with such a pair are shown to ftfy, which decides. A pair that ends in
# punctuation may be right Portuguese ("AMANHÃ”"): it counts only in a text that has others.
_SURE = re.compile("[\u00c2-\u00f4][\u0080-\u009f\u00a1-\u00aa\u00ac-\u00ba\u00bc-\u00bf€ƒ†‡ˆ‰ŠŒŽ˜™šœžŸ]")
_PERHAPS = re.compile("[\u00c2-\u00f4][\u00a0«»‚„…‹‘’“”•–—›]|Ã ")
_LINE_ENDS = re.compile("\r\n?|[\v\f\u2028\u2029]")
_CONTROLS = {c: None for c in (*range(32), 127, 0xAD, 0xFEFF) if c not in (9, 10)}  # and soft hyphens, stray BOMs
for _byte in range(0x80, 0xA0):  # C1 controls are Windows-1252 characters read as Latin-1
    try:
        _CONTROLS[_byte] = bytes([_byte]).decode("cp1252")  # type: ignore[assignment]
    except UnicodeDecodeError:
        _CONTROLS[_byte] = None
_HAS_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\ufeff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_BLANKS = re.compile(rf"[^\S\n]{{{MAX_BLANKS + 1},}}")
_NEWLINES = re.compile(rf"\n{{{MAX_NEWLINES + 1},}}")
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class Change:
    """What a repair did to a document.

    Attributes:
        rule: the repair's name in the report.
        removed: UTF-8 bytes before less bytes after (negative where the text grew).
        excerpt: a piece of the text after it.
        why: what was changed.
    """

    rule: str
    removed: int
    excerpt: str
    why: str


def size(text: str) -> int:
    """Bytes of a text in UTF-8, lone surrogates (from JSON escapes) included."""
    return len(text) if text.isascii() else len(text.encode("utf-8", errors="surrogatepass"))


def excerpt(text: str, at: int = 0, length: int = 160) -> str:
    """About ``length`` characters of ``text`` around position ``at``, on one line."""
    start = max(0, at - length // 3)
    piece = " ".join(text[start : start + 2 * length].split())
    return (
        ("…" if start else "") + piece[:length] + ("…" if len(piece) > length or start + 2 * length < len(text) else "")
    )


@cache
def _encoding_only() -> Any:
    """ftfy's settings: mojibake and nothing else."""
    import ftfy

    return ftfy.TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        replace_lossy_sequences=False,
        normalization=None,
        explain=False,
    )


def fix_mojibake(text: str) -> str:
    """``coraÃ§Ã£o`` becomes ``coração``; a line without mojibake is returned as it was, letter by letter."""
    if not _SURE.search(text):
        return text
    import ftfy
    from ftfy.badness import is_bad

    lines = text.split("\n")
    sure = {i for i, line in enumerate(lines) if _SURE.search(line) and is_bad(line)}
    for i, line in enumerate(lines) if sure else ():
        if i in sure:
            lines[i] = ftfy.fix_text(line, _encoding_only())
        elif _PERHAPS.search(line):
            lines[i] = _reread(line)
    return "\n".join(lines)


def _reread(line: str) -> str:
    """A line whose every character makes sense as UTF-8 that was read as Windows-1252, read again; else unchanged."""
    try:
        return line.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return line


def normalize(text: str) -> str:
    """NFC, ``\\n`` line ends, no control characters, no endless blanks, nothing but text at both ends. Idempotent."""
    text = _LINE_ENDS.sub("\n", text)
    if _SURROGATES.search(text):  # pairs become their character, lone ones U+FFFD
        text = text.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")
    if _HAS_CONTROLS.search(text):
        text = text.translate(_CONTROLS)
    text = unicodedata.normalize("NFC", text)
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    text = _BLANKS.sub(lambda run: run[0][:MAX_BLANKS], text)
    return _NEWLINES.sub("\n" * MAX_NEWLINES, text).strip("\n").rstrip()


def repair(text: str, encoding: str) -> tuple[str, list[Change]]:
    """A text as it was read, repaired, and what was done to it.

    Args:
        text: decoded text, through ``plain_ends``.
        encoding: what it was decoded from; all but UTF-8 is told in the report.
    """
    changes = []
    fixed = fix_mojibake(text)
    if fixed != text or encoding == "cp1252":
        at = first_difference(text, fixed)
        why = f"mojibake: {excerpt(text, at, 40)}" if fixed != text else encoding
        changes.append(Change("encoding", size(text) - size(fixed), excerpt(fixed, at), why))
    clean = normalize(fixed)
    if clean != fixed:
        at = first_difference(fixed, clean)
        changes.append(
            Change("normalization", size(fixed) - size(clean), excerpt(clean, at), repr(fixed[max(0, at - 8) : at + 8]))
        )
    return clean, changes


def plain_ends(text: str) -> str:
    """``text`` with ``\\n`` for ``\\r\\n`` and without blank ends: what every file needs and no report should tell."""
    return text.replace("\r\n", "\n").strip("\n").rstrip()


def first_difference(a: str, b: str) -> int:
    """The first position at which two texts differ; the shorter one's length if it starts the other."""
    low, high = 0, min(len(a), len(b))
    while low < high:  # a[:low] == b[:low] always
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
