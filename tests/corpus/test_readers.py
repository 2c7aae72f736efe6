import gzip
import json
import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pypdf
import pytest
from corpus_helpers import pdf_bytes, portuguese, prose, write_jsonl

from prosa.core.errors import UserError
from prosa.corpus import CorpusConfig, read_documents
from prosa.corpus.problems import Problems

LINES = ["Era uma vez um rei (muito velho) que não tinha ação nem coração.", "Vivia só; às vezes, à noite, chorava."]


def read(*paths: Path, **options) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(source name, text) of what was read, (source name, why) of what was not; folders are left out of the names."""
    problems = Problems()
    documents = list(read_documents(paths, CorpusConfig(**options), problems))
    assert problems.count == len(problems.named)
    return [(d.source.rpartition("/")[2], d.text) for d in documents], [
        (p.source.rpartition("/")[2], p.why) for p in problems.named
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_txt(tmp_path, encoding):
    (tmp_path / "a.TXT").write_bytes("\r\n".join(LINES).encode(encoding))
    assert read(tmp_path) == ([("a.TXT", "\n".join(LINES))], [])


def test_a_text_of_any_name_that_is_given_itself(tmp_path):
    (tmp_path / "notes").write_bytes(LINES[0].encode("cp1252"))
    (tmp_path / "page.log").write_text(prose(3000, 1), encoding="utf-8")
    documents, problems = read(tmp_path / "notes", tmp_path / "page.log", max_document_chars=4000)
    assert documents[0] == ("notes", LINES[0])
    assert [name for name, _ in documents[1:4]] == ["page.log", "page.log#2", "page.log#3"]
    assert problems == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_a_long_txt_is_read_in_pieces_cut_between_paragraphs(tmp_path, encoding):
    text = prose(3000, 1).replace("ba", "ção")
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    documents, problems = read(tmp_path, max_document_chars=4000)
    assert problems == []
    assert [name for name, _ in documents][:3] == ["a.txt", "a.txt#2", "a.txt#3"]
    assert "\n\n".join(text for _, text in documents) == text
    assert all(len(text) <= 4000 for _, text in documents)


def test_markdown_without_front_matter_comments_images_and_link_targets(tmp_path):
    (tmp_path / "a.md").write_text(
        "---\ntitle: x\ntags: [a]\n---\n# Título\n\n"
        "<!-- nada\ndisto -->Veja [a página](https://e.com/x) e ![foto](f.png)"
        "*isto*.\n\n---\n\nfim\n",
        encoding="utf-8",
    )
    assert read(tmp_path) == ([("a.md", "# Título\n\nVeja a página e *isto*.\n\n---\n\nfim")], [])


def test_html_is_the_article_without_the_menu(tmp_path):
    paragraphs = [portuguese()[i : i + 500].strip() for i in (0, 1000, 2000)]
    body = "".join(f"<p>{p.replace(' que ', ' <b>que</b> ')}</p>" for p in paragraphs)
    menu = "<nav><a href='/'>Início</a><a href='/c'>Contato</a></nav>"
    page = f"<html><head><meta charset='iso-8859-1'></head><body>{menu}<article>{body}</article></body></html>"
    (tmp_path / "a.html").write_bytes(page.encode("cp1252", "xmlcharrefreplace"))
    (tmp_path / "b.htm").write_text("<p>Só isto, e é <b>curto</b>.</p>", encoding="utf-8")
    (tmp_path / "c.html").write_text("<html></html>", encoding="utf-8")
    documents, problems = read(tmp_path)
    assert documents == [("a.html", "\n".join(paragraphs)), ("b.htm", "Só isto, e é curto.")]
    assert problems == [("c.html", "no text in the page")]


def test_pdf(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf_bytes(LINES))
    assert read(tmp_path) == ([("a.pdf", "\n".join(LINES))], [])


def encrypted(path: Path, password: str) -> None:
    path.write_bytes(pdf_bytes(LINES))
    writer = pypdf.PdfWriter(clone_from=path)
    writer.encrypt(password, owner_password="dono", algorithm="AES-256")
    writer.write(path)


def test_a_pdf_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path):
    encrypted(tmp_path / "a-password.pdf", "segredo")
    encrypted(tmp_path / "b-no-password.pdf", "")
    (tmp_path / "c-cut.pdf").write_bytes(pdf_bytes(LINES)[:300])
    (tmp_path / "d-noise.pdf").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "e-empty.pdf").write_bytes(b"")
    (tmp_path / "f-blank.pdf").write_bytes(pdf_bytes([]))
    (tmp_path / "g-good.pdf").write_bytes(pdf_bytes(LINES))
    documents, problems = read(tmp_path)
    assert [name for name, _ in documents] == ["b-no-password.pdf", "g-good.pdf"]
    assert [name for name, _ in problems] == [
        "a-password.pdf",
        "c-cut.pdf",
        "d-noise.pdf",
        "e-empty.pdf",
        "f-blank.pdf",
    ]
    assert problems[0][1] == "PDF with a password"
    assert all(why.startswith("broken PDF: ") for _, why in problems[1:4])
    assert problems[4][1] == "PDF without text (scanned?)"


@pytest.mark.parametrize("compressed", [False, True])
def test_jsonl_with_bad_lines(tmp_path, compressed):
    lines = [json.dumps({"text": f"texto número {n}"}) for n in range(1, 13)]
    lines[6] = '{"text": "sem fim'
    lines[7] = "[1, 2]"
    lines[8] = '{"texto": "a", "id": 3}'
    lines[9] = '{"text": 5}'
    lines[10] = ""
    data = "\n".join(lines).encode()
    path = tmp_path / ("a.jsonl.gz" if compressed else "a.jsonl")
    path.write_bytes(gzip.compress(data) if compressed else data)
    documents, problems = read(path)
    assert documents == [(f"{path.name}:{n}", f"texto número {n}") for n in (1, 2, 3, 4, 5, 6, 12)]
    assert [name for name, _ in problems] == [f"{path.name}:{n}" for n in (7, 8, 9, 10)]
    assert problems[0][1].startswith("not JSON: Unterminated string")
    assert [why for _, why in problems[1:]] == [
        "not a JSON object",
        "no field 'text'; there are: 'texto', 'id' (name one with text_field)",
        "field 'text' is not a string",
    ]


def test_jsonl_that_is_mostly_bad_is_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"conteudo": "um"}\n{"conteudo": "dois"}\n{"text": "três"}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.jsonl: bad records: 2 of 3\. .*a\.jsonl:1: .*'conteudo'") as caught:
        read(path)
    assert "text_field" in caught.value.what
    path.write_text('{"conteudo": "um"}\n{"conteudo": "dois"}\n{"text": "três"}\n', encoding="utf-8")
    assert [text for _, text in read(path, text_field="conteudo")[0]] == ["um", "dois"]


def test_one_bad_jsonl_among_good_files_is_named_and_the_run_goes_on(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"conteudo": "um"}\n' * 300, encoding="utf-8")
    for name in ("b.txt", "c.txt"):
        (tmp_path / name).write_text("texto", encoding="utf-8")
    (tmp_path / "d.txt").write_bytes(b"")
    problems = Problems()
    assert len(list(read_documents([tmp_path], CorpusConfig(), problems))) == 2
    assert problems.count == 301
    assert [p.source.rpartition("/")[2] for p in problems.named] == [
        "a.jsonl",
        *(f"a.jsonl:{n}" for n in range(1, 11)),
        "d.txt",
    ]
    assert "bad records: 300 of 300." in problems.named[0].why


def test_a_hopeless_jsonl_is_refused_before_its_end(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("x\n" * 100_000, encoding="utf-8")
    with pytest.raises(UserError, match="bad records"):
        next(read_documents([path], CorpusConfig(), problems := Problems()))
    assert problems.count < 50_000


def test_jsonl_in_utf_16_and_in_cp1252(tmp_path):
    line = '{"text": "ação e coração"}\n'
    (tmp_path / "a.jsonl").write_bytes((line * 3).encode("utf-16"))
    (tmp_path / "b.jsonl").write_bytes((line * 2).encode("cp1252"))
    documents, problems = read(tmp_path)
    assert [text for _, text in documents] == ["ação e coração"] * 5
    assert problems == []


def test_a_line_that_is_too_long_is_refused_by_name_and_not_held(tmp_path):
    path = tmp_path / "a.jsonl"
    long = json.dumps({"text": "x" * 50_000})
    path.write_text(
        "\n".join(['{"text": "um"}', long, '{"text": "três"}', '{"text": "quatro"}', long]), encoding="utf-8"
    )
    documents, problems = read(path, max_line_bytes=10_000)
    assert documents == [("a.jsonl:1", "um"), ("a.jsonl:3", "três"), ("a.jsonl:4", "quatro")]
    assert problems == [("a.jsonl:2", "a line of more than 10.0 kB"), ("a.jsonl:5", "a line of more than 10.0 kB")]


def test_a_long_text_in_a_line_becomes_several_documents(tmp_path):
    text = prose(1000, 1)
    documents, _ = read(write_jsonl(tmp_path / "a.jsonl", ["um", text]), max_document_chars=1000)
    assert [name for name, _ in documents][:3] == ["a.jsonl:1", "a.jsonl:2", "a.jsonl:2#2"]
    assert "\n\n".join(piece for _, piece in documents[1:]) == text


def test_a_gzip_that_was_cut_keeps_what_came_before(tmp_path):
    data = gzip.compress(b"".join(b'{"text": "%d %s"}\n' % (n, prose(20, n).encode()) for n in range(3_000)))
    (tmp_path / "a.jsonl.gz").write_bytes(data[: len(data) // 2])
    (tmp_path / "b.jsonl.gz").write_bytes(b"not gzip")
    documents, problems = read(tmp_path)
    assert 1000 < len(documents) < 2000
    assert [name for name, _ in problems] == ["a.jsonl.gz", "b.jsonl.gz"]
    assert "end-of-stream" in problems[0][1]


def test_parquet(tmp_path):
    texts = [f"texto número {n}, com ação" for n in range(1000)]
    texts[4] = None
    pq.write_table(pa.table({"id": range(1000), "body": texts}), tmp_path / "a.parquet", row_group_size=300)
    documents, problems = read(tmp_path, text_field="body")
    assert documents == [(f"a.parquet:{n + 1}", text) for n, text in enumerate(texts) if text]
    assert problems == [("a.parquet:5", "null")]
    with pytest.raises(UserError, match=r"1 × no column 'text'; there are: id, body .*the first: .*a\.parquet"):
        read(tmp_path)
    with pytest.raises(UserError, match="column 'id' holds int64"):
        read(tmp_path, text_field="id")


def test_a_parquet_without_the_column_does_not_stop_the_others(tmp_path):
    pq.write_table(pa.table({"id": [1], "body": ["um texto"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": [1]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"text": ["outro texto"]}), tmp_path / "c.parquet")
    documents, problems = read(tmp_path)
    assert documents == [("c.parquet:1", "outro texto")]
    assert problems == [
        ("a.parquet", "no column 'text'; there are: id, body (name one with text_field)"),
        ("b.parquet", "column 'text' holds int64, not text (name another with text_field)"),
    ]


def test_a_broken_parquet_is_a_problem(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "b.txt").write_text("texto", encoding="utf-8")
    documents, problems = read(tmp_path)
    assert [name for name, _ in documents] == ["b.txt"]
    assert [name for name, _ in problems] == ["a.parquet"]


def test_binary_and_empty_files_are_problems(tmp_path):
    (tmp_path / "a.txt").write_bytes(bytes(range(256)) * 100)
    (tmp_path / "b.txt").write_bytes(b"")
    (tmp_path / "c.txt").write_text(" \n\n", encoding="utf-8")
    (tmp_path / "d.md").write_text("---\na: b\n---\n", encoding="utf-8")
    (tmp_path / "e.txt").write_text("texto", encoding="utf-8")
    documents, problems = read(tmp_path)
    assert documents == [("e.txt", "texto")]
    assert problems == [("a.txt", "binary, not text"), *((f"{x}", "empty") for x in ("b.txt", "c.txt", "d.md"))]


@pytest.mark.parametrize(("module", "name"), [("pypdf", "a.pdf"), ("trafilatura", "a.html"), ("pyarrow", "a.parquet")])
def test_a_missing_extra_is_told_with_the_command_that_installs_it(tmp_path, monkeypatch, module, name):
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=module) as caught:
        read(tmp_path)
    assert caught.value.hint == "pip install 'prosa[docs]'"


def test_problems_are_warned_of_when_nobody_gathers_them(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("texto", encoding="utf-8")
    (tmp_path / "b.doc").write_bytes(b"x")
    assert [d.text for d in read_documents([tmp_path], CorpusConfig())] == ["texto"]
    assert "b.doc: format not read" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="links and pipes need rights on Windows")
def test_links_to_nothing_loops_and_pipes_are_problems(tmp_path):
    (tmp_path / "a.txt").write_text("texto", encoding="utf-8")
    names = ["b.txt", "c.md", "d.html", "e.pdf", "f.jsonl", "g.jsonl.gz", "h.parquet"]
    for name in names:
        (tmp_path / name).symlink_to(tmp_path / "nothing")
    (tmp_path / "i.txt").symlink_to(tmp_path / "i.txt")
    os.mkfifo(tmp_path / "j.txt")
    documents, problems = read(tmp_path)
    assert documents == [("a.txt", "texto")]
    assert sorted(problems) == [
        *((name, "No such file or directory") for name in names),
        ("i.txt", "Too many levels of symbolic links"),
        ("j.txt", "not a regular file"),
    ]
