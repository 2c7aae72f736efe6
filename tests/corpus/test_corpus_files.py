import pytest

from prosa.core.errors import UserError
from prosa.corpus.files import file_format, find_files
from prosa.corpus.problems import Problems


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("texto", encoding="utf-8")


def names(folder, paths=None, **options):
    problems = Problems()
    found = [f.relative_to(folder).as_posix() for f in find_files(paths or [folder], problems, **options)]
    return found, [p.source.removeprefix(f"{folder.as_posix()}/") for p in problems.named]


def test_files_are_sorted_each_once_hidden_ones_left_out_others_named(tmp_path):
    make(tmp_path, "b.txt", "a/2.txt", "a/10.md", "a.jsonl.gz", ".git/x.txt", "a/.x.txt", "foto.png", "z/LEIAME")
    found, problems = names(tmp_path, [tmp_path, tmp_path / "b.txt", tmp_path / "a"])
    assert found == ["a/10.md", "a/2.txt", "a.jsonl.gz", "b.txt"]
    assert sorted(problems) == ["foto.png", "z/LEIAME"]


def test_formats():
    from pathlib import Path

    assert [file_format(Path(n)) for n in ("A.TXT", "x.jsonl.gz", "x.gz", "x.json", "x.htm", "txt")] == [
        ".txt",
        ".jsonl.gz",
        None,
        None,
        ".htm",
        None,
    ]


def test_what_prosa_made_and_the_output_are_not_read(tmp_path):
    make(tmp_path, "a.txt", "out/old.txt", "runs/mine/report.html", "runs/mine/corpus/COMPLETE", "runs/mine/x.txt")
    make(tmp_path, "corpus/train.jsonl", "corpus/manifest.json", "corpus/COMPLETE")
    found, problems = names(tmp_path, skip=tmp_path / "out")
    assert found == ["a.txt"]
    assert problems == ["corpus", "runs/mine"]


def test_a_path_that_does_not_exist(tmp_path):
    with pytest.raises(UserError, match="nada does not exist"):
        find_files([tmp_path / "nada"], Problems())


def test_an_empty_folder_and_one_without_text(tmp_path):
    with pytest.raises(UserError, match="it is empty") as caught:
        find_files([tmp_path], Problems())
    assert ".parquet" in caught.value.hint
    make(tmp_path, "a.png", "b.png", "c.docx")
    with pytest.raises(UserError, match=r"only 2 × \.png, 1 × \.docx"):
        find_files([tmp_path], Problems())
