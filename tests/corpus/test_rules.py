import pytest
from corpus_helpers import SAMPLES, portuguese, prose, words

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.corpus.config import CorpusConfig
from prosa.corpus.language import identify
from prosa.corpus.rules import Words, duplicate_line_share, duplicate_ngram_share, judge, too_short, top_ngram_share


def rule(text: str, **options) -> str | None:
    dropped = judge(text, Words(text), CorpusConfig(**options))[1]
    return None if dropped is None else dropped[0]


def test_duplicate_line_share_counts_characters():
    assert duplicate_line_share("abcd\nxy\nabcd\nabcd") == 8 / 14
    assert duplicate_line_share("a\nb\n\n\n") == 0
    assert duplicate_line_share("") == 0


def test_top_ngram_share_counts_characters_of_words():
    text = " ".join(["sim não"] * 5 + words(30, 1))
    total = sum(map(len, text.split()))
    assert top_ngram_share(Words(text), 2) == pytest.approx(5 * 6 / total)
    assert top_ngram_share(Words(" ".join(["sim não"] * 3 + words(30, 1))), 2) == 0  # three times is not often
    assert top_ngram_share(Words("sim não " * 5), 2) == 0  # too few words to say


def test_duplicate_ngram_share_counts_words_against_a_slow_count():
    block, rest = words(20, 1), words(60, 2)
    pieces = block + rest + block + words(15, 3)
    ngrams = [tuple(pieces[i : i + 10]) for i in range(len(pieces) - 9)]
    covered = {i + k for i, g in enumerate(ngrams) if g in ngrams[:i] for k in range(10)}
    assert len(covered) == 20
    assert duplicate_ngram_share(Words(" ".join(pieces))) == pytest.approx(len(covered) / len(pieces))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("curto", "length"),
        ("compre agora mesmo " * 40, "repetition"),
        ("Assine já a nossa newsletter semanal.\n" * 30, "repetition"),
        ((prose(60, 1) + "\n") * 4, "repetition"),
        (prose(300, 1), None),
    ],
)
def test_rules(text, expected):
    assert rule(text) == expected


@pytest.mark.parametrize("name", ["ocidentais.txt", "hoje-avental.txt", "dom-casmurro.txt"])
def test_poetry_plays_and_novels_stay(name):
    assert rule((SAMPLES / name).read_text(encoding="utf-8"), languages=("pt",)) is None


def test_a_song_with_a_refrain_stays():
    refrain = "Ciranda, cirandinha, vamos todos cirandar,\nvamos dar a meia-volta, volta e meia vamos dar.\n"
    verses = [
        "O anel que tu me deste era vidro e se quebrou,\no amor que tu me tinhas era pouco e se acabou.\n",
        "Por isso, dona Rosa, entre dentro desta roda,\ndiga um verso bem bonito, diga adeus e vá-se embora.\n",
        "Vamos ver a lua nova sobre a ponte do arraial,\nquem não canta nesta noite canta agora no quintal.\n",
    ]
    assert rule("\n".join(refrain + verse for verse in verses)) is None


def test_thresholds_of_one_turn_repetition_off():
    spam = "compre agora mesmo " * 40
    assert rule(spam, max_duplicate_lines=1.0, max_top_ngram=1.0, max_duplicate_ngrams=1.0) is None


def test_languages():
    english = "It was a bright cold day in April, and all the clocks in the town were striking thirteen at once."
    spanish = "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, vivía hace tiempo un hidalgo pobre."
    assert [identify(t) for t in (portuguese(), english, spanish, "1234 + 5678", "")] == ["pt", "en", "es", None, None]
    assert rule(english, languages=("pt",)) == "language"
    assert rule(english, languages=("pt", "en")) is None
    assert rule(english) is None
    assert rule("1234 5678 " * 10 + "§" * 30, languages=("pt",)) == "language"


@pytest.mark.parametrize(
    ("field", "value"),
    [("held_out", 0.0), ("held_out", 0.9), ("near_duplicate_threshold", 0.2), ("min_chars", -1), ("workers", -2)],
)
def test_a_bad_setting_is_named(field, value):
    with pytest.raises(UserError, match=field):
        CorpusConfig(**{field: value})


def test_one_character_is_not_plural():
    assert [too_short(text, CorpusConfig()) for text in ("", "a", "ab")] == [
        "0 characters",
        "1 character",
        "2 characters",
    ]
    with speaking("pt-BR"):
        assert too_short("a", CorpusConfig()) == "1 caractere"
