"""Joined, what a stream gives is what ``decode`` gives; no piece of it is half a character."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.library import LibraryTokenizer
from prosa.tokenizers.stream import Utf8Stream
from prosa.tokenizers.train import train


def streamed(tokenizer, ids: list[int]) -> list[str]:
    stream = Utf8Stream(tokenizer)
    return [*(stream.push(id) for id in ids), stream.finish()]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 599), max_size=40))
def test_byte_level_with_any_ids(trained: LibraryTokenizer, ids: list[int]) -> None:
    assert "".join(streamed(trained, ids)) == trained.decode(ids)


def test_a_character_comes_whole(trained: LibraryTokenizer) -> None:
    ids = trained.encode("é😀!")
    assert [len(trained.token_bytes(id)) for id in ids] == [1] * 7
    assert streamed(trained, ids) == ["", "é", "", "", "", "😀", "!", ""]


def test_an_incomplete_character_is_shown_at_the_end(trained: LibraryTokenizer) -> None:
    assert streamed(trained, trained.encode("a😀")[:-1]) == ["a", "", "", "", "\ufffd"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30_521), max_size=30))
def test_wordpiece_with_any_ids(bert: LibraryTokenizer, ids: list[int]) -> None:
    assert "".join(streamed(bert, ids)) == bert.decode(ids)


def test_wordpiece_blanks(bert: LibraryTokenizer) -> None:
    ids = [bert.encode(word)[0] for word in ("jack", "rather")]
    gi, sb = bert.encode("gisburn")[:2]
    assert streamed(bert, [ids[0], gi, sb, ids[1]]) == ["jack", " gi", "sb", " rather", ""]


@pytest.mark.parametrize("kind", ["word-v1", "word-v2", "char", "unigram"])
def test_every_kind_of_ours(kind, verdict: str) -> None:
    tokenizer = train([verdict], TokenizerConfig(kind=kind))
    ids = [*tokenizer.encode(verdict), *range(0, tokenizer.vocab_size, 7)]
    assert "".join(streamed(tokenizer, ids)) == tokenizer.decode(ids)


def test_words_join_as_in_decode(samples) -> None:
    from prosa.tokenizers.load import load

    v2 = load(f"word-v2:{samples / 'the-verdict.txt'}")
    assert streamed(v2, v2.encode("you know, the")) == ["you", " know", ",", " the", ""]
    assert [v2.token_bytes(id) for id in v2.encode("know, (")] == [b" know", b",", b"("]


def byte_fallback() -> LibraryTokenizer:
    """A Llama-shaped tokenizer: Metaspace, and bytes as <0xNN> where the vocabulary ends."""
    vocab = {f"<0x{b:02X}>": b for b in range(256)} | {"▁": 256, "a": 257, "▁a": 258, "<unk>": 259}
    return LibraryTokenizer(
        {
            "version": "1.0",
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False},
            "post_processor": None,
            "decoder": {
                "type": "Sequence",
                "decoders": [
                    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                    {"type": "ByteFallback"},
                    {"type": "Fuse"},
                    {"type": "Strip", "content": " ", "start": 1, "stop": 0},
                ],
            },
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": "<unk>",
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": True,
                "byte_fallback": True,
                "ignore_merges": False,
                "vocab": vocab,
                "merges": ["▁ a"],
            },
        }
    )


def test_byte_fallback() -> None:
    tokenizer = byte_fallback()
    ids = tokenizer.encode("a é a😀")
    assert tokenizer.decode(ids) == "a é a😀"
    parts = streamed(tokenizer, ids)
    assert "".join(parts) == "a é a😀"
    assert all("\ufffd" not in part for part in parts)
    assert tokenizer.token_bytes(0xC3) == b"\xc3"
    assert tokenizer.token_bytes(258) == b" a"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([[256], [257], [258], [0xC3, 0xA9], [0xF0, 0x9F, 0x98, 0x80], [0x41]]), max_size=14))
def test_byte_fallback_with_any_characters(parts: list[list[int]]) -> None:
    """(Of a run of bytes that is not UTF-8, ``tokenizers`` makes U+FFFD of every byte, even of good ones.)"""
    tokenizer, ids = byte_fallback(), [id for part in parts for id in part]
    assert "".join(streamed(tokenizer, ids)) == tokenizer.decode(ids)
