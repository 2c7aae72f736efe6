"""``update_index``: a folder in, an index of it out; what has not changed since the last time is not read again."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prosa.core.errors import UserError
from prosa.core.files import MANIFEST
from prosa.core.language import tr
from prosa.core.lock import locked
from prosa.core.progress import progress, say
from prosa.corpus.config import CorpusConfig
from prosa.corpus.files import FORMATS, find_files
from prosa.corpus.problems import Problems
from prosa.retrieve.nearest import build_graph
from prosa.retrieve.reading import Limits
from prosa.retrieve.store import (
    LOCK,
    Manifest,
    Store,
    changing,
    clean,
    is_index,
    read_manifest,
    reading,
    write_manifest,
)
from prosa.retrieve.vectors import Embedder, Vectors, open_vectors
from prosa.retrieve.worker import FileReader, Unread

_BEGUN = (LOCK, "passages-", "vectors-", f".{MANIFEST}")  # what an index has that never came to its end
_NO_CONTROLS = dict.fromkeys(range(32), "?")  # a file's name may hold any


@dataclass
class Indexed:
    """What an update did.

    Attributes:
        out: the index.
        read, unchanged, deleted: how many files.
        documents, passages: what the index holds now.
        problems: (file, what could not be read of it), also of files that did not change; of folders and links as well.
        model: whose vectors it holds.
    """

    out: Path
    folder: str
    read: int = 0
    unchanged: int = 0
    deleted: int = 0
    documents: int = 0
    passages: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    model: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The plain values."""
        problems = [{"file": file, "why": why} for file, why in self.problems]
        return {**vars(self), "out": str(self.out), "problems": problems}


def update_index(
    folder: Path,
    out: Path,
    *,
    text_field: str = "text",
    embedder: Embedder | None = None,
    force: bool = False,
    wait: bool = False,
    limits: Limits | None = None,
) -> Indexed:
    """Bring the index ``out`` of ``folder`` up to date, or make it. Nothing but ``out`` is written to.

    Args:
        text_field: the field of JSONL and Parquet files that holds the text.
        embedder: makes the vectors; None: there are none, and only words are searched.
        force: make it anew, whatever it was an index of.
        wait: until another process that is changing it has done so, else that is an error.
        limits: of each file.

    Raises:
        UserError: ``folder`` is none, ``out`` is taken by something else or by another process, or is an index of
            another folder or with another model's vectors; or there is nothing to read (any more: then the index is
            empty now).
    """
    if not folder.is_dir():
        raise UserError(
            tr(f"{folder} is not a folder.", f"{folder} não é uma pasta."),
            tr("Give the folder that holds your documents.", "Dê a pasta que tem os seus documentos."),
        )
    wanted = Manifest(str(folder.resolve()), text_field, embedder.to_json() if embedder else None)
    with _held(out, wait):
        try:
            there = read_manifest(out) if is_index(out) else None
        except UserError:
            if not force:
                raise
            there = None
        if there is not None:
            wanted.number = there.number
            if not force:
                _check_same(out, there, wanted)
        clean(out, keep=there.files if there else ())
        return _update(folder, out, None if force else there, wanted, embedder, limits or Limits())


@contextmanager
def _held(out: Path, wait: bool) -> Iterator[None]:
    """``out`` as a folder that is an index or empty, and no other process changes meanwhile."""
    if out.exists() and not out.is_dir():
        raise UserError(tr(f"{out} is a file, not a folder.", f"{out} é um arquivo, não uma pasta."))
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not is_index(out) and any(not path.name.startswith(_BEGUN) for path in out.iterdir()):
            raise UserError(
                tr(f"{out} holds files that are no index.", f"{out} contém arquivos que não são um índice."),
                tr("Choose another --out.", "Escolha outro --out."),
            )
        with ExitStack() as held:
            told = False
            while not held.enter_context(locked(out / LOCK)):
                another = tr(
                    f"another process is changing the index {out}.", f"outro processo está mudando o índice {out}."
                )
                if not wait:
                    raise UserError(another, tr("Wait until it is done.", "Espere que ele termine."))
                if not told:
                    say(another + tr(" Waiting until it is done …", " Esperando que ele termine …"))
                told = True
                held.close()
                time.sleep(0.2)
            yield
    except OSError as error:
        raise UserError(
            tr(f"cannot write {out}: {error.strerror or error}", f"não consigo gravar {out}: {error.strerror or error}")
        ) from error


