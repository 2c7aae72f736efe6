import errno
import json
from pathlib import Path

import pytest

from prosa.core import files
from prosa.core.errors import UserError


def test_write_then_read_json_keeps_accents_and_line_ends(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"ação": [1, 2]})
    assert "ação" in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert files.read_json(tmp_path / "a.json") == {"ação": [1, 2]}
    files.write_text(tmp_path / "b.txt", "a\r\nb\n")
    assert (tmp_path / "b.txt").read_bytes() == b"a\r\nb\n"


def test_bad_json_names_file_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1,\n"b" 2}')
    with pytest.raises(UserError, match=r"a\.json.*line 2 column 5"):
        files.read_json(tmp_path / "a.json")


def test_an_error_while_writing_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    files.write_text(target, "old")
    with pytest.raises(RuntimeError), files.writing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_told_and_the_old_file_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    files.write_text(target, "old")
    with pytest.raises(UserError, match="No space left"), files.writing(target) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_building_replaces_the_whole_folder_or_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "stage"
    with files.building(folder) as new:
        (new / "one").write_text("1")
    with pytest.raises(RuntimeError), files.building(folder) as new:
        (new / "two").write_text("2")
        raise RuntimeError
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "one"]
    with files.building(folder) as new:
        (new / "two").write_text("2")
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "two"]
    assert [p.name for p in tmp_path.iterdir()] == ["stage"]


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda f: f.write_bytes(b"abX"), "weights was altered (checksum differs)"),
        (lambda f: f.write_bytes(b"ab"), "weights has 2 bytes, not 3"),
        (lambda f: f.unlink(), "weights is missing"),
        (lambda f: (f.parent / "manifest.json").write_text("{"), "manifest.json is missing or unreadable"),
    ],
)
def test_damage_is_named(tmp_path: Path, harm, told: str) -> None:
    with files.building(tmp_path / "s") as new:
        (new / "weights").write_bytes(b"abc")
    assert files.damage(tmp_path / "s") is None
    harm(tmp_path / "s" / "weights")
    assert files.damage(tmp_path / "s") == told


def test_the_manifest_holds_published_checksums(tmp_path: Path) -> None:
    with files.building(tmp_path / "s") as new:
        (new / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    found = json.loads((tmp_path / "s" / "manifest.json").read_text())["files"]["abc"]
    assert found == {"bytes": 3, "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}


def test_claim_refuses_what_exists_unless_forced(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    files.claim(folder, force=False)
    files.claim(folder, force=False)  # empty: still free
    (folder / "x").write_text("x")
    with pytest.raises(UserError, match=r"already exists[^$]*--force"):
        files.claim(folder, force=False)
    with pytest.raises(UserError, match="did not make"):  # --force is for what Prosa made, not for a user's files
        files.claim(folder, force=True)
    assert (folder / "x").read_text() == "x"
    (folder / "recipe.yaml").write_text("")
    files.claim(folder, force=True)
    assert not any(folder.iterdir())


@pytest.mark.parametrize("inside", [".", "texts", "texts/a.txt"])
def test_an_input_is_never_replaced_by_the_result(tmp_path: Path, inside: str) -> None:
    folder = tmp_path / "run"
    (folder / "texts").mkdir(parents=True)
    (folder / "texts" / "a.txt").write_text("x")
    (folder / "recipe.yaml").write_text("")
    with pytest.raises(UserError, match="holds the input"):
        files.claim(folder, force=True, inputs=[folder / inside])
    assert (folder / "texts" / "a.txt").read_text() == "x"


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".stage.abc.tmp").mkdir()
    (tmp_path / ".stage.abc.tmp" / "half").write_text("x")
    with files.building(tmp_path / "stage") as new:
        (new / "one").write_text("1")
    assert [p.name for p in tmp_path.iterdir()] == ["stage"]


def test_claim_never_deletes_a_file_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    with pytest.raises(UserError, match="not a folder"):
        files.claim(tmp_path / "f", force=True)
    assert (tmp_path / "f").read_text() == "x"


def test_a_folder_that_cannot_be_made_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    with pytest.raises(UserError, match="cannot write"):
        files.claim(tmp_path / "f" / "run", force=False)


def test_what_a_kill_left_half_written_is_removed(tmp_path):
    (tmp_path / "adapter").mkdir()
    for name in (
        ".model.safetensors.x1y2.tmp",
        "adapter/.adapter_config.json.a.tmp",
        ".tmpCMg6W1",
        "notes.tmp",
        ".hidden",
    ):
        (tmp_path / name).write_text("x", encoding="utf-8")
    files.remove_half_written(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"notes.tmp", ".hidden"}
