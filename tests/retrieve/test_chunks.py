"""Passages: whole sentences, none over a heading, every word in exactly one."""

import itertools
import random

import pytest

from prosa.retrieve.chunks import chunks
from prosa.retrieve.sentences import sentences


def _cut(text: str, **how) -> list[str]:
    return [text[chunk.start : chunk.end] for chunk in chunks(text, **how)]


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("O Sr. Silva chegou. A Dra. Ana saiu!", ["O Sr. Silva chegou.", "A Dra. Ana saiu!"]),
        ("Ver art. 5º da lei. Custa R$ 1.250,00. Fim", ["Ver art. 5º da lei.", "Custa R$ 1.250,00.", "Fim"]),
        ("J. Machado escreveu. “Sim!” disse ele.", ["J. Machado escreveu.", "“Sim!” disse ele."]),
        ("1. Objeto do contrato. 2. Prazo.", ["1. Objeto do contrato.", "2. Prazo."]),
        ("Sem ponto\n\nOutro parágrafo", ["Sem ponto", "Outro parágrafo"]),
        ("Espere… Agora? “Já.” Vamos", ["Espere…", "Agora?", "“Já.”", "Vamos"]),
    ],
)
def test_sentences_end_where_they_end(text, ends):
    assert [text[start:end] for start, end in sentences(text)] == ends


def test_a_heading_begins_a_passage_and_is_remembered_with_those_below_it():
    text = "# Um\n\nTexto um.\n\n## Dois\n\nTexto dois.\n\n```\n# não\n```\n\n# Três\n\nTexto três.\n"
    found = list(chunks(text, markdown=True))
    assert [chunk.heading for chunk in found] == ["Um", "Um › Dois", "Três"]
    assert text[found[1].start : found[1].end] == "## Dois\n\nTexto dois.\n\n```\n# não\n```"


def test_a_heading_with_nothing_under_it_is_with_what_follows():
    text = "# Contrato\n\n## Prazo\n\n### Entrega\n\nEm 15 dias.\n\n## Multa\n\n# Anexos\n\nNenhum.\n\n## Fim\n"
    found = list(chunks(text, markdown=True))
    assert [text[chunk.start : chunk.end] for chunk in found] == [
        "# Contrato\n\n## Prazo\n\n### Entrega\n\nEm 15 dias.",
        "## Multa\n\n# Anexos\n\nNenhum.",
        "## Fim",
    ]
    assert [chunk.heading for chunk in found] == ["Contrato › Prazo › Entrega", "Anexos", "Anexos › Fim"]
    text = "CAPÍTULO I\n\nDAS PARTES\n\nSão duas.\n\nCAPÍTULO II\n\nTexto.\n"
    assert [chunk.heading for chunk in chunks(text)] == ["CAPÍTULO I › DAS PARTES", "CAPÍTULO II"]


def test_titles_that_are_known_begin_passages():
    text = "Manual\nDa casa.\nUso  diário\nLigue o aparelho.\n\nCAPÍTULO I\n\nTexto.\nFim\nAcabou."
    found = list(chunks(text, titles={"Manual": 1, "Uso diário": 2, "Fim": 1}))
    assert [chunk.heading for chunk in found] == [
        "Manual",
        "Manual › Uso diário",
        "Manual › Uso diário › CAPÍTULO I",
        "Fim",
    ]


def test_headings_of_a_plain_text_stand_alone_in_capitals_or_are_named():
    text = "CONTRATO\n\nTexto.\n\nCláusula segunda\n\nMais texto.\n\nUMA LINHA EM CAIXA ALTA\nque não está só.\n"
    assert [chunk.heading for chunk in chunks(text)] == ["CONTRATO", "Cláusula segunda"]


def test_the_heading_of_a_clause_may_have_its_text_on_the_next_line():
    text = "CLÁUSULA SEXTA - DO FRETE\nO frete é da vendedora.\n\nCLÁUSULA SÉTIMA - DA MULTA\nA multa é de 2%.\n"
    assert [chunk.heading for chunk in chunks(text)] == ["CLÁUSULA SEXTA - DO FRETE", "CLÁUSULA SÉTIMA - DA MULTA"]


def test_a_passage_is_as_full_as_whole_sentences_allow():
    text = "Uma frase de trinta letras é x. " * 5
    assert [len(piece) for piece in _cut(text, size=63)] == [63, 63, 31]
    assert [len(piece) for piece in _cut(text, size=62)] == [31] * 5


def test_a_paragraph_that_does_not_fit_begins_the_next_passage():
    one, two = "Um. " * 20, "Dois. " * 12
    assert _cut(f"{one.strip()}\n\n{two.strip()}", size=120) == [one.strip(), two.strip()]


def test_a_sentence_longer_than_a_passage_is_cut_between_words():
    pieces = _cut("palavra " * 100, size=100)
    assert max(map(len, pieces)) <= 100
    assert " ".join(pieces).split() == ["palavra"] * 100


@pytest.mark.parametrize("markdown", [False, True])
def test_every_word_is_in_exactly_one_passage_whatever_the_text(markdown):
    draw = random.Random(5)
    for _ in range(300):
        parts = draw.choices(
            ["a", "Frase.", "\n", "\n\n", " ", "# T\n", "CAPÍTULO I", "```\n", "!?…", "é", "\u00a0", "x" * 40], k=30
        )
        text = "".join(parts)
        found = list(chunks(text, markdown=markdown, size=50))
        assert "".join("".join(_cut(text, markdown=markdown, size=50)).split()) == "".join(text.split())
        assert all(0 < chunk.end - chunk.start <= 50 for chunk in found)
        assert all(a.end <= b.start for a, b in itertools.pairwise(found))


def test_a_line_of_a_million_points_takes_no_longer_than_its_length():
    pieces = _cut("." * 1_000_000 + "a. A")
    assert "".join("".join(pieces).split()) == "." * 1_000_000 + "a.A"
