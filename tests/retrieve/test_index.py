"""An index of a folder: what changes is read, what is deleted goes, a process that is killed harms nothing."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from retrieve_helpers import CONTRACT, contents, files_found, tiny_embedder, write_documents

from prosa.core.errors import UserError
from prosa.core.lock import locked
from prosa.retrieve import nearest
from prosa.retrieve.index import update_index
from prosa.retrieve.reading import Limits
from prosa.retrieve.search import Index
from prosa.retrieve.store import LOCK, read_manifest


@pytest.fixture
def docs(tmp_path):
    return write_documents(tmp_path / "docs")


def _all(out) -> list[tuple]:
    """Every passage, with its vector where it has one."""
    with Index(out) as index:
        found = [index.passage(int(id))[0] for id in index._ids]
        rows = [()] * len(found) if index._vectors is None else [tuple(row) for row in index._vectors]
    return sorted(
        ((p.file, str(p.place), p.text, row) for p, row in zip(found, rows, strict=True)), key=lambda row: row[:3]
    )


def test_every_format_is_indexed_with_its_place_and_nothing_of_the_folder_changes(docs, tmp_path):
    before = contents(docs)
    done = update_index(docs, tmp_path / "index")
    assert (done.read, done.unchanged, done.deleted, done.documents, done.problems) == (4, 0, 0, 4, [])
    assert contents(docs) == before
    assert [(file, place) for file, place, _, _ in _all(tmp_path / "index")] == [
        ("chamados.jsonl", "record 1, passage 1"),
        ("chamados.jsonl", "record 2, passage 1"),
        ("contrato.txt", "lines 1–3, CONTRATO DE FORNECIMENTO"),
        ("contrato.txt", "lines 5–7, CLÁUSULA PRIMEIRA"),
        ("contrato.txt", "lines 9–11, CLÁUSULA SEGUNDA"),
        ("ferias.html", "passage 1"),
        ("sub/reuniao.md", "lines 1–3, Reunião"),
        ("sub/reuniao.md", "lines 5–7, Reunião › Decisões"),
    ]


def test_the_headings_of_a_page_are_those_of_its_passages(docs, tmp_path):
    """Also where markup or blanks are in one, and where nothing stands between two."""
    body = (
        "<h1>Guia <em>da</em>\n casa</h1><h2>Férias</h2><p>São de trinta dias.</p><h2>Licença</h2><p>De seis meses.</p>"
    )
    (docs / "guia.html").write_text(f"<html><body><article>{body}</article></body></html>", "utf-8")
    update_index(docs, tmp_path / "index")
    assert [
        (place, text.split("\n")[-1]) for file, place, text, _ in _all(tmp_path / "index") if file == "guia.html"
    ] == [
        ("passage 1, Guia da casa › Férias", "São de trinta dias."),
        ("passage 2, Guia da casa › Licença", "De seis meses."),
    ]


def test_only_changed_files_are_read_and_the_index_is_the_same_as_a_new_one(docs, tmp_path, monkeypatch):
    out, embedder = tmp_path / "index", tiny_embedder()
    update_index(docs, out, embedder=embedder)
    assert update_index(docs, out, embedder=embedder).unchanged == 4
    (docs / "ferias.html").unlink()
    (docs / "contrato.txt").write_text(CONTRACT.replace("cadeiras", "mesas"), encoding="utf-8")
    (docs / "novo.txt").write_text("Um documento novo sobre girassóis.", encoding="utf-8")
    read = []
    from prosa.retrieve.worker import FileReader

    plain = FileReader.read
    monkeypatch.setattr(FileReader, "read", lambda self, path, why: read.append(path.name) or plain(self, path, why))
    done = update_index(docs, out, embedder=embedder)
    assert read == ["contrato.txt", "novo.txt"]
    assert (done.read, done.unchanged, done.deleted, done.documents) == (2, 2, 1, 4)
    assert files_found(out, "girassóis") == ["novo.txt"]
    assert files_found(out, "cadeiras") == files_found(out, "férias") == []
    update_index(docs, tmp_path / "anew", embedder=embedder)
    assert _all(out) == _all(tmp_path / "anew")


def test_the_text_of_a_deleted_document_leaves_the_files_of_the_index(docs, tmp_path):
    out = tmp_path / "index"
    update_index(docs, out)
    assert any(b"trinta dias" in path.read_bytes() for path in out.iterdir())
    (docs / "ferias.html").unlink()
    update_index(docs, out)
    assert not any(b"trinta dias" in path.read_bytes() for path in out.iterdir())


def test_a_folder_that_is_emptied_empties_its_index_and_that_is_told(docs, tmp_path):
    out = tmp_path / "index"
    update_index(docs, out)
    for path in [*docs.rglob("*")]:
        if path.is_file():
            path.unlink()
    for _ in range(2):
        with pytest.raises(UserError, match=r"no text found in .* it is empty"):
            update_index(docs, out)
        with Index(out) as index:
            assert len(index) == 0
            assert not index.search("férias").relevant
    (docs / "a.txt").write_text("De volta.", encoding="utf-8")
    assert update_index(docs, out).passages == 1


def test_what_cannot_be_read_is_named_every_time_and_stops_nothing(docs, tmp_path):
    (docs / "foto.jpg").write_bytes(b"\xff\xd8\xff")
    (docs / "mau.pdf").write_bytes(b"%PDF-1.4 broken")
    (docs / "fora.txt").symlink_to("/etc/passwd")
    (docs / "dentro.txt").symlink_to(docs / "contrato.txt")
    (docs / "laço.txt").symlink_to(docs / "laço.txt")
    (docs / "pasta").symlink_to("/etc")
    os.mkfifo(docs / "cano.txt")
    told = [
        ("cano.txt", "not a regular file"),
        ("fora.txt", "a link that leads out of the folder"),
        ("foto.jpg", "format not read"),
        ("laço.txt", "Too many levels of symbolic links"),
        ("mau.pdf", "broken PDF"),
        ("pasta", "a link to a folder, not followed"),
    ]
    for _ in range(2):
        done = update_index(docs, tmp_path / "index")
        assert done.documents == 4
        assert [(file, why.partition(":")[0]) for file, why in done.problems] == told
    assert files_found(tmp_path / "index", "root") == []


def test_a_name_with_bytes_that_are_no_utf8_is_indexed(docs, tmp_path):
    with open(os.fsencode(docs) + b"/a\xe7\xe3o.txt", "w", encoding="utf-8") as file:
        file.write("Um girassol.")
    update_index(docs, tmp_path / "index")
    assert files_found(tmp_path / "index", "girassol") == ["a\\xe7\\xe3o.txt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"folder": "docs/sub"}, "is the index of"),
        ({"text_field": "body"}, "was made with --text-field text"),
        ({"embedder": 1}, "has vectors of another model: tiny-0, not tiny-1"),
        ({"embedder": None}, "has vectors of the model tiny-0"),
    ],
)
def test_another_folder_or_model_is_refused_and_force_makes_it_anew(docs, tmp_path, change, message):
    out = tmp_path / "index"
    update_index(docs, out, embedder=tiny_embedder())
    seed = change.get("embedder", 0)
    how = {
        "folder": tmp_path / change.get("folder", "docs"),
        "text_field": change.get("text_field", "text"),
        "embedder": None if seed is None else tiny_embedder(seed),
    }
    with pytest.raises(UserError, match=message):
        update_index(out=out, **how)
    assert update_index(out=out, force=True, **how).passages


def test_a_place_that_is_taken_is_refused_and_left_alone(docs, tmp_path):
    before = contents(docs)
    with pytest.raises(UserError, match="holds files that are no index"):
        update_index(docs, docs, force=True)
    with pytest.raises(UserError, match="is a file"):
        update_index(docs, docs / "contrato.txt")
    with pytest.raises(UserError, match="is not a folder"):
        update_index(docs / "contrato.txt", tmp_path / "index")
    assert contents(docs) == before


def test_nothing_to_read_leaves_no_index(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "mau.pdf").write_bytes(b"%PDF-1.4 broken")
    with pytest.raises(UserError, match=r"no text could be read from .*mau.pdf: broken PDF"):
        update_index(tmp_path / "docs", tmp_path / "index")
    assert [path.name for path in (tmp_path / "index").iterdir()] == [LOCK]


def test_an_altered_index_is_refused_by_name(docs, tmp_path):
    out = tmp_path / "index"
    update_index(docs, out)
    database = out / read_manifest(out).database
    content = bytearray(database.read_bytes())
    content[-7] ^= 1
    database.write_bytes(content)
    for use in (lambda: Index(out), lambda: update_index(docs, out)):
        with pytest.raises(UserError, match=r"is damaged: passages-1.sqlite was altered"):
            use()
    assert update_index(docs, out, force=True).passages == 8


def test_a_second_process_is_told_or_waits(docs, tmp_path, capsys):
    out = tmp_path / "index"
    update_index(docs, out)
    holds = "import sys,time,pathlib; from prosa.core.lock import locked\n" + (
        "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(1.5)"
    )
    with subprocess.Popen([sys.executable, "-c", holds, str(out / LOCK)], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(UserError, match="another process is changing the index"):
            update_index(docs, out)
        assert update_index(docs, out, wait=True).unchanged == 4
    assert capsys.readouterr().err.count("Waiting until it is done") == 1
    with locked(out / LOCK) as mine:
        assert mine


_UPDATES = """
if __name__ == "__main__":
    import sys, pathlib
    from prosa.retrieve.index import update_index
    update_index(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), force=len(sys.argv) > 3)
