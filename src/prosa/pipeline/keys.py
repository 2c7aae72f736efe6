"""``prosa keys``: who may use the server, how much of it, what was used and what that costs."""

import math
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.serve.keys import Key, Keys
from prosa.serve.store import default_path
from prosa.serve.usage import Prices, Usage, UsageRow

DAYS = 30
CURRENCY = "BRL"
_LIMIT = re.compile(r"(\d{1,15})([kM]?)(?:/(?:day|dia))?")
_MANY = {"": 1, "k": 1_000, "M": 1_000_000}


@dataclass(frozen=True)
class NewKey:
    """A key that was just made: the only time that it is told."""

    name: str
    key: str
    limit: int | None

    def to_json(self) -> dict[str, Any]:
        """``{"name", "key", "limit"}``."""
        return asdict(self)


@dataclass(frozen=True)
class KeyList:
    """The keys, and what each has used today."""

    keys: list[tuple[Key, int]]

    def to_json(self) -> dict[str, Any]:
        """``{"keys": [{"name", "limit", "used_today", "created", "revoked"}]}``, times in ISO 8601, UTC."""
        return {
            "keys": [
                {
                    "name": key.name,
                    "limit": key.limit,
                    "used_today": used,
                    "created": _time(key.created),
                    "revoked": None if key.revoked is None else _time(key.revoked),
                }
                for key, used in self.keys
            ]
        }


@dataclass(frozen=True)
class Revoked:
    """The name whose key was ended."""

    name: str

    def to_json(self) -> dict[str, Any]:
        """``{"name"}``."""
        return asdict(self)


@dataclass(frozen=True)
class Used:
    """What was used, and the prices where they are set."""

    rows: list[UsageRow]
    prices: Prices | None

    def to_json(self) -> dict[str, Any]:
        """``{"rows", "totals": one a name, "total", "prices"}``; ``cost`` is None without prices."""
        names = sorted({row.name for row in self.rows})
        return {
            "rows": [{"day": row.day, "name": row.name, "model": row.model} | self._sum([row]) for row in self.rows],
            "totals": [{"name": name} | self._sum([row for row in self.rows if row.name == name]) for name in names],
            "total": self._sum(self.rows),
            "prices": None if self.prices is None else asdict(self.prices),
        }

    def _sum(self, rows: list[UsageRow]) -> dict[str, Any]:
        fields = ("requests", "prompt_tokens", "cached_tokens", "completion_tokens")
        sums = {field: sum(getattr(row, field) for row in rows) for field in fields}
        cost = self.prices and self.prices.cost(sums["prompt_tokens"], sums["completion_tokens"])
        return sums | {"cost": cost}


@dataclass(frozen=True)
class SetPrices:
    """The prices in force, if any."""

    prices: Prices | None

    def to_json(self) -> dict[str, Any]:
        """``{"prompt", "completion", "currency"}`` of 1,000 tokens; all None where no prices are set."""
        return asdict(self.prices) if self.prices else dict.fromkeys(("prompt", "completion", "currency"))


def add(name: str, *, limit: str | None = None, keys: Path | None = None) -> NewKey:
    """Make a key for a person or a program; it is shown this once, and the server knows it at once.

    Args:
        name: Whose it is: letters, digits and . _ - @
        limit: Tokens a day (UTC), prompts and answers together: 100000/day, 500k/day, 2M (default: no limit).
        keys: File of the keys (default: serve.sqlite in PROSA_HOME, or in ~/.local/share/prosa).

    Raises:
        UserError: a bad name or limit, or the name has a key; a file that is not one of keys.
    """
    tokens = None if limit is None else _tokens_a_day(limit)
    store = Keys(keys or default_path())
    try:
        return NewKey(name, store.add(name, limit=tokens), tokens)
    finally:
        store.close()


def list_keys(*, keys: Path | None = None) -> KeyList:
    """All keys with their limits and what each has used today (UTC); never the secrets.

    Args:
        keys: File of the keys (default: serve.sqlite in PROSA_HOME, or in ~/.local/share/prosa).

    Raises:
        UserError: there is no such file, or it is not one of keys.
    """
    path = _there(keys)
    store, usage = Keys(path), Usage(path)
    try:
        return KeyList([(key, usage.today(key.id)) for key in store.list()])
    finally:
        store.close()
        usage.close()


