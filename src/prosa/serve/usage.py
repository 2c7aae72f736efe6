"""What each key used a day, and that no day's limit is passed.

A request first reserves the most it may use (its prompt and ``max_tokens``); in one transaction this is held against
the limit less what the day has used and what other requests have reserved, so that parallel requests cannot pass it
together. Once the response has ended, whole or cut off by the client, ``settle`` puts what was really used in place of
the reservation. Both count on the day (UTC) of the reservation.

**A server that is killed** settles nothing: what it had begun is not charged, since nobody has the whole of it. Its
reservations keep nobody from the limit: where one would, those of processes that are gone (by their number, on the same
machine) are dropped, and any that is older than ``lifetime``, which must be longer than a request may take.
"""

import os
import secrets
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.serve.keys import Key
from prosa.serve.store import Store

LIFETIME = 900.0  # seconds
_PROCESS = secrets.token_hex(8)  # tells this process from an earlier one with its number


class QuotaExceeded(UserError):
    """A key's tokens of this UTC day do not suffice.

    Args:
        limit: The key's, tokens a day.
        left: What neither is used nor reserved.
        asked: What the request may use.
        seconds: Until the next UTC day.
    """

    def __init__(self, limit: int, left: int, asked: int, seconds: int) -> None:
        self.limit, self.left, self.asked, self.seconds = limit, left, asked, seconds
        hint = tr("Try again after midnight UTC.", "Tente de novo depois da meia-noite UTC.")
        if left > 0:
            hint = tr("Ask for fewer tokens (max_tokens).", "Peça menos tokens (max_tokens).")
        may, of, still = number(asked), number(limit), number(left)
        super().__init__(
            tr(
                f"this request may use {may} tokens; of the {of} of today {still} are left.",
                f"este pedido pode usar {may} tokens; dos {of} de hoje restam {still}.",
            ),
            hint,
        )


@dataclass(frozen=True)
class Reservation:
    """Tokens held for a request until it is settled."""

    key_id: int
    day: str
    id: int | None  # None where the key has no limit and nothing is held


@dataclass(frozen=True)
class UsageRow:
    """What a key used of a model on a day (``2026-11-25``, UTC)."""

    day: str
    name: str
    model: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int  # of the prompt tokens: those that the engine still had from earlier requests


@dataclass(frozen=True)
class Prices:
    """Prices of 1,000 tokens."""

    prompt: float
    completion: float
    currency: str

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What these tokens cost."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1000


