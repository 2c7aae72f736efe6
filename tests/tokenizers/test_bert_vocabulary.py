"""FACTS 1: BERT's uncased WordPiece."""

from pathlib import Path

import pytest

from prosa.core.errors import UserError
from prosa.tokenizers.bert import load_bert, with_specials
from prosa.tokenizers.library import LibraryTokenizer
from prosa.tokenizers.load import load


def test_the_story(bert: LibraryTokenizer, verdict: str) -> None:
    ids = bert.encode(verdict)
    assert (bert.vocab_size, len(ids)) == (30_522, 5_212)
    first = ["i", "had", "always", "thought", "jack", "gi", "##sb", "##urn", "rather", "a"]
    assert [bert.token_text(id) for id in ids[:10]] == first
    whole = with_specials(bert, verdict)
    assert len(whole) == 5_214
    assert whole[:10] == [101, 1045, 2018, 2467, 2245, 2990, 21025, 19022, 14287, 2738]
    assert whole[-1] == 102


def test_published_ids(bert: LibraryTokenizer) -> None:
    assert len(bert.encode("unbelievable")) == 1
    assert [bert.token_text(id) for id in bert.encode("unfamiliarword")] == ["unfamiliar", "##word"]
    assert bert.encode("hello! women") == [7592, 999, 2308]
    assert bert.token_text(2075) == "##ing"
    assert len(bert.encode("Estude na Universidade Corporativa Módulo (UCM)")) == 15


def test_truncating_says_what_it_drops(bert: LibraryTokenizer, verdict: str, capsys) -> None:
    cut = with_specials(bert, verdict, 512)
    assert (len(cut), cut[0], cut[-1]) == (512, 101, 102)
    assert "drops 4,702 of 5,214 tokens" in capsys.readouterr().err
    assert len(with_specials(bert, "hello", 512)) == 3
    assert capsys.readouterr().err == ""


def test_control_tokens_in_content_are_text(bert: LibraryTokenizer) -> None:
    plain = bert.encode("[CLS] [MASK]")
    assert [bert.token_text(id) for id in plain] == ["[", "cl", "##s", "]", "[", "mask", "]"]
    assert bert.encode_batch(["[CLS] [MASK]"])[0].tolist() == plain
    assert bert.encode("[CLS] [MASK]", allow_special=True) == [101, 103]
    assert with_specials(bert, "[SEP]").count(102) == 1


def test_same_ids_as_transformers(samples: Path, bert: LibraryTokenizer, verdict: str) -> None:
    from transformers import BertTokenizer

    theirs = BertTokenizer(vocab=str(samples / "bert-base-uncased/vocab.txt"), do_lower_case=True)
    for text in (verdict, "Ação, coração e pão-de-ló: 日本語 😀 it's", "e\u0301\u0000x\u200dy " + "a" * 200):
        assert with_specials(bert, text) == theirs(text)["input_ids"]


def test_case_comes_from_the_vocabulary_or_the_settings(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\nPão\npão\npao\n", encoding="utf-8")
    assert load(f"bert:{tmp_path}").encode("Pão pão Pao") == [2, 3, 1]
    assert load(tmp_path).encode("Pão pão Pao") == [2, 3, 1]
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": true}', encoding="utf-8")
    assert load(f"bert:{tmp_path}").encode("Pão pão Pao") == [4, 4, 4]
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\npao\n", encoding="utf-8")
    (tmp_path / "tokenizer_config.json").unlink()
    assert load(tmp_path / "vocab.txt").encode("Pão pão Pao") == [2, 2, 2]


def test_bad_vocabularies(tmp_path: Path, gpt2: LibraryTokenizer, bert: LibraryTokenizer) -> None:
    (tmp_path / "vocab.txt").write_text("[UNK]\na\nb\na\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 4: 'a' is there already, on line 2"):
        load_bert(tmp_path)
    (tmp_path / "vocab.txt").write_text("a\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"no \[UNK\]"):
        load_bert(tmp_path)
    with pytest.raises(UserError, match=r"no \[CLS\] and \[SEP\]"):
        with_specials(gpt2, "a")
    with pytest.raises(UserError, match="max_length 1"):
        with_specials(bert, "a", 1)
