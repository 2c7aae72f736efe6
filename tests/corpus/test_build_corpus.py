import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from corpus_helpers import SAMPLES, pdf_bytes, portuguese, prose, write_jsonl

from prosa.core.errors import UserError
from prosa.core.files import damage, is_complete
from prosa.corpus import CorpusConfig, build_corpus, load_corpus, parallel, read
from prosa.corpus import build as build_module
from prosa.corpus.document import Document
from prosa.corpus.duplicates import signature, similarity
from prosa.corpus.files import find_files
from prosa.corpus.rules import Words


def build(tmp_path: Path, *paths: Path, name: str = "out", **options):
    """(report.json, training texts, held-out texts)."""
    out = tmp_path / name
    build_corpus(paths, out, CorpusConfig(**options))
    texts = [[d.text for d in load_corpus(out, split)] for split in ("train", "held_out")]
    return json.loads((out / "report.json").read_text(encoding="utf-8")), *texts


def rule(report: dict, name: str) -> dict:
    return next(r for r in report["rules"] if r["rule"] == name)


def near(text: str) -> str:
    return text.replace(text.split()[7], "outra", 1)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with something for every rule, and 40 good documents."""
    folder = tmp_path / "in"
    folder.mkdir()
    good = [prose(200, seed) for seed in range(40)]
    write_jsonl(folder / "a.jsonl", good)
    (folder / "b.txt").write_bytes((SAMPLES / "dom-casmurro.txt").read_bytes())
    (folder / "c-cp1252.txt").write_bytes(portuguese()[2000:4000].encode("cp1252"))
    (folder / "d-mojibake.txt").write_text("Coração e ação: " + prose(50, 99).replace("ca", "Ã§Ã£o"), encoding="utf-8")
    (folder / "e-short.txt").write_text("curto", encoding="utf-8")
    (folder / "f-spam.txt").write_text("compre agora mesmo " * 50 + "\x07\ufefffim", encoding="utf-8")
    (folder / "g-same.txt").write_text(good[3], encoding="utf-8")
    (folder / "h-near.txt").write_text(near(good[4]), encoding="utf-8")
    (folder / "i-english.txt").write_text("It was a bright cold day in April, and the clocks struck. " * 2, "utf-8")
    (folder / "j.pdf").write_bytes(pdf_bytes(["O rei da vela acendeu a luz e foi dormir,", "cedo, sem dizer nada."]))
    (folder / "k-broken.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "l.png").write_bytes(b"\x89PNG")
    return folder


def test_every_rule_says_what_it_did(tmp_path, mixed):
    report, train, held_out = build(tmp_path, mixed)
    assert (report["documents_in"], report["documents_out"]) == (49, 45)
    removed = {r["rule"]: r["documents"] for r in report["rules"]}
    assert removed == {
        "encoding": 2,
        "normalization": 1,
        "reflow": 1,
        "length": 1,
        "language": 0,
        "repetition": 1,
        "exact_duplicates": 1,
        "near_duplicates": 1,
    }
    assert rule(report, "length")["examples"] == [
        {"source": f"{mixed.as_posix()}/e-short.txt", "excerpt": "curto", "why": "5 characters"}
    ]
    assert rule(report, "exact_duplicates")["examples"][0]["why"] == f"same as {mixed.as_posix()}/a.jsonl:4"
    assert rule(report, "near_duplicates")["examples"][0]["why"].endswith("a.jsonl:5")
    assert "coração e ação".casefold() in " ".join(train + held_out).casefold()
    assert not any("Ã" in text for text in train + held_out)
    assert report["formats"] == {
        ".txt": {"documents": 4, "bytes": report["formats"][".txt"]["bytes"]},
        ".jsonl": {"documents": 40, "bytes": sum(len(prose(200, s)) for s in range(40))},
        ".pdf": {"documents": 1, "bytes": 63},
    }
    assert report["files"] == 11
    assert [Path(p["source"]).name for p in report["problems"]] == ["l.png", "k-broken.pdf"]
    assert report["problem_count"] == 2
    assert report["languages"]["en"]["documents"] >= 1
    assert sum(b["documents"] for b in report["lengths"]["bins"]) == 45
    assert report["lengths"]["max"] == max(map(len, train + held_out))


def test_the_accounts_add_up(tmp_path, mixed):
    report, train, held_out = build(tmp_path, mixed, languages=("pt", "it", "la"))
    assert rule(report, "language")["documents"] >= 1
    removed = sum(r["documents"] for r in report["rules"] if r["kind"] == "removes")
    assert report["documents_in"] == report["documents_out"] + removed
    assert report["bytes_in"] == report["bytes_out"] + sum(r["bytes"] for r in report["rules"])
    for name, texts in (("train", train), ("held_out", held_out)):
        assert report[name] == {"documents": len(texts), "bytes": sum(len(t.encode()) for t in texts)}
    assert report["train"]["bytes"] + report["held_out"]["bytes"] == report["bytes_out"]


def test_the_folder_is_whole_and_as_the_contract_says(tmp_path, mixed):
    build(tmp_path, mixed)
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == [
        "COMPLETE",
        "held_out.jsonl",
        "manifest.json",
        "report.json",
        "train.jsonl",
    ]
    assert is_complete(out)
    assert damage(out) is None
    line = json.loads((out / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert list(line) == ["id", "text", "source", "lang"]
    assert line["id"] == Document(line["text"], "").id


def test_neither_the_number_of_processes_nor_the_order_of_the_paths_matters(tmp_path, mixed, monkeypatch):
    one = build(tmp_path, mixed, name="one")
    monkeypatch.setattr(read, "_WORTH_A_PROCESS", 0)
    monkeypatch.setattr(read, "_BATCH_TASKS", 2)
    two = build(tmp_path, mixed, name="two", workers=2)
    assert one == two
    files = sorted(mixed.iterdir(), reverse=True)
    _, train, held_out = build(tmp_path, *[f for f in files if f.name[0] not in "gh"], name="three")
    assert (sorted(train), sorted(held_out)) == (sorted(one[1]), sorted(one[2]))


def test_a_killed_process_is_told(monkeypatch):
    with pytest.raises(UserError, match="was killed"):
        list(parallel.ordered_map(os._exit, [3, 3], 2))


_INTERRUPTED = """
import sys, time
from pathlib import Path
from prosa.cli.command import guarded
from prosa.corpus.parallel import ordered_map
if __name__ == "__main__":
    sys.exit(guarded(lambda: len(list(ordered_map(time.sleep, [0, 0], 2)))))
