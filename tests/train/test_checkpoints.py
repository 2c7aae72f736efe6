"""Checkpoints are whole or absent; a damaged one is refused by name and the one before is used."""

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from prosa.core.errors import UserError
from prosa.core.files import sha256
from prosa.train.checkpoint import newest_good, step_folders


def _truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _flip(folder: Path) -> None:
    path = folder / "optimizer.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _forge(folder: Path) -> None:
    path = folder / "state.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"step": 12', '"step": 11'), encoding="utf-8")


DAMAGES = {
    "truncated": (_truncate, "model.safetensors has"),
    "flipped": (_flip, "optimizer.safetensors was altered"),
    "forged": (_forge, "state.json was altered"),
    "manifest": (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is missing"),
    "missing": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path, run, capsys, kind: str) -> None:
    run(tmp_path)
    whole = sha256(tmp_path / "checkpoints/step_12/model.safetensors")
    damage, words = DAMAGES[kind]
    damage(tmp_path / "checkpoints/step_12")
    result = run(tmp_path, resume=True)
    message = capsys.readouterr().err
    assert f"{tmp_path / 'checkpoints/step_12'} is not used: {words}" in message
    assert result.resumed_from == 8
    assert sha256(tmp_path / "checkpoints/step_12/model.safetensors") == whole
    assert newest_good(tmp_path / "checkpoints") == tmp_path / "checkpoints/step_12"


def test_when_none_is_good_nothing_is_begun_anew(tmp_path, run) -> None:
    run(tmp_path)
    for folder in step_folders(tmp_path / "checkpoints"):
        _truncate(folder)
    with pytest.raises(UserError, match=r"no checkpoint in .* is whole"):
        run(tmp_path, resume=True)


def test_what_is_in_a_checkpoint(tmp_path, run, make) -> None:
    model = make()
    run(tmp_path, model=model)
    folder = tmp_path / "checkpoints/step_12"
    saved = load_file(folder / "model.safetensors")
    assert sorted(saved) == sorted(name for name, _ in model.named_parameters())  # a tied head once
    assert all(torch.equal(saved[name], p) and p.dtype == torch.float32 for name, p in model.named_parameters())
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    assert (state["step"], state["tokens"], state["threads"]) == (12, 12 * 128, 1)
    assert state["resolved"] == {
        "micro_batch": 8,
        "precision": "float32",
        "compile": False,
        "device": "cpu",
        "steps": 12,
        "reviewed": True,
        "workers": 1,
    }
    assert state["config"]["lr"] == 3e-3
    assert {p.suffix for p in folder.iterdir()} == {".safetensors", ".json"}


@pytest.mark.parametrize(("keep", "left"), [(1, ["step_12"]), (3, ["step_12", "step_8", "step_4"])])
def test_only_the_newest_stay(tmp_path, run, make_settings, keep: int, left: list[str]) -> None:
    run(tmp_path, make_settings(keep_checkpoints=keep))
    assert [path.name for path in step_folders(tmp_path / "checkpoints")] == left


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, run, make_settings, monkeypatch) -> None:
    import prosa.train.checkpoint as module

    real, calls = module.save_file, []

    def full(tensors, path) -> None:
        calls.append(path)
        if len(calls) == 6:  # the optimizer's file of the third checkpoint
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        real(tensors, path)

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(UserError, match=r"cannot write .*step_8: No space left on device"):
        run(tmp_path, make_settings(keep_checkpoints=1))
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step_4"]
    monkeypatch.setattr(module, "save_file", real)
    assert run(tmp_path, resume=True).resumed_from == 4


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_is_really_full(tmp_path, run, make_settings) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("cannot mount")
    try:
        with pytest.raises(UserError, match=r"cannot write .*step_\d+: .*[Nn]o space left"):
            run(disk, make_settings(keep_checkpoints=5, checkpoint_every=1, steps=20))
        found = sorted(p.name for p in (disk / "checkpoints").iterdir())
        assert all(name.startswith("step_") for name in found)  # no temporary folder
        assert newest_good(disk / "checkpoints") == step_folders(disk / "checkpoints")[0]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_a_killed_save_left_is_removed(tmp_path, run) -> None:
    left = tmp_path / "checkpoints" / ".step_4.abc.tmp"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    run(tmp_path)
    assert not left.exists()


def test_another_version_s_state_is_refused(tmp_path, run) -> None:
    from prosa.core.files import building

    run(tmp_path)
    last = tmp_path / "checkpoints/step_12"
    with building(tmp_path / "checkpoints/step_13") as folder:
        shutil.copytree(last, folder, dirs_exist_ok=True)
        (folder / "manifest.json").unlink()
        (folder / "state.json").write_text('{"step": 13, "old_field": 1}', encoding="utf-8")
    with pytest.raises(UserError, match=r"written by another version of Prosa"):
        run(tmp_path, resume=True)
