import base64
import json
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from prosa.core.errors import UserError
from prosa.tokenizers.fast import HARD_TEXTS
from prosa.tokenizers.library import LibraryTokenizer
from prosa.tokenizers.load import load
from prosa.tokenizers.tiktoken_file import ENCODINGS, merges_of, read_ranks

# As in tiktoken_ext/openai_public.py of tiktoken 0.14.
OPENAI = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)


@pytest.fixture(scope="module")
def oracle(samples: Path) -> tiktoken.Encoding:
    ranks = read_ranks(samples / "cl100k_base.tiktoken")
    return tiktoken.Encoding(
        "cl100k_base", pat_str=OPENAI, mergeable_ranks=ranks, special_tokens=ENCODINGS["cl100k_base"][1]
    )


def test_published_counts(cl100k: LibraryTokenizer, verdict: str) -> None:
    assert len(cl100k.encode(verdict)) == 4_943
    assert len(cl100k.encode("Estude na Universidade Corporativa Módulo (UCM)")) == 14
    assert cl100k.vocab_size == 100_277
    assert cl100k.end_of_text == 100_257
    assert cl100k.special_tokens["<|endofprompt|>"] == 100_276


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_ids_equal_tiktokens(cl100k: LibraryTokenizer, oracle: tiktoken.Encoding, text: str) -> None:
    expected = oracle.encode(text, disallowed_special=())
    assert cl100k.encode(text) == expected
    assert cl100k.encode_batch([text])[0].tolist() == expected


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("asStTlLdDrReEvV'’ſK \t\n\r\u00a0123²½.,!-_éÉã\u0301😀日"), max_size=40))
def test_ids_equal_tiktokens_where_the_pattern_is_delicate(
    cl100k: LibraryTokenizer, oracle: tiktoken.Encoding, text: str
) -> None:
    assert cl100k.encode(text) == oracle.encode(text, disallowed_special=())


def test_hard_texts_and_special_tokens(cl100k: LibraryTokenizer, oracle: tiktoken.Encoding, verdict: str) -> None:
    for text in (*HARD_TEXTS, verdict, "<|endoftext|><|fim_prefix|>", "<|endofprompt|>"):
        assert cl100k.encode(text) == oracle.encode(text, disallowed_special=())
        assert cl100k.encode(text, allow_special=True) == oracle.encode(text, allowed_special="all")
    assert cl100k._fast is not None  # the story went the fast way: fastokens opens it, gaps in the ids or not


def test_an_unused_id_is_empty_and_one_beyond_an_error(cl100k: LibraryTokenizer) -> None:
    assert cl100k.decode([100_256]) == ""
    with pytest.raises(UserError, match="100277 is not in this vocabulary"):
        cl100k.decode([100_277])


def test_merges_are_those_that_tiktoken_would_do() -> None:
    ranks = {bytes([b]): b for b in range(256)} | {b"ab": 256, b"bc": 257, b"abc": 258, b"xyz": 259}
    assert merges_of(ranks) == ["a b", "b c", "ab c"]  # never "a bc"; xyz has no pair at all


def test_settings_beside_the_file(samples: Path, tmp_path: Path) -> None:
    ranks = {bytes([b]): b for b in range(256)} | {b"ab": 256}
    lines = [base64.b64encode(token) + b" %d" % rank for token, rank in ranks.items()]
    file = tmp_path / "mine.tiktoken"
    file.write_bytes(b"\n".join(lines))
    with pytest.raises(UserError, match=r"mine\.config\.json"):
        load(file)
    settings = {"pat_str": r"\p{L}+|\P{L}+", "special_tokens": {"<|endoftext|>": 300}}
    (tmp_path / "mine.config.json").write_text(json.dumps(settings), encoding="utf-8")
    for spec in (str(file), f"tiktoken:{file}", str(tmp_path)):
        assert load(spec).encode("ab1<|endoftext|>", allow_special=True) == [256, ord("1"), 300]
    file.write_bytes(b"\n".join([*lines[:7], b"not base64", *lines[7:]]))
    with pytest.raises(UserError, match="line 8"):
        load(file)
    file.write_bytes(b"\n".join(lines[1:]))
    with pytest.raises(UserError, match="1 of the 256 single bytes"):
        load(file)


def test_saved_as_tokenizer_json(cl100k: LibraryTokenizer, tmp_path: Path) -> None:
    cl100k.save(tmp_path)
    loaded = load(tmp_path)
    assert loaded.fingerprint == cl100k.fingerprint
    assert loaded.special_tokens == cl100k.special_tokens
    for text in HARD_TEXTS:
        assert loaded.encode(text, allow_special=True) == cl100k.encode(text, allow_special=True)