def _check_same(out: Path, before: Manifest, wanted: Manifest) -> None:
    """See that the index is of what is to be indexed now.

    Raises:
        UserError: it is of another folder, read otherwise, or with another model's vectors.
    """
    anew = tr("Choose another --out, or add --force to make it anew.", "Escolha outro --out, ou acrescente --force.")
    if before.folder != wanted.folder:
        raise UserError(
            tr(f"{out} is the index of {before.folder}.", f"{out} é o índice de {before.folder}."),
            anew,
        )
    if before.text_field != wanted.text_field:
        raise UserError(
            tr(
                f"{out} was made with --text-field {before.text_field}.",
                f"{out} foi feito com --text-field {before.text_field}.",
            ),
            anew,
        )
    had, has = (None if m.model is None else m.model["fingerprint"] for m in (before, wanted))
    if had != has:
        raise UserError(_other_vectors(out, before, wanted.model), anew)


def _other_vectors(out: Path, before: Manifest, model: dict[str, Any] | None) -> str:
    if before.model is None:
        return tr(f"{out} has no vectors.", f"{out} não tem vetores.")
    name = before.model["name"]
    if model is None:
        return tr(f"{out} has vectors of the model {name}.", f"{out} tem vetores do modelo {name}.")
    return tr(
        f"{out} has vectors of another model: {name}, not {model['name']}.",
        f"{out} tem vetores de outro modelo: {name}, e não {model['name']}.",
    )


def _update(
    folder: Path, out: Path, before: Manifest | None, wanted: Manifest, embedder: Embedder | None, limits: Limits
) -> Indexed:
    done = Indexed(out, wanted.folder, model=wanted.model)
    nothing: UserError | None = None
    files: dict[str, Path] = {}
    try:
        files = _files(folder, out, done.problems)
    except UserError as error:
        if before is None:
            raise
        nothing = error
    states = {name: _state(path) for name, path in files.items()}
    known = _known(out, before)
    gone = [name for name in known if name not in files]
    new = [name for name in files if name not in known or known[name][0] != states[name]]
    done.read, done.deleted, done.unchanged = len(new), len(gone), len(files) - len(new)
    done.problems += [(name, why) for name in files.keys() - set(new) for why in known[name][1]]
    if before is not None and not (new or gone):
        done.passages, done.documents = before.passages, before.documents
    else:
        manifest = replace(wanted, number=wanted.number + 1)
        todo = {name: (files[name], states[name]) for name in new}
        _write(out, before, manifest, (*gone, *(name for name in new if name in known)), todo, embedder, limits, done)
        manifest.passages, manifest.documents = done.passages, done.documents
        if before is not None or done.passages:
            write_manifest(out, manifest)
        else:
            (out / manifest.database).unlink()
            (out / manifest.vectors).unlink(missing_ok=True)
    done.problems.sort()
    if not done.passages:
        raise nothing or _nothing(folder, done)
    return done


def _write(
    out: Path,
    before: Manifest | None,
    manifest: Manifest,
    old: Sequence[str],
    new: dict[str, tuple[Path, str]],
    embedder: Embedder | None,
    limits: Limits,
    done: Indexed,
) -> None:
    """The files that ``manifest`` names: those of ``before`` without the ``old`` documents and with the ``new``."""
    with changing(out / manifest.database, out / before.database if before else None) as store:
        kept = store.ids()
        for name in old:
            store.remove(name)
        with FileReader(CorpusConfig(text_field=manifest.text_field), limits) as reader:
            _read(store, reader, new, done)
        done.passages, done.documents = store.counts()
        if embedder:
            vectors = open_vectors(out / before.vectors, embedder.width) if before else None
            _write_vectors(out / manifest.vectors, store, kept, vectors, embedder)
            graph = out / before.graph if before and before.graph in before.files else None
            vectors = open_vectors(out / manifest.vectors, embedder.width)
            build_graph(out / manifest.graph, store.ids(), vectors, graph)


