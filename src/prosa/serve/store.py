"""The SQLite file of keys and usage: opened by the server and by ``prosa keys`` at the same time.

It is in WAL mode, so that readers never wait; a writer waits for another one up to ``BUSY`` seconds. A commit survives
the end of the process (``kill -9``) as soon as it has returned; ``Keys`` asks for more (``durable``), and survives a
power cut too.
"""

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr

APPLICATION = 0x50525341  # "PRSA", in the file's header: that it is ours
VERSION = 1
BUSY = 10.0  # seconds
_MAKING = threading.Lock()

SCHEMA = """
CREATE TABLE keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, digest BLOB NOT NULL UNIQUE, daily_limit INTEGER,
    created REAL NOT NULL, revoked REAL
);
CREATE UNIQUE INDEX one_live_key_a_name ON keys (name) WHERE revoked IS NULL;
CREATE TABLE usage (
    key_id INTEGER NOT NULL REFERENCES keys (id), day TEXT NOT NULL, model TEXT NOT NULL, requests INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
    PRIMARY KEY (key_id, day, model)
) WITHOUT ROWID;
CREATE TABLE reservations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key_id INTEGER NOT NULL REFERENCES keys (id), day TEXT NOT NULL,
    tokens INTEGER NOT NULL, until REAL NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, process TEXT NOT NULL
);
CREATE TABLE prices (
    only INTEGER PRIMARY KEY CHECK (only = 1), prompt REAL NOT NULL, completion REAL NOT NULL, currency TEXT NOT NULL
);
"""


class StoreError(UserError):
    """The file is not one of keys, is damaged, or cannot be read or written now (a full disk, another's lock)."""


def default_path() -> Path:
    """``serve.sqlite`` in ``PROSA_HOME``, else where this user's data are (``~/.local/share/prosa``)."""
    home = os.environ.get("PROSA_HOME")
    if home:
        return Path(home) / "serve.sqlite"
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "prosa" / "serve.sqlite"


class Store:
    """One connection, for all threads of this process.

    Args:
        path: Made, with mode 0600, where it is not there.
        durable: A commit waits until the disk has it.

    Raises:
        StoreError: it is no database, another program's, a newer Prosa's or damaged, or cannot be read and written.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._make()
        with self._telling():
            self._connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(durable)
            except BaseException:
                self._connection.close()
                raise

    def _make(self) -> None:
        """Make the file, private from the beginning.

        One that is there is not opened: closing it would end all locks that this process has on it (POSIX), those of
        its other connections too, and another process would then take their WAL away.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            with _MAKING, contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            why = error.strerror or error
            raise StoreError(
                tr(f"cannot open {self.path}: {why}", f"não consigo abrir {self.path}: {why}"), _another()
            ) from error

    def _prepare(self, durable: bool) -> None:
        tables = self.value("SELECT count(*) FROM sqlite_master")  # first: both appear in one commit of another process
        application = self.value("PRAGMA application_id")
        if application != APPLICATION and (application or tables):
            raise self._foreign()
        self._keep_private()
        mode = self.value("PRAGMA journal_mode = WAL")
        if mode != "wal":
            raise StoreError(
                tr(
                    f"{self.path}: this file system cannot share a database ({mode}).",
                    f"{self.path}: este sistema de arquivos não consegue compartilhar um banco ({mode}).",
                ),
                tr("Use a local disk.", "Use um disco local."),
            )
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        with self.writing():
            if self.value("PRAGMA application_id") != APPLICATION:  # nobody else made it meanwhile
                for statement in SCHEMA.split(";")[:-1]:
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
                self._connection.execute(f"PRAGMA user_version = {VERSION}")
        version = self.value("PRAGMA user_version")
        if version > VERSION:
            raise StoreError(
                tr(f"{self.path} was made by a newer Prosa.", f"{self.path} foi feito por uma Prosa mais nova."),
                tr("Update Prosa, or choose another --keys.", "Atualize a Prosa, ou escolha outro --keys."),
            )
        state = self.value("PRAGMA quick_check(1)")
        if state != "ok":
            raise self._damaged(state)

    def close(self) -> None:
        """Close the connection; what was committed is in the file."""
        with self._lock:
            self._connection.close()

    def _keep_private(self) -> None:
        """Digests and names are nobody else's business, also where the file was put back from a copy."""
        about = self.path.stat()
        if os.name != "nt" and about.st_uid == os.getuid() and about.st_mode & 0o077:
            self.path.chmod(0o600)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows."""
        with self._lock, self._telling():
            return self._connection.execute(sql, values).fetchall()

    def value(self, sql: str, *values: object) -> Any:
        """The first column of the first row, or None."""
        found = self.rows(sql, *values)
        return found[0][0] if found else None

    def run(self, sql: str, *values: object) -> sqlite3.Cursor:
        """Do one thing."""
        with self._lock, self._telling():
            return self._connection.execute(sql, values)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """All or nothing, and nobody else writes meanwhile."""
        with self._lock, self._telling():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk ends it by itself
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """SQLite's errors as the user's, with the file's name."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_NOTADB:
                raise self._foreign() from error
            if code == sqlite3.SQLITE_CORRUPT:
                raise self._damaged(str(error)) from error
            raise StoreError(tr(f"{self.path}: {error}", f"{self.path}: {error}"), _another()) from error

    def _foreign(self) -> StoreError:
        return StoreError(
            tr(f"{self.path} is not a file of Prosa's keys.", f"{self.path} não é um arquivo de chaves da Prosa."),
            _another(),
        )

    def _damaged(self, why: str) -> StoreError:
        return StoreError(
            tr(f"{self.path} is damaged: {why}", f"{self.path} está danificado: {why}"),
            tr(
                "Put a copy of it back, or move it away and add the keys anew.",
                "Restaure uma cópia, ou tire-o do lugar e crie as chaves de novo.",
            ),
        )


def _another() -> str:
    return tr("Choose another file with --keys.", "Escolha outro arquivo com --keys.")
