"""Keys of the server: who may use it, and how many tokens a day.

A key is ``prosa-`` and 43 characters of 256 random bits. The file has only its SHA-256: with so many random bits a slow
hash would add nothing. A key is found by its digest, so that what time tells is at most about a digest, from which no
key follows; the digests are then compared in constant time.
"""

import hashlib
import hmac
import re
import secrets
import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.serve.store import Store

PREFIX = "prosa-"
LONGEST_NAME = 64
MOST_TOKENS = 10**15  # of a limit: more is a slip of the finger
_NAME = re.compile(r"\w[\w.@-]*")
_COLUMNS = "id, name, daily_limit, created, revoked"


@dataclass(frozen=True)
class Key:
    """A key without its secret. Times are seconds since 1970."""

    id: int
    name: str
    limit: int | None  # tokens a UTC day, prompt and completion together; None has no limit
    created: float
    revoked: float | None = None


class Keys:
    """The keys in a file; safe from several threads and processes, and what one changes the others see at once.

    Raises:
        UserError: the file is not one of keys, is damaged, or cannot be read and written.
    """

    def __init__(self, path: Path) -> None:
        self._store = Store(path, durable=True)

    def add(self, name: str, *, limit: int | None = None) -> str:
        """Make a key; it is told here and never again.

        Args:
            name: Letters, digits and ``. _ - @``; free again once its key is revoked.
            limit: Tokens a UTC day.

        Raises:
            UserError: a bad name or limit, or the name has a key.
        """
        name = _checked(name)
        if limit is not None and not 1 <= limit <= MOST_TOKENS:
            raise UserError(
                tr(f"a limit of {limit} tokens a day is not possible.", f"um limite de {limit} tokens por dia não dá."),
                tr("It is from 1 up, or none.", "Vai de 1 para cima, ou nenhum."),
            )
        key = PREFIX + secrets.token_urlsafe(32)
        with self._store.writing():
            if self._store.value("SELECT id FROM keys WHERE name = ? AND revoked IS NULL", name) is not None:
                raise UserError(
                    tr(f"{name} has a key already.", f"{name} já tem uma chave."),
                    tr(
                        f"Choose another name, or revoke it first: prosa keys revoke {name}",
                        f"Escolha outro nome, ou revogue-a antes: prosa keys revoke {name}",
                    ),
                )
            self._store.run(
                "INSERT INTO keys (name, digest, daily_limit, created) VALUES (?, ?, ?, ?)",
                name,
                _digest(key),
                limit,
                time.time(),
            )
        return key

    def find(self, key: str) -> Key | None:
        """The live key with this secret, or None."""
        digest = _digest(key)
        for stored, *row in self._store.rows(
            f"SELECT digest, {_COLUMNS} FROM keys WHERE digest = ? AND revoked IS NULL", digest
        ):
            if hmac.compare_digest(stored, digest):
                return Key(*row)
        return None

    def list(self) -> list[Key]:
        """All keys, the revoked too, in the order they were made."""
        return [Key(*row) for row in self._store.rows(f"SELECT {_COLUMNS} FROM keys ORDER BY id")]

    def revoke(self, name: str) -> None:
        """End a key; its usage stays.

        Raises:
            UserError: no live key has this name.
        """
        name = unicodedata.normalize("NFC", name)
        with self._store.writing():
            done = self._store.run(
                "UPDATE keys SET revoked = ? WHERE name = ? AND revoked IS NULL", time.time(), name
            ).rowcount
        if not done:
            live = [key.name for key in self.list() if key.revoked is None]
            if not live:
                raise UserError(tr("there are no keys.", "não há chaves."), "prosa keys add NAME")
            raise unknown(tr("key", "chave"), name, live)

    @property
    def path(self) -> Path:
        """The file."""
        return self._store.path

    def close(self) -> None:
        """Close the file."""
        self._store.close()


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _checked(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    shown = name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "…"
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise UserError(
            tr(
                f"{shown!r} is no name for a key.",
                f"{shown!r} não serve de nome para uma chave.",
            ),
            tr(
                f"Up to {LONGEST_NAME} letters, digits and . _ - @, beginning with a letter or digit.",
                f"Até {LONGEST_NAME} letras, algarismos e . _ - @, começando com letra ou algarismo.",
            ),
        )
    return name