Path(sys.argv[1]).touch()
time.sleep(1)  # in a new process, before it is ready
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no process groups")
def test_ctrl_c_while_processes_start_leaves_no_traceback(tmp_path):
    (tmp_path / "script.py").write_text(_INTERRUPTED, encoding="utf-8")
    mark = tmp_path / "starting"
    command = [sys.executable, str(tmp_path / "script.py"), str(mark)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    for _ in range(600):
        if mark.exists():
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.split()) == (130, ["interrupted."])


def test_adding_files_moves_no_document(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write_jsonl(folder / "m.jsonl", [prose(60, seed) for seed in range(200)])
    _, train, held_out = build(tmp_path, folder, name="before")
    assert len(held_out) > 2
    write_jsonl(folder / "a.jsonl", [prose(60, seed) for seed in range(1000, 1300)])
    write_jsonl(folder / "z.jsonl", [prose(60, seed) for seed in range(2000, 2100)])
    _, more_train, more_held_out = build(tmp_path, folder, name="after")
    assert set(train) < set(more_train)
    assert set(held_out) < set(more_held_out)


def test_no_near_duplicate_straddles_the_split(tmp_path):
    originals = [prose(150, seed) for seed in range(60)]
    texts = [t for text in originals for t in (text, near(text), text, near(near(text)))]
    random.Random(1).shuffle(texts)
    report, train, held_out = build(tmp_path, write_jsonl(tmp_path / "a.jsonl", texts), held_out=0.3)
    assert report["documents_out"] == 60
    assert min(len(train), len(held_out)) > 5
    signatures = [[signature(Words(t)) for t in side] for side in (train, held_out)]
    assert max(similarity(a, b) for a in signatures[0] for b in signatures[1]) < 0.3


def test_one_document_is_cut_into_sections(tmp_path):
    text = prose(10_000, 1)
    (tmp_path / "livro.txt").write_text(text, encoding="utf-8")
    report, train, held_out = build(tmp_path, tmp_path / "livro.txt")
    assert 0.005 < len("".join(held_out)) / len(text) < 0.2
    assert sorted("".join(train + held_out)) == sorted(text)
    assert all(piece in text for piece in train + held_out)
    assert report["documents_out"] == 1
    assert report["train"]["bytes"] + report["held_out"]["bytes"] == report["bytes_out"] == len(text)
    assert "sections" in report["split_note"]


def test_of_a_few_documents_the_one_with_the_lowest_hash_is_held_out(tmp_path):
    texts = [prose(300, seed) for seed in range(6)]
    report, train, held_out = build(tmp_path, write_jsonl(tmp_path / "a.jsonl", texts), held_out=0.01)
    assert held_out == [min(texts, key=lambda t: Document(t, "").id)]
    assert sorted(train + held_out) == sorted(texts)
    assert "lowest hash" in report["split_note"]


def test_a_book_and_a_note_are_not_split_into_book_and_note(tmp_path):
    for seed in range(4):
        texts = [prose(8000, seed), prose(20, seed + 100)]
        report = build(tmp_path, write_jsonl(tmp_path / "a.jsonl", texts))[0]
        assert 0.005 < report["held_out"]["bytes"] / report["bytes_out"] < 0.2


def test_a_text_too_small_to_cut_is_all_for_training(tmp_path):
    (tmp_path / "a.txt").write_text(prose(25, 1), encoding="utf-8")
    report, train, held_out = build(tmp_path, tmp_path / "a.txt")
    assert (train, held_out) == ([prose(25, 1)], [])
    assert "too small" in report["split_note"]


def test_nothing_readable(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    with pytest.raises(UserError, match="it is empty"):
        build(tmp_path, folder)
    (folder / "a.txt").write_bytes(bytes(range(256)) * 10)
    (folder / "b.pdf").write_bytes(b"broken")
    (folder / "c.png").write_bytes(b"x")
    with pytest.raises(
        UserError, match=r"no text could be read from .*binary, not text.*\(the first: .*c\.png\)"
    ) as caught:
        build(tmp_path, folder)
    assert ".jsonl.gz" in caught.value.hint
    assert [p.name for p in tmp_path.iterdir()] == ["in"]  # nothing half-made stays


@pytest.mark.skipif(os.name == "nt", reason="a link needs rights on Windows")
def test_a_link_to_nothing_and_a_file_that_vanishes_are_problems(tmp_path, monkeypatch):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text(prose(500, 1), encoding="utf-8")
    (folder / "b.txt").symlink_to(folder / "nothing")
    (folder / "c.txt").write_text("gone soon", encoding="utf-8")

    def find(*arguments, **named):
        found = find_files(*arguments, **named)
        (folder / "c.txt").unlink()
        return found

    monkeypatch.setattr(build_module, "find_files", find)
    report = build(tmp_path, folder)[0]
    assert report["documents_out"] == 1
    assert [(Path(p["source"]).name, p["why"]) for p in report["problems"]] == [
        ("b.txt", "No such file or directory"),
        ("c.txt", "No such file or directory"),
    ]


def test_nothing_left(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", ["curto", "pouco", "compre agora mesmo " * 40])
    with pytest.raises(
        UserError, match=r"nothing is left of .*a\.jsonl \(documents read: 3\); removed: too short: 2, repetitive: 1"
    ):
        build(tmp_path, path)


def test_an_unwritable_output(tmp_path):
    (tmp_path / "a.txt").write_text(prose(500, 1), encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="cannot write"):
        build_corpus([tmp_path / "a.txt"], tmp_path / "file" / "out", CorpusConfig())


def test_a_second_corpus_of_the_same_folder_does_not_read_the_first(tmp_path):
    (tmp_path / "a.txt").write_text(prose(2000, 1), encoding="utf-8")
    first = build(tmp_path, tmp_path, name="out")
    again = build(tmp_path, tmp_path, name="out")
    beside = build(tmp_path, tmp_path, name="other")
    assert first == again
    assert beside[1:] == first[1:]
    assert [Path(p["source"]).name for p in beside[0]["problems"]] == ["out"]


def test_a_corpus_that_was_cut_or_is_none_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text(prose(2000, 1), encoding="utf-8")
    build(tmp_path, tmp_path / "a.txt")
    train = tmp_path / "out" / "train.jsonl"
    train.write_bytes(train.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"train\.jsonl has \d+ bytes; its manifest says"):
        load_corpus(tmp_path / "out", "train")
    (tmp_path / "out" / "manifest.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match=r"train\.jsonl has \d+ bytes; its manifest says None"):
        load_corpus(tmp_path / "out", "train")
    with pytest.raises(UserError, match="not a complete corpus"):
        load_corpus(tmp_path, "train")


_PEAK = """
import resource, sys
from pathlib import Path
from prosa.corpus import CorpusConfig, build_corpus
if __name__ == "__main__":
    build_corpus([Path(sys.argv[1])], Path(sys.argv[2]), CorpusConfig(workers=1))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
@pytest.mark.parametrize("kind", ["jsonl", "txt"])
def test_memory_does_not_grow_with_the_corpus(tmp_path, kind):
    peaks = []
    for megabytes in (3, 20):
        path = tmp_path / f"{megabytes}.{kind}"
        texts = [prose(6000, seed) for seed in range(megabytes * 24)]
        if kind == "jsonl":
            write_jsonl(path, texts)
        else:
            path.write_text("\n\n".join(texts), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, path, tmp_path / path.stem], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] + 40, peaks
