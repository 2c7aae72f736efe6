import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prosa.corpus.encoding import decode, is_binary
from prosa.corpus.repair import first_difference, fix_mojibake, normalize, plain_ends, repair

PHRASE = "“Coração” – não é só ação… às três, João; à mão: 20 €"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (PHRASE.encode("utf-8"), "utf-8"),
        (PHRASE.encode("utf-8-sig"), "utf-8"),
        (PHRASE.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + PHRASE.encode("utf-16-be"), "utf-16"),
        (PHRASE.encode("cp1252"), "cp1252"),
    ],
)
def test_decodes_what_portuguese_files_are_in(data, encoding):
    assert decode(data) == (PHRASE, encoding)


def test_a_file_of_two_encodings_is_right_in_both():
    assert decode("coração\n".encode() + "maçã\n".encode("cp1252") + "pão".encode())[0] == "coração\nmaçã\npão"


@given(st.binary(max_size=200))
def test_decoding_never_fails(data):
    text, _ = decode(data)
    normalize(text).encode("utf-8")


def test_binary_is_told_from_text():
    assert is_binary(bytes(range(256)) * 20)
    assert is_binary(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(40))
    assert not is_binary(PHRASE.encode("utf-16"))
    assert not is_binary(PHRASE.encode("cp1252"))
    assert not is_binary(b"page one\x0cpage two \x1b[0m" * 10)
    assert not is_binary(b"")


@pytest.mark.parametrize(
    ("broken", "right"),
    [
        ("coraÃ§Ã£o", "coração"),
        ("Ã s vezes Ã© bom", "às vezes é bom"),
        ("NÃƒO", "NÃO"),
        ("â€œOlÃ¡â€\x9d", "“Olá”"),
        ("a maçã e a maÃ§Ã£", "a maçã e a maçã"),
        ("CafÃ©\nAVÃ”", "Café\nAVÔ"),
        ("CafÃ©\n“AMANHÃ” — «MANHû", "Café\n“AMANHÃ” — «MANHû"),
    ],
)
def test_mojibake_is_repaired(broken, right):
    assert fix_mojibake(broken) == right
    assert fix_mojibake(f"linha certa: ação\n{broken}\nfim") == f"linha certa: ação\n{right}\nfim"


@pytest.mark.parametrize(
    "text",
    [
        "“aspas” – travessão",
        "“AMANHÃ” — «MANHû… MAÇÃ, NÃO, CORAÇÃO… É AMANHÃ QUE à noite",
        "ﬁm de ﬂor, ｆｕｌｌ, 10³ m², &amp; &lt;b&gt; ½ café",
        "l’été à Paris; où ça? Ça… “Là”; Übermaß, naïve, Ångström",
    ],
)
def test_right_text_is_not_touched(text):
    assert repair(text, "utf-8") == (text, [])


def test_nfd_becomes_nfc():
    nfd = unicodedata.normalize("NFD", PHRASE)
    assert nfd != PHRASE
    text, changes = repair(nfd, "utf-8")
    assert text == PHRASE
    assert [c.rule for c in changes] == ["normalization"]
    assert changes[0].removed == len(nfd.encode()) - len(PHRASE.encode())


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("um\r\ndois\rtrês\x0bquatro\x0ccinco\u2028seis", "um\ndois\ntrês\nquatro\ncinco\nseis"),
        ("a\x00b\x07c\x7fd\u00ade\ufefff", "abcdef"),
        ("\x93aspas\x94 \x96 fim\x81", "“aspas” – fim"),
        ("a  \nb\t\n", "a\nb"),
        ("a\n \n \n \n \nb", "a\n\n\nb"),
        ("a" + " " * 1_000_000 + "b", "a" + " " * 64 + "b"),
        ("\n\n  recuo\n    mais", "  recuo\n    mais"),
        ("\ud83d\ude00 \ud800", "😀 \ufffd"),
        ("tab\tfica", "tab\tfica"),
    ],
)
def test_normalize(text, clean):
    assert normalize(text) == clean


@settings(max_examples=300)
@given(st.text(st.characters(codec=None), max_size=60) | st.text("aé\u0301 \t\n\r\u00a0\x00\u2028", max_size=200))
def test_normalize_is_idempotent_and_gives_what_a_document_promises(text):
    clean = normalize(text)
    assert normalize(clean) == clean
    assert unicodedata.is_normalized("NFC", clean)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in clean)


def test_cp1252_is_reported_and_plain_line_ends_are_not():
    assert plain_ends("a\r\nb  \r\n") == "a\nb"
    assert [c.rule for c in repair("maçã", "cp1252")[1]] == ["encoding"]
    assert repair("a\nb", "utf-8")[1] == []


@given(st.text("ab", max_size=12), st.text("ab", max_size=12))
def test_first_difference(a, b):
    expected = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    assert first_difference(a, b) == expected
