from itertools import pairwise

import pytest
from corpus_helpers import prose

from prosa.corpus.document import Document
from prosa.corpus.split import is_held_out, lowest_section, section_size, sections, split_sections


def test_a_document_id_is_the_start_of_the_sha256_of_its_text():
    assert Document("abc", "x").id == "ba7816bf8f01cfea"
    assert Document("abc", "x").id == Document("abc", "y", "pt").id


def test_the_share_held_out_is_the_share_asked_for():
    held = sum(is_held_out(Document(f"texto {i}", "").id, 0.05) for i in range(20_000))
    assert 900 < held < 1100  # 1000 ± 3.2 standard deviations
    assert is_held_out("0" * 16, 0.001)
    assert not is_held_out("f" * 16, 0.3)


@pytest.mark.parametrize("n", [200, 1000, 4000])
def test_sections_are_the_text_cut_between_paragraphs(n):
    document = Document(prose(5000, 1), "livro.txt", "pt")
    parts = list(sections(document, n))
    assert "".join(p.text for p in parts) == document.text
    assert all(len(p.text) <= n for p in parts)
    assert [p.source for p in parts][:2] == ["livro.txt#1", "livro.txt#2"]
    if n >= 2000:
        assert all(p.text.endswith("\n\n") for p in parts[:-1])


def test_section_size():
    assert section_size(20_479) == 1023
    assert section_size(10_000_000) == 4000
    assert section_size(1000) == 200


def test_split_sections_loses_nothing_and_holds_out_by_hash():
    document = Document(prose(30_000, 2), "livro.txt", "pt")
    lowest = lowest_section([document], 1000)
    sided = list(split_sections([document], 1000, 0.05, lowest, 0.8))
    assert "".join(d.text for _, d in sided) == document.text
    held = [d for is_held, d in sided if is_held]
    assert all(d.id == lowest or is_held_out(d.id, 0.05) for d in held)
    share = sum(len(d.text) for d in held) / len(document.text)
    assert 0.01 < share < 0.12
    assert not any(a[0] is False and b[0] is False for a, b in pairwise(sided))  # joined


def test_one_section_is_held_out_even_when_the_hash_takes_none():
    document = Document(prose(300, 3), "nota.txt")
    lowest = lowest_section([document], 400)
    sided = list(split_sections([document], 400, 1e-12, lowest, 0.8))
    assert [d.id for held, d in sided if held] == [lowest]


def test_near_duplicate_sections_stay_on_one_side():
    chapter = prose(200, 4)
    documents = [Document(f"{chapter} fim{i}.", f"{i}.txt") for i in range(20)]
    assert len({is_held_out(d.id, 0.3) for d in documents}) == 2  # the hash alone would scatter them
    assert len({held for held, _ in split_sections(documents, 10_000, 0.3, "f" * 16, 0.8)}) == 1