class Usage:
    """The usage in a file, the same as the keys'; safe from several threads and processes.

    Args:
        lifetime: Seconds after which a reservation that nobody settled counts no more.

    Raises:
        UserError: the file is not one of keys, is damaged, or cannot be read and written.
    """

    def __init__(self, path: Path, *, lifetime: float = LIFETIME) -> None:
        self._store = Store(path)
        self._lifetime = lifetime
        self._host = socket.gethostname()

    def reserve(self, key: Key, tokens: int) -> Reservation:
        """Hold tokens for a request that is about to begin.

        Args:
            tokens: The most it may use: the prompt's, and ``max_tokens`` for each of its ``n`` answers.

        Raises:
            QuotaExceeded: the key has not so many left today.
        """
        now = time.time()
        day = _day(now)
        if key.limit is None:
            return Reservation(key.id, day, None)
        with self._store.writing():
            left = self._left(key.id, key.limit, day)
            if tokens > left:
                self._release_of_the_dead(now)
                left = self._left(key.id, key.limit, day)
            if tokens > left:
                raise QuotaExceeded(key.limit, max(left, 0), tokens, _seconds_to_midnight(now))
            made = self._store.run(
                "INSERT INTO reservations VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
                key.id,
                day,
                tokens,
                now + self._lifetime,
                self._host,
                os.getpid(),
                _PROCESS,
            )
        return Reservation(key.id, day, made.lastrowid)

    def settle(
        self,
        reservation: Reservation,
        model: str,
        *,
        prompt_tokens: int,
        completion_tokens: int,
        cached_tokens: int = 0,
    ) -> None:
        """Record what a request used, and give back the rest of what it held. To be called once a reservation."""
        with self._store.writing():
            self._give_back(reservation)
            self._add(reservation.key_id, reservation.day, model, prompt_tokens, completion_tokens, cached_tokens)

    def release(self, reservation: Reservation) -> None:
        """Give back what was held for a request that used nothing (it was refused after all)."""
        with self._store.writing():
            self._give_back(reservation)

    def record(
        self, key_id: int, model: str, *, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0
    ) -> None:
        """Record what was used without a reservation."""
        with self._store.writing():
            self._add(key_id, _day(time.time()), model, prompt_tokens, completion_tokens, cached_tokens)

    def today(self, key_id: int) -> int:
        """Tokens that a key used on this UTC day, prompts and completions together."""
        return self._used(key_id, _day(time.time()))

    def rows(self, *, days: int | None = None, name: str | None = None) -> list[UsageRow]:
        """Usage by day, key and model, the newest day first; keys of the same name (one after the other) are added up.

        Args:
            days: So many UTC days, the current one included; None for all.
            name: Of this name alone.
        """
        first = "" if days is None else _day((datetime.now(UTC) - timedelta(days=days - 1)).timestamp())
        found = self._store.rows(
            "SELECT day, name, model, sum(requests), sum(prompt_tokens), sum(completion_tokens), sum(cached_tokens) "
            "FROM usage JOIN keys ON keys.id = key_id WHERE day >= ? AND (? IS NULL OR name = ?) "
            "GROUP BY day, name, model ORDER BY day DESC, name, model",
            first,
            name,
            name,
        )
        return [UsageRow(*row) for row in found]

    def prices(self) -> Prices | None:
        """What was last set, or None."""
        found = self._store.rows("SELECT prompt, completion, currency FROM prices")
        return Prices(*found[0]) if found else None

    def set_prices(self, prices: Prices) -> None:
        """Set what tokens cost, those of earlier days too."""
        with self._store.writing():
            self._store.run(
                "INSERT OR REPLACE INTO prices (only, prompt, completion, currency) VALUES (1, ?, ?, ?)",
                prices.prompt,
                prices.completion,
                prices.currency,
            )

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _left(self, key_id: int, limit: int, day: str) -> int:
        return limit - self._used(key_id, day) - self._reserved(key_id, day)

    def _used(self, key_id: int, day: str) -> int:
        sql = "SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) FROM usage WHERE key_id = ? AND day = ?"
        return int(self._store.value(sql, key_id, day))

    def _reserved(self, key_id: int, day: str) -> int:
        sql = "SELECT coalesce(sum(tokens), 0) FROM reservations WHERE key_id = ? AND day = ?"
        return int(self._store.value(sql, key_id, day))

    def _give_back(self, reservation: Reservation) -> None:
        if reservation.id is not None:
            self._store.run("DELETE FROM reservations WHERE id = ?", reservation.id)

    def _add(self, key_id: int, day: str, model: str, prompt: int, completion: int, cached: int) -> None:
        self._store.run(
            "INSERT INTO usage VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT (key_id, day, model) DO UPDATE SET "
            "requests = requests + 1, prompt_tokens = prompt_tokens + excluded.prompt_tokens, "
            "completion_tokens = completion_tokens + excluded.completion_tokens, "
            "cached_tokens = cached_tokens + excluded.cached_tokens",
            key_id,
            day,
            model,
            prompt,
            completion,
            cached,
        )

    def _release_of_the_dead(self, now: float) -> None:
        self._store.run("DELETE FROM reservations WHERE until <= ?", now)
        processes = "SELECT DISTINCT pid, process FROM reservations WHERE host = ?"
        for pid, process in self._store.rows(processes, self._host):
            if process != _PROCESS and not _lives(pid):
                self._store.run("DELETE FROM reservations WHERE process = ?", process)


def _lives(pid: int) -> bool:
    """Whether another process with this number runs; where that cannot be known (Windows), yes."""
    if pid == os.getpid():
        return False  # it had our number before us
    if os.name == "nt":  # there os.kill(pid, 0) is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _seconds_to_midnight(seconds: float) -> int:
    return 86_400 - int(seconds % 86_400)
