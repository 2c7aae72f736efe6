import random
import textwrap

import pytest
from corpus_helpers import SAMPLES, portuguese, prose

from prosa.corpus.reflow import reflow, reflow_document, wrap_width


def sample(name: str) -> str:
    return (SAMPLES / name).read_text(encoding="utf-8").strip()


def sentences(n: int, seed: int) -> str:
    """A paragraph of Portuguese in sentences that start in capitals."""
    generator = random.Random(seed)
    source = portuguese().split()
    start = generator.randrange(len(source) - n)
    return " ".join(source[start : start + n])


def test_a_wrapped_novel_gets_its_paragraphs_back():
    text = sample("dom-casmurro.txt")
    assert wrap_width(text.split("\n")) == 81
    lines = reflow(text).split("\n")
    assert lines[:4] == ["Dom Casmurro", "", "CAPÍTULO PRIMEIRO", "DO TÍTULO"]
    assert lines[4].startswith("Uma noite destas, vindo da cidade para o Engenho Novo, encontrei no trem da Central um")
    assert lines[4].endswith("bastou para que ele interrompesse a leitura e metesse os versos no bolso.")
    assert lines[5:8] == ["— Continue, disse eu acordando.", "— Já acabei, murmurou ele.", "— São muito bonitos."]
    assert "CAPÍTULO II" in lines  # the line before ends full, and its sentence is over
    assert not any(line[:1].islower() for line in lines)
    assert len(lines) == 16
    assert [line.split(",")[0] for line in lines[-3:]] == ["Vivo só", "Ora", "Fiquei tão alegre com esta idéia"]


def test_reflow_moves_no_letter():
    text = sample("dom-casmurro.txt")
    assert reflow(text).split() == text.split()
    assert reflow(reflow(text)) == reflow(text)


def test_a_play_keeps_who_speaks():
    before = sample("hoje-avental.txt").split("\n")
    lines = reflow("\n".join(before)).split("\n")
    assert (
        (lines.count("DURVAL"), lines.count("ROSINHA")) == (before.count("DURVAL"), before.count("ROSINHA")) == (18, 17)
    )
    speech = next(line for line in lines if line.startswith("Onde está a Sra. Sofia de Melo?..."))
    assert speech.endswith("Vejamos se a acordo... (dá-lhe um beijo)")


def test_verse_is_not_touched():
    text = sample("ocidentais.txt")
    assert reflow(text) == text


@pytest.mark.parametrize("width", [60, 72, 80, 100])
def test_unwraps_what_textwrap_wrapped(width):
    paragraphs = [sentences(random.Random(i).randint(20, 150), i) for i in range(30)]
    wrapped = "\n\n".join(textwrap.fill(p, width, break_on_hyphens=False, break_long_words=False) for p in paragraphs)
    assert reflow(wrapped) == "\n\n".join(paragraphs)


def test_text_with_a_line_a_paragraph_is_not_touched():
    text = "\n".join(sentences(random.Random(i).randint(5, 200), i) for i in range(50))
    assert reflow(text) == text
    assert reflow_document(text) == (text, [])


def test_lists_headings_and_code_keep_their_lines():
    paragraph = textwrap.fill(sentences(400, 1), 72)
    text = (
        f"{paragraph}\n\n# Um título que é quase tão longo quanto uma linha inteira do texto\n- item um\n- item dois\n"
    )
    text += f"\n```\n{textwrap.fill(prose(60, 2).replace('.', ''), 72)}\n```"
    lines = reflow(text).split("\n")
    assert "- item um" in lines
    assert "- item dois" in lines
    assert lines[-7:] == text.split("\n")[-7:]
    assert len(lines) == 1 + text[len(paragraph) :].count("\n")


def test_words_that_a_typesetter_broke_are_mended_and_clitics_keep_their_hyphen():
    known = " desenvolvimento guarda-chuva gente "
    filler = textwrap.fill(known.join(sentences(150, n) for n in (3, 4)), 72, break_on_hyphens=False).split("\n")
    broken = [
        "Assim se deu naquela tarde, sem que ninguém percebesse, o desenvolvi-",
        "mento da ideia que havia de trazer consigo, além do velho guarda-",
        "chuva de sempre e de um chapéu novo, tudo quanto ele então disse-",
        "lhe à porta da casa em que morava com a família e com alguma gen-",
        "te da vizinhança, que vinha todas as noites.",
    ]
    text = reflow("\n".join([*filler, "", *broken]))
    assert text.endswith(
        "o desenvolvimento da ideia que havia de trazer consigo, além do velho guarda-chuva de sempre e de um chapéu "
        "novo, tudo quanto ele então disse-lhe à porta da casa em que morava com a família e com alguma gente da "
        "vizinhança, que vinha todas as noites."
    )


def test_a_list_of_words_is_not_prose():
    lines = ["lisboa portugal madrid espanha cidade capital"] * 40
    assert wrap_width(lines) is None
