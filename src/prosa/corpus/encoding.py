"""From bytes to text: UTF-8 (with or without BOM), UTF-16 with BOM, else Windows-1252, line by line where they mix."""

import codecs
import io
from typing import BinaryIO, Protocol

UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROLS = bytes(b for b in range(32) if b not in b"\t\n\v\f\r\x1b")
_BINARY_SHARE = 0.02


def decode(data: bytes) -> tuple[str, str]:
    """Text of ``data`` and the encoding that it was in: ``utf-8``, ``utf-16`` or ``cp1252``.

    A file that is not UTF-8 is decoded line by line: a line that is UTF-8 as UTF-8, another as Windows-1252 (of which
    Latin-1 is, in text, a part). So files stuck together from both come out right. Never fails.
    """
    if data.startswith(UTF16_BOMS):
        return data.decode("utf-16", errors="replace"), "utf-16"
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return "".join(_decode_line(line) for line in data.splitlines(keepends=True)), "cp1252"


def _decode_line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:
        return line.decode("latin-1")  # five bytes that Windows-1252 leaves undefined


def is_binary(head: bytes) -> bool:
    """Whether a file that starts so is no text: more than 2 % of it is control characters."""
    if head.startswith(UTF16_BOMS) or not head:
        return False
    return len(head) - len(head.translate(None, _CONTROLS)) > _BINARY_SHARE * len(head)


class ByteReader(Protocol):
    """What the piecewise readers need of an open file."""

    def read(self, size: int, /) -> bytes:
        """At most about ``size`` bytes; empty at the end."""
        ...


class _FromUtf16:
    """An open UTF-16 file as a stream of UTF-8 bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-16", errors="replace", newline="")

    def read(self, size: int, /) -> bytes:
        return self._text.read(size).encode("utf-8", errors="replace")


def as_utf8_stream(file: io.BufferedReader) -> ByteReader:
    """An open file as a stream without BOM, in UTF-8 if the file has a UTF-16 BOM, else in its own bytes."""
    head = file.peek(4)
    if head.startswith(UTF16_BOMS):
        return _FromUtf16(file)
    if head.startswith(codecs.BOM_UTF8):
        file.read(len(codecs.BOM_UTF8))
    return file