"""


@pytest.mark.parametrize(("again", "waits"), [([], (0.0, 1.2)), (["force"], (0.5,))])
def test_a_process_that_is_killed_leaves_the_old_index_usable(docs, tmp_path, again, waits):
    out = tmp_path / "index"
    update_index(docs, out)
    script = tmp_path / "updates.py"
    script.write_text(_UPDATES)
    for n in range(40):
        (docs / f"novo{n:02}.txt").write_text("Um girassol.\n\n" + "Uma frase. " * 2000, encoding="utf-8")
    for wait in waits:
        with subprocess.Popen([sys.executable, script, docs, out, *again], start_new_session=True) as other:
            while not list(out.glob("passages-2.sqlite")):
                time.sleep(0.005)
            time.sleep(wait)
            os.kill(other.pid, signal.SIGKILL)
        assert read_manifest(out).number == 1  # it had not come to its end
        assert files_found(out, "férias")[:1] == ["ferias.html"]
    assert update_index(docs, out).read == 40
    assert files_found(out, "girassol", k=1) != []
    assert sorted(path.name for path in out.iterdir()) == [LOCK, "manifest.json", "passages-2.sqlite"]


def test_an_open_index_goes_on_while_another_takes_its_place(docs, tmp_path):
    out = tmp_path / "index"
    update_index(docs, out)
    with Index(out) as index:
        (docs / "ferias.html").unlink()
        update_index(docs, out)
        assert index.search("férias").hits[0].passage.file == "ferias.html"
    assert files_found(out, "férias") == []


def test_a_file_that_takes_too_long_or_too_much_is_named_and_the_next_is_read(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("Um. " * 500_000, encoding="utf-8")
    (docs / "b.txt").write_text("Um girassol.", encoding="utf-8")
    done = update_index(docs, tmp_path / "slow", limits=Limits(seconds=0.2))
    assert done.problems == [("a.txt", "stopped after 0.2 s")]
    assert files_found(tmp_path / "slow", "girassol") == ["b.txt"]
    done = update_index(docs, tmp_path / "large", limits=Limits(memory=4_000_000))
    assert done.problems[0][0] == "a.txt"
    assert "memory" in done.problems[0][1]
    done = update_index(docs, tmp_path / "long", limits=Limits(characters=1000))
    assert done.problems == [("a.txt", "read up to character 1,000")]


def test_a_graph_of_the_vectors_finds_what_comparing_all_does_after_changes_too(tmp_path, monkeypatch):
    pytest.importorskip("usearch")
    monkeypatch.setattr(nearest, "LARGE", 20)
    docs, out, embedder = tmp_path / "docs", tmp_path / "index", tiny_embedder()
    docs.mkdir()
    for n in range(40):
        (docs / f"{n}.txt").write_text(f"{CONTRACT[n * 5 : n * 5 + 60]} número {n}", encoding="utf-8")
    update_index(docs, out, embedder=embedder)
    for n in range(0, 40, 3):
        (docs / f"{n}.txt").unlink()
    (docs / "novo.txt").write_text("Um girassol.", encoding="utf-8")
    update_index(docs, out, embedder=embedder)
    with Index(out) as index:
        assert index._graph is not None
        by_graph = index.search("o frete", k=5, by="vectors", embedder=embedder)
        query = embedder.vectors(["o frete"])[0]
        assert [(hit.id, hit.score) for hit in by_graph.hits] == nearest.nearest(query, 5, index._ids, index._vectors)


def test_vectors_are_the_mean_of_the_tokens_embeddings_at_length_one():
    embedder = tiny_embedder()
    ids = embedder._tokenizer.encode("férias")
    mean = np.mean([embedder._matrix[id] for id in ids], axis=0)
    (made, nothing) = embedder.vectors(["férias", ""])
    np.testing.assert_allclose(made, mean / np.linalg.norm(mean), rtol=1e-5)
    assert not nothing.any()
