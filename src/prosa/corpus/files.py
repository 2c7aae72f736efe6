"""Which files of the given paths are read: known formats, in sorted order, nothing hidden, nothing that Prosa made."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.corpus.encoding import is_binary
from prosa.corpus.made import BESIDE_STAGES, STAGES, is_run, is_stage
from prosa.corpus.problems import Problems

FORMATS = (".txt", ".md", ".html", ".htm", ".pdf", ".jsonl", ".jsonl.gz", ".parquet")
_HEAD = 65_536  # bytes by which a file is told from a binary one


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


def read_as(path: Path) -> str:
    """The format that a file is read in: its name's, else plain text (``find_files`` lets only such text through)."""
    return file_format(path) or ".txt"


def find_files(paths: Sequence[Path], problems: Problems, *, skip: Path | None = None) -> list[Path]:
    """The readable files among and below ``paths``: sorted within each path, each once.

    Files of other formats, pipes and devices are counted and named in ``problems``, but a file that is itself in
    ``paths`` is text, whatever its name, if it is not binary. Hidden files, those below ``skip`` (the output) and those
    in folders that Prosa made are left out, the latter named.

    Raises:
        UserError: a path does not exist or is itself a folder that Prosa made, or there is no file of a known format;
            it says what was found instead.
    """
    found: dict[str, Path] = {}
    others: Counter[str] = Counter()
    for path in map(Path, paths):
        if not os.path.exists(path):
            raise UserError(
                tr(f"{path} does not exist.", f"{path} não existe."),
                tr("Check the spelling of the path.", "Confira o caminho."),
            )
        folder = path.is_dir()
        files = _walk(path, skip, problems, others) if folder else [path]
        if folder:
            _refuse_ours(path, files)
        for file in files:
            if os.path.exists(file) and not os.path.isfile(file):
                others[tr("pipe or device", "pipe ou dispositivo")] += 1
                problems.add(file.as_posix(), tr("not a regular file", "não é um arquivo comum"))
            elif file_format(file) is None and (folder or not _is_text(file)):
                others[file.suffix.lower() or tr("no extension", "sem extensão")] += 1
                problems.add(file.as_posix(), tr("format not read", "formato que não é lido"))
            else:
                found.setdefault(os.path.realpath(file) if os.path.exists(file) else str(file), file)
    if not found:
        raise nothing_to_read(paths, others)
    return list(found.values())


def _is_text(file: Path) -> bool:
    """Whether a file that was named on its own does not begin as a binary one; one that cannot be read may be text."""
    try:
        with file.open("rb") as opened:
            return not is_binary(opened.read(_HEAD))
    except OSError:
        return True


def _refuse_ours(path: Path, files: Sequence[Path]) -> None:
    """Refuse a stage, a run, or a folder that holds stages and no text beside them.

    Raises:
        UserError: it is one.
    """
    run = is_run(path) and ((path / "recipe.yaml").exists() or not any(file_format(file) for file in files))
    if run or is_stage(path):
        raise UserError(
            tr(
                f"{path} was made by Prosa; it is not text to read.", f"{path} foi feita pela Prosa; não é texto a ler."
            ),
            tr(
                "Give the folder that holds your texts, or a single file: CORPUS/train.jsonl.",
                "Dê a pasta que tem os seus textos, ou um só arquivo: CORPUS/train.jsonl.",
            ),
        )


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


def _walk(folder: Path, skip: Path | None, problems: Problems, others: Counter[str]) -> list[Path]:
    files: list[Path] = []
    skipped = os.path.realpath(skip) if skip is not None else None
    for root, folders, names in os.walk(folder, onerror=lambda e: problems.add(str(e.filename), e.strerror or str(e))):
        here = Path(root)
        ours = False
        for name in sorted(folders):
            inner = here / name
            stage = is_stage(inner)
            ours = ours or (stage and name in STAGES)
            if name.startswith(".") or os.path.realpath(inner) == skipped:
                folders.remove(name)
            elif stage or is_run(inner):
                folders.remove(name)
                others[tr("folder made by Prosa", "pasta feita pela Prosa")] += 1
                problems.add(inner.as_posix(), tr("made by Prosa, not read", "feita pela Prosa, não é lida"))
        files += [here / name for name in names if not name.startswith(".") and not (ours and name in BESIDE_STAGES)]
    return sorted(files, key=lambda f: f.relative_to(folder).parts)
