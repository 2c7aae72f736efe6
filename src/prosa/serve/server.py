"""The server itself: uvicorn, within limits, ending with grace."""

import contextlib
import errno
import socket
from collections.abc import Iterator
from types import ModuleType

import uvicorn

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.serve.app import make_app
from prosa.serve.protocol import protocol
from prosa.serve.state import State

resource: ModuleType | None = None
with contextlib.suppress(ImportError):  # Windows has no such limits
    import resource

BACKLOG = 2048
_REASONS = {
    errno.EADDRINUSE: "a porta já está em uso",
    errno.EADDRNOTAVAIL: "esta máquina não tem esse endereço",
    errno.EACCES: "permissão negada",
}
"""In Portuguese, why a port may not be had; the system says it in English."""
FILES = 128
"""Open files beside connections."""
SLACK = 5
"""Seconds of uvicorn's own patience after ours."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens already; port 0 takes a free one.

    Raises:
        UserError: the port is taken, or the address is none of this machine's.
    """
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, number)
    except OSError as error:
        raise UserError(tr(f"{host} is no address: {error}", f"{host} não é um endereço: {error}")) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UserError(
            tr(
                f"cannot listen on {host}:{port}: {error.strerror}.",
                f"não é possível escutar em {host}:{port}: {_REASONS.get(error.errno or 0, error.strerror)}.",
            ),
            tr(
                "Another server may be there already. Choose another port with --port; --port 0 takes any free one.",
                "Talvez outro servidor já esteja ali. Escolha outra porta com --port; --port 0 usa qualquer uma livre.",
            ),
        ) from error
    listener.setblocking(False)
    return listener


def allow_connections(n: int) -> None:
    """Let this process have so many open files, where the system lets it: 1,024, a usual limit, is soon reached."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = n + FILES if hard == resource.RLIM_INFINITY else min(n + FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def address_of(listener: socket.socket) -> str:
    """``http://127.0.0.1:8000``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Serves until it is told to end (SIGTERM, Ctrl-C, ``should_exit``).

    Then no new connection is taken, and answers that are being written may take ``shutdown_seconds``; what is left is
    told so and cancelled.
    """

    def __init__(self, state: State) -> None:
        config = state.config
        allow_connections(config.connections)
        self._state = state
        super().__init__(
            uvicorn.Config(
                make_app(state),
                http=protocol(config),
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=max(1, round(config.header_seconds)),
                timeout_graceful_shutdown=round(config.shutdown_seconds + SLACK),
                h11_max_incomplete_event_size=64 * 1024,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Come back after a signal: keys and usage are still to be closed (uvicorn would raise it again)."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, as said above."""
        self._state.deadlines.close()
        await super().shutdown(sockets)
