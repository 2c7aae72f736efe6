from pathlib import Path

import pytest
from fake_run import TEXTS, make_tokenizer
from hypothesis import given
from hypothesis import strategies as st

from prosa.show.vocabulary import Cut, choose_sentences, cuts, measure
from prosa.tokenizers.load import load
from prosa.tokenizers.pieces import Piece, pieces


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):  # type: ignore[no-untyped-def]
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    make_tokenizer(folder)
    return load(folder)


def test_counts_are_those_of_the_tokenizer(tokenizer) -> None:  # type: ignore[no-untyped-def]
    found = measure(tokenizer, TEXTS)
    assert found.size == 520
    assert found.tokens == sum(len(tokenizer.encode(text)) for text in TEXTS)
    assert found.words == sum(len(text.split()) for text in TEXTS)
    assert found.characters == sum(map(len, TEXTS))
    assert found.bytes == sum(len(text.encode()) for text in TEXTS)
    assert found.special == ["<|endoftext|>"]


def test_the_longest_tokens_are_words_longest_first(tokenizer) -> None:  # type: ignore[no-untyped-def]
    longest = measure(tokenizer, TEXTS).longest
    vocabulary = {tokenizer.token_bytes(id) for id in range(tokenizer.vocab_size)}
    assert "<|endoftext|>" not in longest
    assert [len(word) for word in longest] == sorted(map(len, longest), reverse=True)
    assert all(word.encode() in vocabulary or f" {word}".encode() in vocabulary for word in longest)
    real = [b.decode().strip() for b in vocabulary if b.decode(errors="ignore").encode() == b and b != b"<|endoftext|>"]
    assert len(longest[0]) == max(len(word) for word in real if any(c.isalpha() for c in word))


def test_a_text_that_cannot_be_encoded_is_left_out(tokenizer) -> None:  # type: ignore[no-untyped-def]
    assert measure(tokenizer, ["\ud800 a b c", TEXTS[0]]) == measure(tokenizer, [TEXTS[0]])


@given(text=st.text(st.sampled_from("aá€😀 \n\tção—") | st.characters(codec="utf-8"), max_size=60))
def test_cuts_join_to_the_text_and_hold_every_token(tokenizer, text: str) -> None:  # type: ignore[no-untyped-def]
    found = cuts(pieces(tokenizer, text), text)
    assert "".join(cut.text for cut in found) == text
    assert [id for cut in found for id in cut.ids] == tokenizer.encode(text)


def test_a_character_in_several_tokens_is_one_cut_and_a_gap_has_none() -> None:
    shared = [Piece(1, r"\xc3", 0, 1), Piece(2, r"\xa1", 0, 1), Piece(3, "gua", 1, 4), Piece(4, "x", 5, 6)]
    assert cuts(shared, "água x") == [Cut("á", (1, 2)), Cut("gua", (3,)), Cut(" ", ()), Cut("x", (4,))]
    assert cuts([], "ab") == [Cut("ab", ())]


def test_sentences_are_whole_readable_and_from_several_documents() -> None:
    chosen = choose_sentences(TEXTS)
    assert len(chosen) == 4
    assert [any(sentence in text for sentence in chosen) for text in TEXTS] == [True] * 4
    assert all(40 <= len(sentence) <= 240 and sentence[-1] == "." for sentence in chosen)
    assert choose_sentences(["", "  \n"]) == []
    assert choose_sentences(["curto"]) == ["curto"]
    assert [len(s) for s in choose_sentences(["x" * 9000])] == [240]


def test_a_single_document_gives_sentences_spread_over_it_and_no_titles() -> None:
    sentences = [f"Esta é a frase de número {i:03}, que tem um tamanho bom." for i in range(80)]
    text = "ÍNDICE\nCAPÍTULO PRIMEIRO: DE COMO ELE NASCEU E DO MAIS QUE SE VERÁ.\n" + " ".join(sentences)
    assert choose_sentences([text]) == [sentences[i] for i in (10, 30, 50, 70)]
