"""What is trained on and what is measured on: the side of whatever begins with a user's question, by a hash of it.

The side of one does not depend on the others, those that begin alike are on the same side, and a question is on the
same side in every stage: what preferences are measured on, no conversation that begins so was learnt from.
"""

import hashlib
from collections.abc import Sequence
from typing import Protocol, TypeVar

from prosa.tokenizers.chat import Message


class Asked(Protocol):
    """A conversation, or a prompt and its answers."""

    @property
    def asked(self) -> str:
        """The first user's turn."""
        ...


A = TypeVar("A", bound=Asked)


def first_asked(messages: Sequence[Message]) -> str:
    """The content of the first user's turn."""
    return next(message.content for message in messages if message.role == "user")


def divide(items: Sequence[A], share: float) -> tuple[list[A], list[A]]:
    """Items to train on, and about ``share`` of them to measure on, each list in the order of ``items``.

    Case and white space of what is asked make no difference.
    """
    train: list[A] = []
    held_out: list[A] = []
    for item in items:
        digest = hashlib.blake2b(" ".join(item.asked.casefold().split()).encode("utf-8"), digest_size=8).digest()
        (held_out if int.from_bytes(digest, "little") < share * 2**64 else train).append(item)
    return train, held_out
