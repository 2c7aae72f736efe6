"""The server's limits."""

from dataclasses import dataclass

from prosa.core.errors import UserError
from prosa.core.language import tr


@dataclass(frozen=True)
class Limits:
    """What a client may ask for, and for how long.

    Raises:
        UserError: a limit below its least; all are named at once.
    """

    batch: int = 64
    """Texts of a model that are written at the same time."""
    queue: int = 256
    """Texts of a model that may wait for a place in the batch; more is refused (429)."""
    memory: int = 1024
    """MiB for the keys and values of a model's texts."""
    body: int = 4096
    """KiB of a request's body."""
    messages: int = 1000
    """Messages of a conversation."""
    max_tokens: int = 0
    """Tokens of an answer; 0: as many as the model's context holds."""
    n: int = 16
    """Answers to one request: n, times the prompts of a completion."""
    inputs: int = 256
    """Texts of a request for embeddings."""
    header_seconds: float = 10.0
    """Until the first line and the headers of a request have come."""
    stall_seconds: float = 10.0
    """Without a byte of the body from the client, or without it taking one of ours."""
    body_seconds: float = 60.0
    """Until the body has come."""
    request_seconds: float = 600.0
    """For a whole request; what has been written by then is sent, and an error after it."""
    grace_seconds: float = 30.0
    """That answers may still take when the server is asked to end."""

    def __post_init__(self) -> None:
        least = {"max_tokens": 0, "grace_seconds": 0}
        wrong = [
            f"{name} {value}"
            for name, value in vars(self).items()
            if not (value >= least[name] if name in least else value > 0)
        ]
        if wrong:
            raise UserError(tr("limits out of range: ", "limites fora da faixa: ") + ", ".join(wrong))
