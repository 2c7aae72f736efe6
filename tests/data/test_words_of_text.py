"""Words of Portuguese text, and streams of their numbers."""

import numpy as np
import pytest

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.data.words import BREAK, word_stream, words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Disse-lhe que sim.", "disse lhe que sim"),
        ("fazê-lo, viu-o, deram-no, dá-se-me", "fazê lo viu o deram no dá se me"),
        ("Dir-lhe-ia; amá-lo-ei", "diria lhe amáei lo"),
        ("guarda-chuva d’água bem-te-vi", "guarda-chuva d'água bem-te-vi"),
        ("arco-da-velha porta-a-porta", "arco-da-velha porta-a-porta"),
        ("R$ 1.250,00 em 2024", "r 1.250,00 em 2024"),
        ("AÇÃO ac\u0327a\u0303o", "ação ação"),
        ('don\'t — "x"_y', "don't x y"),
        ("", ""),
    ],
)
def test_words(text, expected):
    assert words_of(text) == expected.split()


def test_a_stream_counts_and_leaves_rare_words_out():
    stream = word_stream(["o rei e o rato\no rei", "a\n\nrei e"], 2)
    assert stream.words == ["o", "rei", "e"]
    assert stream.counts.tolist() == [3, 3, 2]
    assert stream.ids.tolist() == [0, 1, 2, 0, BREAK, 0, 1, BREAK, BREAK, 1, 2, BREAK]
    assert stream.read == 10
    assert stream.ids.dtype == np.int32


def test_nothing_frequent_enough_is_said():
    with speaking("en"), pytest.raises(UserError, match="words read: 2; none occurs 5 times"):
        word_stream(["um dois"], 5)
