"""The objects that tell answers, whole or as the chunks of a stream: what chats and completions have in common."""

import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from prosa.serve.accounts import Account
from prosa.serve.state import Asked
from prosa.serve.usage_form import usage

Part = TypeVar("Part")


@dataclass(frozen=True)
class Objects:
    """Those of one request.

    Args:
        kind: ``object`` of a whole answer; ``chunk_kind``: of a part.
        prefix: of the answer's id.
        usage_chunk: whether a stream tells its usage.
        more: what else each has.
    """

    asked: Asked
    kind: str
    chunk_kind: str
    prefix: str
    usage_chunk: bool
    more: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, choices: list[dict[str, Any]], account: Account) -> dict[str, Any]:
        """All of it."""
        return self._object(self.kind, choices, usage(account))

    def chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """A part."""
        return self._object(self.chunk_kind, choices, None)

    def last(self, account: Account) -> list[dict[str, Any]]:
        """What comes after all parts, when the account is closed: the usage is on disk before it is told."""
        return [self._object(self.chunk_kind, [], usage(account))] if self.usage_chunk else []

    def _object(self, kind: str, choices: list[dict[str, Any]], used: dict[str, Any] | None) -> dict[str, Any]:
        found = {
            "id": f"{self.prefix}-{self.id}",
            "object": kind,
            "created": self.created,
            "model": self.asked.served.name,
            "choices": choices,
            "system_fingerprint": self.asked.served.fingerprint,
            **self.more,
        }
        return {**found, "usage": used} if used is not None or self.usage_chunk else found


@contextlib.asynccontextmanager
async def begun(
    asked: Asked, cost: int, parts: Callable[[Account], AsyncGenerator[Part, None]]
) -> AsyncIterator[tuple[Account, AsyncGenerator[Part, None]]]:
    """The account of a request, and the parts of its answers; these end first.

    Args:
        cost: the most tokens that it may use.
    """
    async with (
        asked.state.accounts.open(asked.key, asked.served.name, cost) as account,
        contextlib.aclosing(parts(account)) as found,
    ):
        yield account, found
