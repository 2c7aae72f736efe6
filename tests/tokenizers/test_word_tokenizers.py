"""FACTS 1: the word tokenizers' published ids and texts."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prosa.core.errors import UserError
from prosa.tokenizers.load import load
from prosa.tokenizers.word import words


@pytest.fixture(scope="module")
def v1(samples: Path):
    return load(f"word-v1:{samples / 'the-verdict.txt'}")


@pytest.fixture(scope="module")
def v2(samples: Path):
    return load(f"word-v2:{samples / 'the-verdict.txt'}")


def test_vocabulary_of_the_story(v1, verdict: str) -> None:
    assert len(verdict) == 20_479
    assert len(v1.encode(verdict)) == 4_690
    assert v1.vocab_size == 1_130
    named = {
        "!": 0,
        '"': 1,
        "'": 2,
        "(": 3,
        ")": 4,
        ",": 5,
        "--": 6,
        ".": 7,
        "A": 11,
        "Ah": 12,
        "HAD": 44,
        "Hermia": 50,
    }
    assert {token: v1.encode(token)[0] for token in named} == named


@pytest.mark.parametrize("blank", ["\n", " ", "\n           "])
def test_v1_published_ids_and_text(v1, blank: str) -> None:
    ids = v1.encode(f'"It\'s the last he painted, you know,"{blank}Mrs. Gisburn said with pardonable pride.')
    assert ids == [1, 56, 2, 850, 988, 602, 533, 746, 5, 1126, 596, 5, 1, 67, 7, 38, 851, 1108, 754, 793, 7]
    assert v1.decode(ids) == '" It\' s the last he painted, you know," Mrs. Gisburn said with pardonable pride.'


def test_v1_names_the_unknown_word(v1) -> None:
    with pytest.raises(UserError, match=r"'Hello' \(character 0, line 1\)"):
        v1.encode("Hello, do you like tea?")
    with pytest.raises(UserError, match=r"text 1: .*'zebra' \(character 4, line 2\)"):
        v1.encode_batch(["the", "the\nzebra"])
    assert v1.end_of_text is None
    assert v1.special_tokens == {}


def test_v2_published_ids_and_text(v2) -> None:
    ids = v2.encode("Hello, do you like tea? <|endoftext|> In the sunlit terraces of the palace.")
    assert ids == [1131, 5, 355, 1126, 628, 975, 10, 1130, 55, 988, 956, 984, 722, 988, 1131, 7]
    assert v2.decode(ids) == "<|unk|>, do you like tea? <|endoftext|> In the sunlit terraces of the <|unk|>."
    assert v2.special_tokens == {"<|endoftext|>": 1130, "<|unk|>": 1131}
    assert (v2.vocab_size, v2.end_of_text, v2.unknown) == (1132, 1130, 1131)


def test_only_v2_reattaches_colon_and_semicolon(v1, v2) -> None:
    assert v1.decode(v1.encode("the: you; know")) == "the : you ; know"
    assert v2.decode(v2.encode("the: you; know")) == "the: you; know"


@given(st.text(alphabet=st.sampled_from("ab é.,;:!?_\"'()- \t\n\r\u00a0<|>"), max_size=40))
def test_split_is_the_published_expression(text: str) -> None:
    published = [item.strip() for item in re.split(r"([,.:;?_!\"()']|--|\s)", text) if item.strip()]
    assert words(text) == published


@given(st.text(max_size=60))
def test_split_is_the_published_expression_on_unicode(text: str) -> None:
    assert words(text) == [w.strip() for w in re.split(r"([,.:;?_!\"()']|--|\s)", text) if w.strip()]


def test_the_same_vocabulary_in_every_form(v1, verdict: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.json").write_text(json.dumps({t: i for i, t in enumerate(v1.tokens)}), encoding="utf-8")
    (tmp_path / "list.json").write_text(json.dumps(v1.tokens), encoding="utf-8")
    (tmp_path / "lines.txt").write_text("\n".join(v1.tokens) + "\n", encoding="utf-8")
    v1.save(tmp_path / "saved")
    for vocab in ("pairs.json", "list.json", "lines.txt", "saved"):
        loaded = load(f"word-v1:{tmp_path / vocab}")
        assert loaded.fingerprint == v1.fingerprint, vocab
        assert loaded.encode(verdict) == v1.encode(verdict)
    assert load(f"word-v2:{tmp_path / 'lines.txt'}").vocab_size == 1132
    assert load(tmp_path / "saved").kind == "word-v1"
    assert load(f"word-v2:{tmp_path / 'lines.txt'}").fingerprint != v1.fingerprint


def test_order_of_a_given_vocabulary_is_kept(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("zebra\n\nfoi\nà\n", encoding="utf-8")
    assert load(f"word-v1:{tmp_path / 'v.txt'}").encode("à zebra foi") == [2, 0, 1]
    (tmp_path / "text.txt").write_text("zebra\nfoi à\n", encoding="utf-8")  # two tokens on a line: a text, sorted
    assert load(f"word-v1:{tmp_path / 'text.txt'}").encode("à zebra foi") == [2, 1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 0, "b": 2}', "0 to 1, each once"),
        ('["a", "a"]', "'a' is repeated"),
        ("[1, 2]", "list of tokens"),
        ("{", "cannot read"),
        ("[]", "holds no token"),
    ],
)
def test_bad_vocabularies(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "v.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        load(f"word-v1:{tmp_path / 'v.json'}")


def test_ids_outside_the_vocabulary(v1) -> None:
    with pytest.raises(UserError, match="1130 is not in this vocabulary of 1130 words"):
        v1.decode([0, 1130])
    with pytest.raises(UserError, match="-1"):
        v1.decode([-1])
