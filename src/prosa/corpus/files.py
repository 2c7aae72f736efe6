"""Which files of the given paths are read: known formats, in sorted order, nothing hidden, nothing that Prosa made."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from prosa.core.errors import UserError
from prosa.core.files import COMPLETE, MANIFEST, is_complete
from prosa.core.language import tr
from prosa.corpus.problems import Problems

FORMATS = (".txt", ".md", ".html", ".htm", ".pdf", ".jsonl", ".jsonl.gz", ".parquet")


def file_format(path: Path) -> str | None:
    """The format of a file by its name (one of ``FORMATS``), None when it is not one that is read."""
    name = path.name.lower()
    return next((f for f in (".jsonl.gz", *FORMATS) if name.endswith(f)), None)


def file_size(path: Path) -> int:
    """Bytes of a file, 0 when it is gone or cannot be looked at: its reader makes that a problem."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def find_files(paths: Sequence[Path], problems: Problems, *, skip: Path | None = None) -> list[Path]:
    """The readable files among and below ``paths``: sorted within each path, each once.

    Files of other formats, pipes and devices are counted and named in ``problems``; hidden ones, those below ``skip``
    (the output) and those in folders that Prosa made are left out, the latter named.

    Raises:
        UserError: a path does not exist, or there is no file of a known format; it says what was found instead.
    """
    found: dict[str, Path] = {}
    others: Counter[str] = Counter()
    for path in map(Path, paths):
        if not os.path.exists(path):
            raise UserError(
                tr(f"{path} does not exist.", f"{path} não existe."),
                tr("Check the spelling of the path.", "Confira o caminho."),
            )
        for file in _walk(path, skip, problems) if path.is_dir() else [path]:
            if os.path.exists(file) and not os.path.isfile(file):
                others[tr("pipe or device", "pipe ou dispositivo")] += 1
                problems.add(file.as_posix(), tr("not a regular file", "não é um arquivo comum"))
            elif file_format(file) is None:
                others[file.suffix.lower() or tr("no extension", "sem extensão")] += 1
                problems.add(file.as_posix(), tr("format not read", "formato que não é lido"))
            else:
                found.setdefault(os.path.realpath(file) if os.path.exists(file) else str(file), file)
    if not found:
        raise nothing_to_read(paths, others)
    return list(found.values())


def nothing_to_read(paths: Sequence[Path], others: Counter[str]) -> UserError:
    """The error for paths without a file of a known format; ``others`` counts what there was, by extension."""
    where = ", ".join(str(p) for p in paths)
    if others:
        listed = ", ".join(f"{n} × {extension}" for extension, n in others.most_common(8))
        what = tr(f"no text found in {where}: only {listed}.", f"nenhum texto em {where}: só {listed}.")
    else:
        what = tr(f"no text found in {where}: it is empty.", f"nenhum texto em {where}: está vazio.")
    return UserError(what, tr("Formats read: ", "Formatos que são lidos: ") + " ".join(FORMATS))


def nothing_read(paths: Sequence[Path], problems: Problems) -> UserError:
    """The error for files of which none could be read: the commonest reasons, and the first file."""
    where = ", ".join(str(p) for p in paths)
    reasons = Counter(problem.why for problem in problems.named)
    listed = "; ".join(f"{n} × {why}" for why, n in reasons.most_common(5))
    first = problems.named[0].source if problems.named else ""
    return UserError(
        tr(
            f"no text could be read from {where}: {listed} (the first: {first}).",
            f"nenhum texto pôde ser lido de {where}: {listed} (o primeiro: {first}).",
        ),
        tr("Formats read: ", "Formatos que são lidos: ") + " ".join(FORMATS),
    )


def _walk(folder: Path, skip: Path | None, problems: Problems) -> list[Path]:
    files: list[Path] = []
    skipped = os.path.realpath(skip) if skip is not None else None
    for root, folders, names in os.walk(folder, onerror=lambda e: problems.add(str(e.filename), e.strerror or str(e))):
        here = Path(root)
        for name in sorted(folders):
            inner = here / name
            if name.startswith(".") or os.path.realpath(inner) == skipped:
                folders.remove(name)
            elif _made_by_prosa(inner):
                folders.remove(name)
                problems.add(inner.as_posix(), tr("made by Prosa, not read", "feita pelo Prosa, não é lida"))
        files += [here / name for name in names if not name.startswith(".")]
    return sorted(files, key=lambda f: f.relative_to(folder).parts)


def _made_by_prosa(folder: Path) -> bool:
    """Whether a folder is a stage or a run: without this, a second corpus of ``.`` would read the first."""
    return (is_complete(folder) and (folder / MANIFEST).exists()) or (folder / "corpus" / COMPLETE).exists()
