"""An index on disk: a SQLite file with passages and their words, a file of vectors, and the manifest that names them.

Every change writes new files beside the old ones and then replaces ``manifest.json``, in one step: whoever reads sees
the old index or the new one, and a process that is killed leaves the old one whole. What nothing names any more is
deleted by the next change.

    files     path, size, times: what it was when it was read; what could not be read of it
    passages  text and place; the id of a later passage is the greater
    words     FTS5 without the text: title (file name, headings) and body, both as ``terms.searchable`` gives them
    vectors   float32, a row a passage, in the order of their ids
    graph     of the vectors, where there are many (``nearest``)
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from prosa.core.errors import UserError
from prosa.core.files import MANIFEST, damage, read_json, sha256, write_json
from prosa.core.language import tr
from prosa.retrieve.passage import Passage, Place
from prosa.retrieve.terms import searchable

KIND, VERSION = "prosa-index", 1
LOCK = "lock"

_SCHEMA = """
CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT UNIQUE NOT NULL, state TEXT NOT NULL, problems TEXT NOT NULL);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, file INTEGER NOT NULL REFERENCES files,
    text TEXT NOT NULL, heading TEXT NOT NULL,
    page INTEGER NOT NULL, last_page INTEGER NOT NULL, line INTEGER NOT NULL, last_line INTEGER NOT NULL,
    record INTEGER NOT NULL, part INTEGER NOT NULL
);
CREATE INDEX passages_of ON passages (file);
CREATE VIRTUAL TABLE words USING fts5 (title, body, content='', tokenize='unicode61 remove_diacritics 2');
"""


@dataclass
class Manifest:
    """What an index is: of which folder, read how, with whose vectors, in which files.

    Attributes:
        folder: the folder that was indexed, absolute.
        text_field: the field of JSONL and Parquet that holds the text.
        model: whose vectors there are (``{"name", "fingerprint", "width"}``); None without vectors.
        number: grows with every change.
        passages, documents: how many there are.
        files: size and SHA-256 of each file of the index.
    """

    folder: str
    text_field: str = "text"
    model: dict[str, Any] | None = None
    number: int = 0
    passages: int = 0
    documents: int = 0
    files: dict[str, Any] = field(default_factory=dict)

    @property
    def database(self) -> str:
        """The name of the SQLite file."""
        return f"passages-{self.number}.sqlite"

    @property
    def vectors(self) -> str:
        """The name of the file of vectors."""
        return f"vectors-{self.number}.f32"

    @property
    def graph(self) -> str:
        """The name of the graph of the vectors; a small index has none."""
        return f"vectors-{self.number}.usearch"


def is_index(out: Path) -> bool:
    """Whether a folder holds an index, whole or not."""
    if not (out / MANIFEST).is_file():
        return False
    try:
        found = read_json(out / MANIFEST)
    except UserError:
        return False
    return isinstance(found, dict) and found.get("kind") == KIND


def read_manifest(out: Path) -> Manifest:
    """The manifest of an index whose files are as it says.

    Raises:
        UserError: there is no index, another version of Prosa made it, or a file is missing or altered.
    """
    again = tr("Make it anew: prosa index FOLDER --out ", "Faça-o de novo: prosa index PASTA --out ") + f"{out} --force"
    if not is_index(out):
        raise UserError(
            tr(f"{out} is no index.", f"{out} não é um índice."),
            tr("Make one: prosa index FOLDER --out INDEX", "Faça um: prosa index PASTA --out ÍNDICE"),
        )
    plain = read_json(out / MANIFEST)
    if plain.pop("version", None) != VERSION:
        raise UserError(
            tr(f"{out} was made by another version of Prosa.", f"{out} foi feito por outra versão da Prosa."), again
        )
    plain.pop("kind")
    broken = damage(out)
    if broken is not None:
        raise UserError(
            tr(f"the index {out} is damaged: {broken}.", f"o índice {out} está danificado: {broken}."), again
        )
    try:
        return Manifest(**plain)
    except TypeError as error:
        raise UserError(
            tr(f"the index {out} is damaged: ", f"o índice {out} está danificado: ") + MANIFEST, again
        ) from error


def write_manifest(out: Path, manifest: Manifest) -> None:
    """Make the files that ``manifest`` names the index, and delete those of the one before."""
    names = [manifest.database]
    if manifest.model:
        names += [name for name in (manifest.vectors, manifest.graph) if (out / name).exists()]
    for name in names:
        with (out / name).open("rb+") as file:
            os.fsync(file.fileno())
    manifest.files = {name: {"bytes": (out / name).stat().st_size, "sha256": sha256(out / name)} for name in names}
    write_json(out / MANIFEST, {"kind": KIND, "version": VERSION, **vars(manifest)})
    clean(out, keep=names)


def clean(out: Path, keep: Iterable[str]) -> None:
    """Delete the files of earlier changes, and of those that never came to their end."""
    for pattern in ("passages-*.sqlite*", "vectors-*.f32", "vectors-*.usearch"):
        for path in out.glob(pattern):
            if path.name not in keep:
                path.unlink(missing_ok=True)


class Store:
    """The SQLite file, open for a change or for reading."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def files(self) -> dict[str, tuple[str, list[str]]]:
        """Of each file its state when it was read, and what could not be read of it."""
        rows = self.connection.execute("SELECT path, state, problems FROM files ORDER BY path")
        return {path: (state, json.loads(problems)) for path, state, problems in rows}

    def begin(self, path: str) -> int:
        """A file is about to be read; its number."""
        self.connection.execute("SAVEPOINT file")
        made = self.connection.execute("INSERT INTO files (path, state, problems) VALUES (?, '', '[]')", [path])
        assert made.lastrowid is not None
        return made.lastrowid

    def take_back(self) -> None:
        """Forget all since ``begin``."""
        self.connection.execute("ROLLBACK TO file")
        self.connection.execute("RELEASE file")

    def end(self, number: int, state: str, problems: list[str]) -> None:
        """The file was read."""
        plain = json.dumps(problems, ensure_ascii=False)
        self.connection.execute("UPDATE files SET state = ?, problems = ? WHERE id = ?", [state, plain, number])
        self.connection.execute("RELEASE file")

    def add(self, number: int, path: str, passages: Iterable[Passage]) -> None:
        """Passages of a file."""
        for passage in passages:
            p = passage.place
            made = self.connection.execute(
                "INSERT INTO passages (file, text, heading, page, last_page, line, last_line, record, part) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [number, passage.text, p.heading, p.page, p.last_page, p.line, p.last_line, p.record, p.part],
            )
            self.connection.execute(
                "INSERT INTO words (rowid, title, body) VALUES (?, ?, ?)",
                [made.lastrowid, *_words(path, p.heading, passage.text)],
            )

    def remove(self, path: str) -> None:
        """Forget a file and its passages."""
        rows = self.connection.execute(
            "SELECT passages.id, heading, text FROM passages JOIN files ON file = files.id WHERE path = ?", [path]
        ).fetchall()
        self.connection.executemany(
            "INSERT INTO words (words, rowid, title, body) VALUES ('delete', ?, ?, ?)",
            ([id, *_words(path, heading, text)] for id, heading, text in rows),
        )
        self.connection.execute("DELETE FROM passages WHERE file = (SELECT id FROM files WHERE path = ?)", [path])
        self.connection.execute("DELETE FROM files WHERE path = ?", [path])

    def ids(self) -> list[int]:
        """Of all passages, in order."""
        return [id for (id,) in self.connection.execute("SELECT id FROM passages ORDER BY id")]

    def texts(self, after: int) -> Iterator[str]:
        """What a model reads of each passage whose id is greater than ``after``, in order."""
        for heading, text in self.connection.execute(
            "SELECT heading, text FROM passages WHERE id > ? ORDER BY id", [after]
        ):
            yield f"{heading}\n{text}" if heading and not text.lstrip("# ").startswith(heading) else text

    def passage(self, id: int) -> Passage | None:
        """The passage of an id, None where there is none."""
        row = self.connection.execute(
            "SELECT path, text, heading, page, last_page, line, last_line, record, part "
            "FROM passages JOIN files ON file = files.id WHERE passages.id = ?",
            [id],
        ).fetchone()
        return None if row is None else Passage(row[1], Place(*row[2:]), row[0])

    def around(self, id: int) -> tuple[str, str]:
        """The texts before and after a passage in its document; empty where it is the first or the last."""
        found = []
        for other in (id - 1, id + 1):
            row = self.connection.execute(
                "SELECT other.text FROM passages AS this JOIN passages AS other "
                "ON other.file = this.file AND other.record = this.record WHERE this.id = ? AND other.id = ?",
                [id, other],
            ).fetchone()
            found.append("" if row is None else row[0])
        return found[0], found[1]

    def counts(self) -> tuple[int, int]:
        """How many passages there are, and of how many files."""
        passages, files = self.connection.execute("SELECT count(*), count(DISTINCT file) FROM passages").fetchone()
        return passages, files


def _words(path: str, heading: str, text: str) -> tuple[str, str]:
    return searchable(f"{PurePosixPath(path).stem} {heading}"), searchable(text)


@contextmanager
def changing(path: Path, before: Path | None) -> Iterator[Store]:
    """A new SQLite file, as ``before`` or empty, to be changed; it counts only once a manifest names it."""
    if before is not None:
        shutil.copyfile(before, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # write_manifest syncs it as a whole
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA secure_delete = ON")  # the text of a deleted document leaves the file too
        if before is None:
            connection.executescript(_SCHEMA)
        connection.execute("BEGIN")
        yield Store(connection)
        connection.execute("COMMIT")


@contextmanager
def reading(path: Path) -> Iterator[Store]:
    """A SQLite file that nobody changes any more. Any thread may use it, one at a time."""
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True, check_same_thread=False)) as connection:
        yield Store(connection)
