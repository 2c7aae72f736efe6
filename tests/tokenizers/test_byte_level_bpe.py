"""Whatever the text, a byte-level BPE gives it back, and content never gives a control token."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prosa.core.errors import UserError
from prosa.tokenizers.fast import HARD_TEXTS
from prosa.tokenizers.library import LibraryTokenizer

ALL_OF_UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
DELICATE = st.text(
    st.sampled_from("aéãç 0129\t\n\r\x00\x1f\x7f\u0301\u0303\u200d\u2028␀␤\ue000\U000f0000😀🇧🇷<|>'ſİ\ufeff\ufffd日"),
    max_size=60,
)
FORGERIES = st.lists(
    st.sampled_from(["<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>", "<|", "|>", "end", " ", "é", "\n"]),
    max_size=12,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(ALL_OF_UNICODE | DELICATE | FORGERIES)
def test_decode_undoes_encode(trained: LibraryTokenizer, text: str) -> None:
    ids = trained.encode(text)
    assert trained.decode(ids) == text
    assert b"".join(trained.token_bytes(id) for id in ids) == text.encode("utf-8")
    assert trained.encode_batch(["x", text])[0].tolist() == [*trained.encode("x"), *ids]
    with_control = trained.encode(text, allow_special=True)
    assert trained.decode(with_control) == text


@settings(max_examples=200, deadline=None)
@given(FORGERIES)
def test_no_content_forges_a_control_token(trained: LibraryTokenizer, text: str) -> None:
    control = set(trained.special_tokens.values())
    assert control.isdisjoint(trained.encode(text))
    assert control.isdisjoint(trained.encode_batch([text, text * 400])[0].tolist())
    assert control.isdisjoint(id for id, _, _ in trained.spans(text))


def test_control_tokens_are_read_when_the_caller_asks(trained: LibraryTokenizer) -> None:
    assert trained.special_tokens == {
        "<|endoftext|>": 593,
        "<|system|>": 594,
        "<|user|>": 595,
        "<|assistant|>": 596,
        "<|tool|>": 597,
        "<|call|>": 598,
        "<|end|>": 599,
    }
    ids = trained.encode("<|user|>Oi<|end|>", allow_special=True)
    assert ids == [595, *trained.encode("Oi"), 599]
    assert trained.end_of_text == 593
    assert trained.unknown is None


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_hard_texts(trained: LibraryTokenizer, text: str) -> None:
    assert trained.decode(trained.encode(text)) == text


def test_one_digit_a_token(trained: LibraryTokenizer) -> None:
    assert [trained.token_text(id) for id in trained.encode("1908")] == ["1", "9", "0", "8"]


def test_ids_that_are_no_utf8_show_as_replacement(trained: LibraryTokenizer) -> None:
    halves = trained.encode("ç")
    assert len(halves) == 2
    assert trained.decode(halves[:1]) == "\ufffd"
    assert trained.token_bytes(halves[0]) == b"\xc3"
    assert trained.token_text(halves[0]) == "\\xc3"


@pytest.mark.parametrize("length", [5, 20_000])
def test_a_lone_surrogate_is_named(trained: LibraryTokenizer, length: int) -> None:
    text = "é" * length + "\ud83d" + "b"
    with pytest.raises(UserError, match=rf"character {length} is a lone surrogate \(U\+D83D\)"):
        trained.encode(text)
    with pytest.raises(UserError, match="lone surrogate"):
        trained.encode(text, allow_special=True)
    with pytest.raises(UserError, match="lone surrogate"):
        trained.spans(text)
    with pytest.raises(UserError, match=rf"text 2: character {length} is a lone"):
        trained.encode_batch(["a", "b", text])
    assert trained.encode_batch(["a"])[0].tolist() == trained.encode("a")


@pytest.mark.parametrize("text", [" " * 1_000_000, "\n" * 1_000_000, " " * 1_000_000 + "x", "ab" * 500_000])
def test_a_million_characters_without_a_break(trained: LibraryTokenizer, text: str) -> None:
    assert trained.decode(trained.encode(text)) == text
    assert trained.decode(trained.encode_batch([text])[0].tolist()) == text


@pytest.mark.parametrize("unit", ["abcde", " ", "é!"])
def test_time_grows_with_length_and_not_its_square(trained: LibraryTokenizer, unit: str) -> None:
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        taken = []
        for _ in range(2):
            start = time.process_time()
            trained.spans(text)  # the reference; the fast encoder is some ten times quicker still
            taken.append(time.process_time() - start)
        return min(taken)

    # Sixteen times the text: linear is 16, quadratic 256.
    assert seconds(160_000) / max(seconds(10_000), 1e-3) < 64


def test_ids_outside_the_vocabulary(trained: LibraryTokenizer) -> None:
    for id in (600, -1):
        with pytest.raises(UserError, match=f"token id {id} is not in this vocabulary of 600"):
            trained.decode([1, id])
    with pytest.raises(UserError):
        trained.token_bytes(600)


def test_spans_cover_the_text(trained: LibraryTokenizer, verdict: str) -> None:
    spans = trained.spans(verdict)
    assert [id for id, _, _ in spans] == trained.encode(verdict)
    assert "".join(verdict[a:b] for _, a, b in spans) == verdict  # ASCII but for a few dashes
    assert [(a, b) for _, a, b in trained.spans("aç")][-2:] == [(1, 2), (1, 2)]
