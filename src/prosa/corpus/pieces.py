"""Cutting what is too long: at a blank line where there is one, else a line end, else a space, else anywhere."""

from collections.abc import Iterator

from prosa.corpus.encoding import ByteReader

_CHUNK = 65_536  # bytes read at a time
_MOST_LINES = 10_000  # of a block
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
    """Whole lines in blocks of about ``size`` bytes, or fewer where lines are very short.

    Yields:
        (bytes of the block, [(line number from 1, line without its end)]); a line of more than ``longest`` bytes comes
        as one empty ``bytes`` with its number negated: it was skipped without being held.

    Raises:
        Exception: what reading raised (a compressed file may be cut), after the lines before it.
    """
    lines: list[tuple[int, bytes]] = []
    parts: list[bytes] = []  # of the line at hand, empty while it is skipped
    number, length, block = 1, 0, 0
    failed: Exception | None = None

    def end_line() -> None:
        nonlocal number, length
        lines.append((number, b"".join(parts)) if length <= longest else (-number, b""))
        parts.clear()
        number, length = number + 1, 0

    while True:
        try:
            chunk = file.read(_CHUNK)
        except Exception as error:  # gzip's has many
            failed = error
            break
        if not chunk:
            break
        for i, piece in enumerate(chunk.split(b"\n")):
            if i:
                end_line()
            length += len(piece)
            if length <= longest:
                parts.append(piece)
            else:
                parts.clear()
        block += len(chunk)
        if lines and (block >= size or len(lines) >= _MOST_LINES):
            yield block, lines
            lines, block = [], 0
    if length and failed is None:
        end_line()
    if lines:
        yield block, lines
    if failed is not None:
        raise failed
