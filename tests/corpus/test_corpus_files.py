import pytest

from prosa.core.errors import UserError
from prosa.core.language import speaking
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


@pytest.mark.parametrize("inside", ["base/COMPLETE", "base/config.resolved.yaml", "corpus/COMPLETE", "data/COMPLETE"])
def test_every_run_inside_a_folder_of_texts_is_left_out(tmp_path, inside):
    make(
        tmp_path,
        "a.txt",
        "begun/recipe.yaml",
        "begun/inputs.json",
        "begun/x.txt",
        f"runs/mine/{inside}",
        "runs/mine/base/metrics.jsonl",
        "runs/mine/report.html",
    )
    assert names(tmp_path) == (["a.txt"], ["begun", "runs/mine"])


def test_prosa_is_feminine_in_portuguese(tmp_path):
    make(tmp_path, "a.txt", "mine/base/COMPLETE")
    problems = Problems()
    with speaking("pt-BR"):
        find_files([tmp_path], problems)
        assert [p.why for p in problems.named] == ["feita pela Prosa, não é lida"]
        with pytest.raises(UserError, match="mine foi feita pela Prosa"):
            find_files([tmp_path / "mine"], problems)


@pytest.mark.parametrize("inside", ["corpus/COMPLETE", "base/config.resolved.yaml"])
def test_stages_beside_texts_are_left_out(tmp_path, inside):
    make(tmp_path, "a.txt", inside, "corpus/manifest.json", "corpus/train.jsonl", "corpus/COMPLETE")
    make(tmp_path, "base/metrics.jsonl", "base/config.resolved.yaml", "report.html", "evaluation.json")
    assert names(tmp_path) == (["a.txt"], ["base", "corpus"])


def test_a_run_or_a_stage_is_no_folder_of_texts(tmp_path):
    make(tmp_path, "mine/base/COMPLETE", "mine/base/config.resolved.yaml", "mine/base/metrics.jsonl")
    make(tmp_path, "mine/corpus/COMPLETE", "mine/corpus/manifest.json", "mine/corpus/train.jsonl", "mine/report.html")
    for inside in ("mine", "mine/base", "mine/corpus"):
        with pytest.raises(UserError, match=f"{inside} was made by Prosa") as caught:
            find_files([tmp_path / inside], Problems())
        assert "folder that holds your texts" in caught.value.hint
    make(tmp_path, "mine/recipe.yaml", "mine/notes.txt")
    with pytest.raises(UserError, match="mine was made by Prosa"):
        find_files([tmp_path / "mine"], Problems())
    with pytest.raises(UserError, match="only 1 × folder made by Prosa"):
        find_files([tmp_path], Problems())
    assert names(tmp_path, [tmp_path / "mine/corpus/train.jsonl"]) == (["mine/corpus/train.jsonl"], [])


def test_a_file_named_on_its_own_is_text_unless_it_is_binary(tmp_path):
    make(tmp_path, "page.log", "notes", "in/other.log")
    (tmp_path / "foto.jpg").write_bytes(bytes(range(256)))
    found, problems = names(tmp_path, [tmp_path / n for n in ("page.log", "notes", "foto.jpg", "page.log")])
    assert (found, problems) == (["page.log", "notes"], ["foto.jpg"])
    with pytest.raises(UserError, match=r"only 1 × \.jpg"):
        find_files([tmp_path / "foto.jpg"], Problems())
    with pytest.raises(UserError, match=r"only 1 × \.log"):
        find_files([tmp_path / "in"], Problems())


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
