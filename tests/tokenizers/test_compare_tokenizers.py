import pytest

from prosa.core.errors import UserError
from prosa.tokenizers.compare import compare
from prosa.tokenizers.library import LibraryTokenizer
from prosa.tokenizers.load import load
from prosa.tokenizers.pieces import Piece, pieces

UCM = "Estude na Universidade Corporativa Módulo (UCM)"  # 47 characters, 48 bytes, 6 words


def test_published_counts(gpt2: LibraryTokenizer, cl100k: LibraryTokenizer, bert: LibraryTokenizer) -> None:
    assert len(UCM) == 47
    rows = compare({"GPT-2": gpt2, "cl100k": cl100k, "BERT": bert}, UCM, {"cl100k": 0.02, "GPT-2": 1.0})
    assert [(row.name, row.tokens) for row in rows] == [("GPT-2", 17), ("cl100k", 14), ("BERT", 15)]
    assert [row.vocab_size for row in rows] == [50_257, 100_277, 30_522]
    assert rows[1].characters_per_token == 47 / 14
    assert rows[1].bytes_per_token == 48 / 14
    assert rows[1].fertility == 14 / 6
    assert [row.cost for row in rows] == [17 * 1.0 / 1000, 14 * 0.02 / 1000, None]
    assert rows[0].longest_piece == " Univers"
    assert rows[2].longest_piece == "Universidad"  # as it stands in the text, capital and all
    assert [row.distinct for row in rows] == [17, 14, 15]


def test_unknowns_are_counted(samples, bert: LibraryTokenizer) -> None:
    v2 = load(f"word-v2:{samples / 'the-verdict.txt'}")
    rows = compare({"v2": v2, "bert": bert}, "Hello, do you like 😀 tea")
    assert [row.unknowns for row in rows] == [2, 1]


def test_pieces_and_their_places(gpt2: LibraryTokenizer, bert: LibraryTokenizer, samples) -> None:
    assert pieces(gpt2, "unfamiliarword")[2] == Piece(19968, "amiliar", 3, 10)
    assert pieces(gpt2, "x 😀") == [
        Piece(87, "x", 0, 1),
        Piece(30325, " \\xf0\\x9f\\x98", 1, 3),
        Piece(222, "\\x80", 2, 3),
    ]
    assert pieces(bert, "  Ação") == [Piece(9353, "ac", 2, 4), Piece(7113, "##ao", 4, 6)]
    v1 = load(f"word-v1:{samples / 'the-verdict.txt'}")
    assert [(p.text, p.start, p.end) for p in pieces(v1, "you,\n know")] == [
        ("you", 0, 3),
        (",", 3, 4),
        ("know", 6, 10),
    ]


def test_bad_input(gpt2: LibraryTokenizer, samples) -> None:
    with pytest.raises(UserError, match="no words"):
        compare({"a": gpt2}, " \n")
    with pytest.raises(UserError, match=r"'gpt3'\. Did you mean 'gpt2'"):
        compare({"gpt2": gpt2}, "a", {"gpt3": 1.0})
    v1 = load(f"word-v1:{samples / 'the-verdict.txt'}")
    with pytest.raises(UserError, match="mine: the word 'zebra'"):
        compare({"mine": v1}, "the zebra")
