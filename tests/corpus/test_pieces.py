import io
import tracemalloc

import pytest
from corpus_helpers import prose
from hypothesis import given
from hypothesis import strategies as st

from prosa.corpus.encoding import as_utf8_stream
from prosa.corpus.pieces import cut_stream, cut_text, line_blocks


@given(st.text("ab é\n", max_size=300), st.integers(4, 50))
def test_pieces_of_a_text_are_the_text(text, size):
    pieces = list(cut_text(text, size))
    assert "".join(pieces) == text
    assert all(len(p) <= size for p in pieces)


@given(st.text("aé€😀 \n", max_size=300), st.integers(8, 50))
def test_pieces_of_a_stream_are_the_stream_and_cut_no_character(text, size):
    pieces = list(cut_stream(io.BytesIO(text.encode()), size))
    assert "".join(piece.decode("utf-8") for piece in pieces) == text
    assert all(len(p) <= size for p in pieces)


def test_cuts_are_at_paragraphs_where_there_are_any():
    text = prose(3000, 1)
    assert all(p.endswith("\n\n") for p in list(cut_text(text, 2000))[:-1])
    assert all(p.endswith(b"\n\n") for p in list(cut_stream(io.BytesIO(text.encode()), 2000))[:-1])
    assert [len(p) for p in cut_text("x" * 2500, 1000)] == [1000, 1000, 500]


@given(
    st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), max_size=20),
    st.integers(1, 30),
    st.booleans(),
)
def test_line_blocks_are_the_lines_with_their_numbers(lines, size, ended):
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    blocks = list(line_blocks(io.BytesIO(data), size, 10))
    got = [line for _, block in blocks for line in block]
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert got == [(n, line) if len(line) <= 10 else (-n, b"") for n, line in enumerate(expected, start=1)]
    assert sum(held for held, _ in blocks) == len(data)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_streams_lose_their_byte_order_mark(encoding):
    text = "coração\r\n" * 5000
    stream = as_utf8_stream(io.BufferedReader(io.BytesIO(text.encode(encoding))))
    assert b"".join(iter(lambda: stream.read(1000), b"")).decode("utf-8") == text


class _OneLine:
    """A line of ``size`` bytes between two short ones, made as it is read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.ends = [b"um\n", b"\nfim\n"]

    def read(self, size: int) -> bytes:
        if len(self.ends) == 2:
            return self.ends.pop(0)
        if self.left > 0:
            self.left -= size
            return b"x" * size
        return self.ends.pop() if self.ends else b""


def test_a_line_of_a_gigabyte_is_not_held():
    tracemalloc.start()
    blocks = list(line_blocks(_OneLine(1_000_000_000), 1_000_000, 2_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [line for _, block in blocks for line in block] == [(1, b"um"), (-2, b""), (3, b"fim")]
    assert peak < 10_000_000


def test_a_text_of_one_line_is_cut_without_being_held():
    tracemalloc.start()
    lengths = [len(piece) for piece in cut_stream(_OneLine(200_000_000), 2_000_000)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(lengths) <= 2_000_000
    assert sum(lengths) >= 200_000_000
    assert peak < 20_000_000
