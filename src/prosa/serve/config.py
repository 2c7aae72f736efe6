"""What the server allows, each with a limit of its own."""

from dataclasses import dataclass, fields

from prosa.core.errors import UserError
from prosa.core.language import tr


@dataclass(frozen=True)
class ServeConfig:
    """Limits of the server.

    Raises:
        UserError: one is not above 0.
    """

    max_body: int = 4 * 2**20
    """The largest request, bytes."""
    max_messages: int = 1000
    """The most messages of a conversation."""
    max_tokens: int = 4096
    """The most tokens of an answer; also what an answer may have where the request says nothing."""
    max_n: int = 16
    """The most answers to one prompt."""
    max_inputs: int = 256
    """The most prompts, or texts to embed, of one request."""
    max_tools: int = 64
    """The most tools of a request."""
    rows: int = 64
    """Answers that are written at a time, by each model."""
    cache_mb: int = 1024
    """Memory of the keys and values of all models together, MiB."""
    queue: int = 256
    """Answers that may wait for their turn, for each model; more are refused (429)."""
    connections: int = 4096
    """Open connections; more are refused (503)."""
    header_seconds: float = 10
    """In which a request's headers must have come."""
    body_seconds: float = 10
    """In which its body must have come."""
    write_seconds: float = 10
    """A client that reads nothing for so long is dropped."""
    request_seconds: float = 600
    """In which an answer must be done."""
    keep_alive_seconds: float = 10
    """While nothing comes, a stream has a comment every so often."""
    shutdown_seconds: float = 30
    """At the end of the server: time for the answers that are being written."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 < value < float("inf"):
                flag = "--" + field.name.replace("_", "-")
                raise UserError(
                    tr(f"{flag} is {value}: it must be above 0.", f"{flag} é {value}: deve ser maior que 0.")
                )