def _known(out: Path, before: Manifest | None) -> dict[str, tuple[str, list[str]]]:
    if before is None:
        return {}
    with reading(out / before.database) as store:
        return store.files()


def _nothing(folder: Path, done: Indexed) -> UserError:
    first = "; ".join(f"{file}: {why}" for file, why in sorted(done.problems)[:3])
    return UserError(
        tr(f"no text could be read from {folder}: {first}.", f"nenhum texto pôde ser lido de {folder}: {first}."),
        tr("Formats read: ", "Formatos que são lidos: ") + " ".join(FORMATS),
    )


def _files(folder: Path, out: Path, told: list[tuple[str, str]]) -> dict[str, Path]:
    """The files to be read, by their path below ``folder``. A link that leads out of it is named, not followed."""
    problems = Problems()
    found: dict[str, Path] = {}
    inside = os.path.realpath(folder)
    for path in find_files([folder], problems, skip=out):
        name = _name(path, folder)
        if os.path.commonpath([inside, os.path.realpath(path)]) != inside:
            told.append((name, tr("a link that leads out of the folder", "um link que leva para fora da pasta")))
        elif name in found:
            told.append((name, tr("another file has this name", "outro arquivo tem este nome")))
        else:
            found[name] = path
    told += [(_name(Path(problem.source), folder), problem.why) for problem in problems.named]
    for root, folders, _ in os.walk(folder):
        links = [Path(root) / name for name in folders if not name.startswith(".")]
        told += [
            (_name(path, folder), tr("a link to a folder, not followed", "um link para uma pasta, que não é seguido"))
            for path in links
            if path.is_symlink()
        ]
    if problems.count > len(problems.named):
        more = problems.count - len(problems.named)
        told.append(("…", tr(f"other problems: {more}", f"outros problemas: {more}")))
    return dict(sorted(found.items()))


def _name(path: Path, folder: Path) -> str:
    """A file's path below the folder; bytes that are no UTF-8 are written as ``\\xe7``."""
    relative = path.relative_to(folder) if path.is_relative_to(folder) else path
    return os.fsencode(relative.as_posix()).decode("utf-8", errors="backslashreplace")


def _read(store: Store, reader: FileReader, new: dict[str, tuple[Path, str]], done: Indexed) -> None:
    """Add the passages of each file; one that cannot be read has none, and why."""
    with progress(tr("Index", "Índice"), len(new), tr("files", "arquivos")) as bar:
        for name, (path, state) in new.items():
            problems: list[str] = []
            number = store.begin(name)
            try:
                for passages in reader.read(path, problems):
                    store.add(number, name, passages)
            except Unread as error:
                store.take_back()
                problems = [str(error)]
                number = store.begin(name)
            store.end(number, state, problems)
            done.problems += [(name, why) for why in problems]
            bar.advance(1, name.translate(_NO_CONTROLS))


def _state(path: Path) -> str:
    """What changes when a file does: size and times; of one that cannot be looked at, nothing."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _write_vectors(path: Path, store: Store, kept: list[int], old: Vectors | None, embedder: Embedder) -> None:
    """The old vectors of the passages that are still there, then those of the new ones."""
    last = kept[-1] if kept else 0
    now = store.ids()
    still = set(now)
    with path.open("wb") as file:
        if old is not None:
            rows = [row for row, id in enumerate(kept) if id in still]
            for start in range(0, len(rows), 4096):
                file.write(old[rows[start : start + 4096]].astype("<f4").tobytes())
        new = sum(id > last for id in now)
        with progress(tr("Vectors", "Vetores"), new, tr("passages", "trechos")) as bar:
            for vectors in embedder.stream(store.texts(after=last)):
                file.write(vectors.astype("<f4").tobytes())
                bar.advance(len(vectors))
        file.flush()
        os.fsync(file.fileno())