def revoke(name: str, *, keys: Path | None = None) -> Revoked:
    """End a key at once, also in a running server; its usage stays on record and its name is free.

    Args:
        name: Whose.
        keys: File of the keys (default: serve.sqlite in PROSA_HOME, or in ~/.local/share/prosa).

    Raises:
        UserError: no live key of that name; there is no such file, or it is not one of keys.
    """
    store = Keys(_there(keys))
    try:
        store.revoke(name)
    finally:
        store.close()
    return Revoked(name)


def usage(*, days: int = DAYS, name: str | None = None, keys: Path | None = None) -> Used:
    """Tokens by day, key and model, and what they cost at the prices of `prosa keys prices`.

    Args:
        days: So many days (UTC), today included.
        name: Of this key alone.
        keys: File of the keys (default: serve.sqlite in PROSA_HOME, or in ~/.local/share/prosa).

    Raises:
        UserError: no days, no key of that name; there is no such file, or it is not one of keys.
    """
    if not 1 <= days <= 36_500:
        raise UserError(tr(f"--days {days}: at least 1.", f"--days {days}: no mínimo 1."))
    path = _there(keys)
    store, used = Keys(path), Usage(path)
    try:
        names = {key.name for key in store.list()}
        if name is not None and name not in names:
            raise unknown(tr("key", "chave"), name, names)
        return Used(used.rows(days=days, name=name), used.prices())
    finally:
        store.close()
        used.close()


def prices(
    prompt: float | None = None,
    completion: float | None = None,
    *,
    currency: str | None = None,
    keys: Path | None = None,
) -> SetPrices:
    """Set what 1,000 tokens cost, or show it: `prosa keys usage` counts with these prices, past days too.

    Args:
        prompt: Price of 1,000 tokens that the model reads.
        completion: Price of 1,000 tokens that it writes.
        currency: Three letters (default: the one set before, else BRL).
        keys: File of the keys (default: serve.sqlite in PROSA_HOME, or in ~/.local/share/prosa).

    Raises:
        UserError: one price without the other, a price below 0, no currency; a file that is not one of keys.
    """
    if prompt is None and completion is None and currency is None and not (keys or default_path()).exists():
        return SetPrices(None)
    store = Usage(keys or default_path())
    try:
        before = store.prices()
        if prompt is not None or completion is not None or currency is not None:
            store.set_prices(_checked(prompt, completion, currency, before))
        return SetPrices(store.prices())
    finally:
        store.close()


def _checked(prompt: float | None, completion: float | None, currency: str | None, before: Prices | None) -> Prices:
    if prompt is None and completion is None and before is not None:  # --currency alone
        prompt, completion = before.prompt, before.completion
    if prompt is None or completion is None:
        raise UserError(
            tr(
                "two prices are needed: of the prompt and of the answer.", "faltam preços: o do prompt e o da resposta."
            ),
            tr("Such as: prosa keys prices 0.5 1.5", "Por exemplo: prosa keys prices 0.5 1.5"),
        )
    for price in (prompt, completion):
        if not (math.isfinite(price) and price >= 0):
            raise UserError(
                tr(f"{price} is no price.", f"{price} não é um preço."), tr("From 0 up.", "De 0 para cima.")
            )
    code = (currency or (before.currency if before else CURRENCY)).upper()
    if not re.fullmatch("[A-Z]{3}", code):
        raise UserError(
            tr(f"{currency!r} is no currency.", f"{currency!r} não é uma moeda."),
            tr("Three letters: BRL, EUR, USD.", "Três letras: BRL, EUR, USD."),
        )
    return Prices(prompt, completion, code)


def _tokens_a_day(limit: str) -> int:
    found = _LIMIT.fullmatch(limit.strip())
    if found is None:
        raise UserError(
            tr(
                f"--limit {limit!r} is no number of tokens a day.",
                f"--limit {limit!r} não é um número de tokens por dia.",
            ),
            tr("Such as: 100000/day, 500k/day, 2M", "Por exemplo: 100000/dia, 500k/dia, 2M"),
        )
    return int(found[1]) * _MANY[found[2]]


def _there(keys: Path | None) -> Path:
    path = keys or default_path()
    if not path.exists():
        raise UserError(
            tr(f"there are no keys: {path} does not exist.", f"não há chaves: {path} não existe."),
            "prosa keys add NAME",
        )
    return path


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
