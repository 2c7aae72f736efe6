"""Cutting what is too long: at a blank line where there is one, else a line end, else a space, else anywhere."""

from collections.abc import Iterator

from prosa.corpus.encoding import ByteReader

_LOOK_BACK = 4  # a cut is looked for in the last quarter of a piece


def cut_text(text: str, size: int) -> Iterator[str]:
    """Pieces of at most ``size`` characters whose concatenation is ``text``."""
    start = 0
    while len(text) - start > size:
        end = _cut(text, start, start + size, ("\n\n", "\n", " "))
        yield text[start:end]
        start = end
    yield text[start:]


def _cut(text: str, start: int, end: int, marks: tuple[str, ...]) -> int:
    for mark in marks:
        at = text.rfind(mark, end - (end - start) // _LOOK_BACK, end)
        if at >= 0:
            return at + len(mark)
    return end


def cut_stream(file: ByteReader, size: int) -> Iterator[bytes]:
    """Pieces of about ``size`` bytes whose concatenation is the file; no UTF-8 character is cut."""
    buffer = b""
    while True:
        more = file.read(size)
        buffer += more
        if not more:
            break
        while len(buffer) > size:
            end = _cut_bytes(buffer, size)
            yield buffer[:end]
            buffer = buffer[end:]
    if buffer:
        yield buffer


def _cut_bytes(data: bytes, size: int) -> int:
    for mark in (b"\n\n", b"\n", b" "):
        at = data.rfind(mark, size - size // _LOOK_BACK, size)
        if at >= 0:
            return at + len(mark)
    end = size
    while end > size - 4 and data[end] & 0b1100_0000 == 0b1000_0000:  # inside a UTF-8 character
        end -= 1
    return end


def line_blocks(file: ByteReader, size: int, longest: int) -> Iterator[tuple[int, list[tuple[int, bytes]]]]:
    """Whole lines in blocks of about ``size`` bytes.

    Yields:
        (bytes of the block, [(line number from 1, line without its end)]); a line of more than ``longest`` bytes comes
        as one empty ``bytes`` with its number negated: it was skipped without being held.
    """
    number, rest, skipping = 1, b"", False
    lines: list[tuple[int, bytes]] = []
    held = 0
    while chunk := file.read(min(size, longest)):
        *whole, rest_of_chunk = chunk.split(b"\n")
        for line in whole:
            line = rest + line
            rest = b""
            lines.append((-number, b"") if skipping or len(line) > longest else (number, line))
            skipping = False
            number += 1
        rest += rest_of_chunk
        if len(rest) > longest:
            skipping, rest = True, b""
        elif skipping:
            rest = b""
        held += len(chunk)
        if held >= size and lines:
            yield held, lines
            lines, held = [], 0
    if rest or skipping:
        lines.append((-number, b"") if skipping or len(rest) > longest else (number, rest))
    if lines:
        yield held, lines
