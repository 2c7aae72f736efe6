"""FACTS 1: GPT-2's BPE, id for id as tiktoken's."""

from pathlib import Path

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken.load import data_gym_to_mergeable_bpe_ranks

from prosa.core.errors import UserError
from prosa.tokenizers.fast import HARD_TEXTS
from prosa.tokenizers.gpt2 import load_gpt2
from prosa.tokenizers.library import LibraryTokenizer

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.fixture(scope="module")
def oracle(samples: Path) -> tiktoken.Encoding:
    import os

    os.environ["TIKTOKEN_CACHE_DIR"] = ""  # read the files themselves, cache nothing
    ranks = data_gym_to_mergeable_bpe_ranks(str(samples / "gpt2/vocab.bpe"), str(samples / "gpt2/encoder.json"))
    pattern = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
    return tiktoken.Encoding(
        "gpt2", pat_str=pattern, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 50256}, explicit_n_vocab=50257
    )


def test_the_story(gpt2: LibraryTokenizer, verdict: str) -> None:
    ids = gpt2.encode(verdict)
    assert (gpt2.vocab_size, len(ids), len(set(ids))) == (50_257, 5_145, 1_416)
    assert ids[:9] == [40, 367, 2885, 1464, 1807, 3619, 402, 271, 10899]
    assert gpt2.decode(ids) == verdict


def test_published_ids(gpt2: LibraryTokenizer) -> None:
    text = "Hello, do you like tea? <|endoftext|> In the sunlit terracesof someunknownPlace."
    assert gpt2.encode(text, allow_special=True) == [
        *(15496, 11, 466, 345, 588, 8887, 30, 220, 50256, 554, 262, 4252, 18250, 8812),
        *(2114, 1659, 617, 34680, 27271, 13),
    ]
    ids = gpt2.encode("unfamiliarword")
    assert ids == [403, 69, 19968, 4775]
    assert [gpt2.token_text(id) for id in ids] == ["un", "f", "amiliar", "word"]
    assert gpt2.encode("Akwirw ier") == [33901, 86, 343, 86, 220, 959]
    assert len(gpt2.encode("Estude na Universidade Corporativa Módulo (UCM)")) == 17


def test_control_tokens_in_content_are_text(gpt2: LibraryTokenizer, oracle: tiktoken.Encoding) -> None:
    text = "a<|endoftext|>b"
    plain = oracle.encode(text, disallowed_special=())
    assert 50256 not in plain
    assert gpt2.encode(text) == plain
    assert gpt2.encode_batch([text])[0].tolist() == plain
    assert gpt2.encode(text, allow_special=True) == [64, 50256, 65] == oracle.encode(text, allowed_special="all")
    assert gpt2.end_of_text == 50256


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
def test_ids_equal_tiktokens(gpt2: LibraryTokenizer, oracle: tiktoken.Encoding, text: str) -> None:
    expected = oracle.encode(text, disallowed_special=())
    assert gpt2.encode(text) == expected
    assert gpt2.encode_batch([text])[0].tolist() == expected
    assert gpt2.decode(expected) == text


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_hard_texts_equal_tiktokens(gpt2: LibraryTokenizer, oracle: tiktoken.Encoding, text: str) -> None:
    assert gpt2.encode(text) == oracle.encode(text, disallowed_special=())


def test_long_texts_go_the_fast_way_with_the_same_ids(
    gpt2: LibraryTokenizer, oracle: tiktoken.Encoding, verdict: str
) -> None:
    assert gpt2.encode(verdict) == oracle.encode(verdict)
    flat, offsets = gpt2.encode_batch([verdict, "", "olá"])
    assert flat.dtype == "uint32"
    assert offsets.dtype == "int64"
    assert offsets.tolist() == [0, 5145, 5145, 5145 + len(oracle.encode("olá"))]
    assert flat[:5145].tolist() == oracle.encode(verdict)


def test_token_bytes_equal_tiktokens(gpt2: LibraryTokenizer, oracle: tiktoken.Encoding) -> None:
    assert all(gpt2.token_bytes(id) == oracle.decode_single_token_bytes(id) for id in range(50_257))


def test_display_of_half_a_character(gpt2: LibraryTokenizer) -> None:
    assert [gpt2.token_text(id) for id in gpt2.encode("😀")] == ["\\xf0\\x9f\\x98", "\\x80"]


def test_damaged_files_are_named(samples: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no GPT-2 vocabulary: encoder\.json and vocab\.bpe"):
        load_gpt2(tmp_path)
    (tmp_path / "vocab.json").write_text('{"a": 0, "b": 1, "ab": 2}', encoding="utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\nb a\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"merges\.txt, line 3: 'b a'"):
        load_gpt2(tmp_path)
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n", encoding="utf-8")
    assert load_gpt2(tmp_path).encode("abab") == [2, 2]
