"""Files that are whole or absent: write beside, fsync, rename; a manifest of checksums; ``COMPLETE`` written last."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr

MANIFEST = "manifest.json"
COMPLETE = "COMPLETE"
MADE_BY_PROSA = (MANIFEST, COMPLETE, "recipe.yaml", "config.resolved.yaml", "metrics.jsonl", "checkpoints")


def _fsync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows can neither open nor sync a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_write(path: Path, error: OSError) -> UserError:
    return UserError(
        tr(f"cannot write {path}: {error.strerror or error}", f"não consigo gravar {path}: {error.strerror or error}"),
        tr("Free some space or choose another folder with --out.", "Libere espaço ou escolha outra pasta com --out."),
    )


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on leaving without an error it is synced and renamed to ``path``.

    Raises:
        UserError: the disk is full or the folder cannot be written; the old file, if any, is untouched.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise _cannot_write(path, error) from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        _fsync_folder(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically, with its line ends as they are."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` atomically."""
    with writing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        UserError: the file is missing or is not JSON; the message has path, line and column.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(tr(f"cannot read {path}: {error}", f"não consigo ler {path}: {error}")) from error


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path) -> None:
    """Record the size and SHA-256 of every file below ``folder`` (but ``COMPLETE``) in ``manifest.json``."""
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (MANIFEST, COMPLETE) and not path.name.endswith(".tmp")
    }
    write_json(folder / MANIFEST, {"files": files})


def damage(folder: Path) -> str | None:
    """What is wrong with a folder that has a manifest: its first missing, truncated or altered file; None if whole."""
    try:
        files = read_json(folder / MANIFEST)["files"]
    except (UserError, KeyError, TypeError):
        return tr(f"{MANIFEST} is missing or unreadable", f"{MANIFEST} não existe ou está ilegível")
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            return tr(f"{name} is missing", f"falta {name}")
        if path.stat().st_size != expected["bytes"]:
            return tr(
                f"{name} has {path.stat().st_size} bytes, not {expected['bytes']}",
                f"{name} tem {path.stat().st_size} bytes, e não {expected['bytes']}",
            )
        if sha256(path) != expected["sha256"]:
            return tr(
                f"{name} was altered (checksum differs)", f"{name} foi alterado (a soma de verificação não confere)"
            )
    return None


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``folder``; on leaving it gets its manifest and takes the place of ``folder``.

    A reader sees the old folder or the new one, never a part. On an error nothing of the new one stays.
    """
    folder = Path(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in folder.parent.glob(f".{folder.name}.*.tmp"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
        os.chmod(temporary, 0o777 & ~_umask())
    except OSError as error:
        raise _cannot_write(folder, error) from error
    try:
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_file():
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
        write_manifest(temporary)
        if folder.exists():
            old = folder.with_name(f".{folder.name}.old.tmp")
            shutil.rmtree(old, ignore_errors=True)
            os.replace(folder, old)
            os.replace(temporary, folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(temporary, folder)
        _fsync_folder(folder.parent)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_half_written(folder: Path) -> None:
    """Remove the temporary files that ``writing``, or safetensors (``.tmpAb12Cd``) within it, left anywhere in
    ``folder`` when its process was killed."""
    for pattern in (".*.tmp", ".tmp??????"):
        for path in folder.rglob(pattern):
            if path.is_file():
                path.unlink(missing_ok=True)


def mark_complete(folder: Path) -> None:
    """Write ``COMPLETE``, the last file of a stage."""
    write_text(folder / COMPLETE, "")


def is_complete(folder: Path) -> bool:
    """Whether the stage in ``folder`` was finished."""
    return (folder / COMPLETE).is_file()


def check_free(folder: Path, *, force: bool, inputs: Iterable[Path] = (), resumable: bool = False) -> None:
    """See that a result may be written to ``folder``; changes nothing.

    It must be new or empty; with ``force`` it may also hold what Prosa made, never anything else.

    Args:
        inputs: what is read to make the result; ``folder`` may be none of it, nor hold any of it.
        resumable: it holds a run that ``--resume`` can go on with, which the advice then names.

    Raises:
        UserError: it is taken, it is no folder, or replacing it would delete an input or what Prosa did not make.
    """
    there = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    for path in inputs if there else ():
        if path.resolve() == folder.resolve() or folder.resolve() in path.resolve().parents:
            raise UserError(
                tr(
                    f"{folder} holds the input {path}: it would be replaced.",
                    f"{folder} contém a entrada {path}: ela seria substituída.",
                ),
                tr("Choose another --out.", "Escolha outro --out."),
            )
    if not there:
        return
    if not folder.is_dir():
        raise UserError(tr(f"{folder} is a file, not a folder.", f"{folder} é um arquivo, não uma pasta."))
    if not force:
        go_on = tr("Add --resume auto to go on with it. ", "Acrescente --resume auto para continuar. ")
        raise UserError(
            tr(f"{folder} already exists.", f"{folder} já existe."),
            (go_on if resumable else "")
            + tr(
                "Choose another --out, or add --force to replace it.",
                "Escolha outro --out, ou acrescente --force para substituir.",
            ),
        )
    if not any((folder / name).exists() for name in MADE_BY_PROSA):
        raise UserError(
            tr(f"{folder} holds files that Prosa did not make.", f"{folder} contém arquivos que a Prosa não fez."),
            tr("Choose another --out, or empty it yourself.", "Escolha outro --out, ou esvazie-a você."),
        )


def claim(folder: Path, *, force: bool, inputs: Iterable[Path] = (), resumable: bool = False) -> None:
    """Make ``folder`` ready for a new result, emptying it where ``check_free`` allows that.

    Raises:
        UserError: as ``check_free``, or it cannot be made.
    """
    check_free(folder, force=force, inputs=inputs, resumable=resumable)
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _cannot_write(folder, error) from error
