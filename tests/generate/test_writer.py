"""The writer: whole characters, stop strings wherever they fall, and the same tokens whatever was held back."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prosa.generate.completion import Token
from prosa.generate.writer import Writer


class Pieces:
    """A decoder whose token n is the n-th piece."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self.utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def incomplete(self) -> bool:
        return self.utf8.getstate()[0] != b""

    def push(self, id: int) -> str:
        return self.utf8.decode(self.pieces[id])

    def finish(self) -> str:
        return self.utf8.decode(b"", final=True)


def write(pieces: list[bytes], stop: tuple[str, ...] = ()) -> tuple[list[tuple[int, str]], list[list[str]], bool]:
    """All final tokens (id, text), the texts given out at each step (the end is the last one), whether it stopped."""
    writer = Writer(Pieces(pieces), frozenset(), stop)
    steps: list[list[Token]] = []
    for id in range(len(pieces)):
        steps.append(writer.add(Token(id, "", -1.0)))
        if writer.stopped:
            break
    else:
        steps.append(writer.finish())
    return (
        [(t.id, t.text) for step in steps for t in step],
        [[t.text for t in step] for step in steps],
        writer.stopped,
    )


def test_a_token_comes_at_once_when_nothing_can_change_it():
    assert write([b"Era", b" uma", b" vez"])[1] == [["Era"], [" uma"], [" vez"], []]


def test_a_character_comes_whole_with_its_last_token():
    tokens, steps, _ = write([b"c", "ã".encode()[:1], "ã".encode()[1:], b"o"])
    assert tokens == [(0, "c"), (1, ""), (2, "ã"), (3, "o")]
    assert steps == [["c"], [], ["", "ã"], ["o"], []]


def test_an_emoji_in_four_tokens():
    pieces = [bytes([byte]) for byte in "🇧".encode()]
    assert write(pieces)[1] == [[], [], [], ["", "", "", "🇧"], []]


def test_bytes_that_are_no_text():
    assert write([b"a\xff", b"b"])[0] == [(0, "a\ufffd"), (1, "b")]
    assert write([b"a\xc3", b"b"])[0] == [(0, "a"), (1, "\ufffdb")]
    assert write([b"a", b"b\xf0\x9f"])[0] == [(0, "a"), (1, "b\ufffd")]
    assert write([b"a", b"\xf0", b"\x9f"])[0] == [(0, "a"), (1, ""), (2, "\ufffd")]


@pytest.mark.parametrize(
    ("pieces", "stop", "tokens"),
    [
        ([b"ab", b"STOP", b"cd"], "STOP", [(0, "ab")]),
        ([b"ab", b"cSTOPd"], "STOP", [(0, "ab"), (1, "c")]),
        ([b"ab", b"cS", b"TO", b"Pd"], "STOP", [(0, "ab"), (1, "c")]),
        ([b"ab", b"S", b"T", b"O", b"P"], "STOP", [(0, "ab")]),
        ([b"SSTO", b"P"], "STOP", [(0, "S")]),
        ([b"STSTO", b"P"], "STOP", [(0, "ST")]),
        ([b"STOP"], "STOP", []),
        ([b"a", "ã".encode()[:1], "ã".encode()[1:]], "ã", [(0, "a")]),
        ([b"a", "é".encode()[:1], "é".encode()[1:]], "ã", [(0, "a"), (1, ""), (2, "é")]),
        ([b"a", b"\n", b"\nb"], "\n\n", [(0, "a")]),
        ([b"a", b"", b"S", b"TOP"], "STOP", [(0, "a")]),
        ([b"a", b"", b"bS", b"TOP"], "STOP", [(0, "a"), (1, ""), (2, "b")]),
    ],
)
def test_text_ends_before_the_stop_string(pieces, stop, tokens):
    assert write(pieces, (stop,))[0] == tokens
    assert write(pieces, (stop,))[2] == ("".join(text for _, text in tokens).encode() != b"".join(pieces))


def test_what_may_become_a_stop_string_is_held_back():
    assert write([b"aS", b"T", b"x", b"b"], ("STOP",))[1] == [[], [], ["aS", "T", "x"], ["b"], []]
    assert write([b"a", b"ST"], ("STOP",))[1] == [["a"], [], ["ST"]]


def test_the_first_stop_string_of_several():
    assert write([b"one two ", b"three"], ("thr", "two", "zzz"))[0] == [(0, "one ")]


ALPHABET = [b"a", b"b", b"ab", b"ba", b"", b"\xc3", b"\xa3", "ã".encode(), b"\xf0\x9f", b"\x98\x80", b"a\xc3"]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from(ALPHABET), min_size=1, max_size=14),
    st.lists(st.sampled_from(["a", "ab", "aab", "bab", "ã", "ãa", "😀", "b😀a"]), max_size=3),
)
def test_against_the_whole_text(pieces, stop):
    tokens, steps, stopped = write(pieces, tuple(stop))
    text = "".join(text for _, text in tokens)
    assert [id for id, _ in tokens] == list(range(len(tokens)))
    if not stopped:
        assert text == b"".join(pieces).decode("utf-8", "replace")
        assert len(tokens) == len(pieces)
        assert not any(s in text for s in stop)
    else:
        read = b"".join(pieces[: len(steps)]).decode("utf-8", "replace")
        assert text == read[: min(at for at in (read.find(s) for s in stop) if at >= 0)]
        before = b"".join(pieces[: len(steps) - 1])
        assert not any(
            s in before.decode("utf-8", "ignore") for s in stop if "\ufffd" not in before.decode("utf-8", "replace")
        )
