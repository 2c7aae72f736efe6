"""Files are read in a process of their own: a hostile or broken one can take no more than its limits, and harm nothing.

The process writes no file (its largest may have 0 bytes), has so much memory and no more, and is killed when a file
takes too long; the next file gets a new one. What it sends is JSON, never pickle: were it taken over by what it reads,
it could still send nothing but texts.
"""

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import Lang, duration, language, set_language, tr
from prosa.corpus.config import CorpusConfig
from prosa.corpus.problems import Problems
from prosa.retrieve.passage import Passage, Place
from prosa.retrieve.reading import Limits, read_passages

_BATCH = 200  # passages in a message
_LARGEST = 64_000_000  # bytes of a message
_STARTING = 60.0  # seconds in which the process must be there


class Unread(Exception):
    """A file could not be read, and why."""


class FileReader:
    """Reads files, one at a time. Close it, or use it in ``with``."""

    def __init__(self, config: CorpusConfig | None = None, limits: Limits | None = None) -> None:
        self._config, self._limits = config or CorpusConfig(), limits or Limits()
        self._process: Any = None
        self._connection: Connection

    def __enter__(self) -> "FileReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: Path, problems: list[str]) -> Iterator[list[Passage]]:
        """The passages of a file, some at a time; what could not be read of it is added to ``problems``.

        Raises:
            Unread: it took too long or too much memory, or ended the process; what came before is not the whole file.
            UserError: the library for its format is not installed, or the process cannot start.
        """
        finished = False
        try:
            if self._process is None:
                self._start()
            deadline = time.monotonic() + self._limits.seconds
            self._connection.send_bytes(json.dumps(os.fsencode(path).hex()).encode())
            while not finished:
                if not self._connection.poll(max(0.0, deadline - time.monotonic())):
                    limit = duration(self._limits.seconds)
                    raise Unread(tr(f"stopped after {limit}", f"interrompido depois de {limit}"))
                kind, value = json.loads(self._connection.recv_bytes(_LARGEST))
                if kind == "passages":
                    yield [Passage(text, Place(**place)) for text, place in value]
                elif kind == "missing":
                    raise UserError(*value)
                else:
                    finished = True
                    problems += value
        except (EOFError, OSError) as error:
            raise Unread(
                tr(
                    "reading it took too much memory or ended the process",
                    "a leitura tomou memória demais ou encerrou o processo",
                )
            ) from error
        finally:  # also on Ctrl-C
            if not finished:
                self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            self._connection.close()
            if process.pid is not None:  # else it did not start
                process.kill()
                process.join()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # without this process's memory, and what is open in it
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._config, self._limits, language()), name="prosa-reader", daemon=True
        )
        try:
            self._process.start()
            theirs.close()
            if not self._connection.poll(_STARTING):
                raise EOFError
            self._connection.recv_bytes()
        except (EOFError, OSError, RuntimeError) as error:
            self.close()
            raise UserError(
                tr("the process that reads files did not start.", "o processo que lê os arquivos não iniciou."),
                tr(
                    'A script of yours must call this under `if __name__ == "__main__":`.',
                    'Um script seu precisa chamar isto dentro de `if __name__ == "__main__":`.',
                ),
            ) from error


def _serve(connection: Connection, config: CorpusConfig, limits: Limits, lang: Lang) -> None:
    """The life of the process: read files until it is killed, or its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_language(lang)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # libraries complain of what they read
        os.dup2(nowhere, stream)
    _confine(limits)
    connection.send_bytes(b"ready")
    while True:
        try:
            path = Path(os.fsdecode(bytes.fromhex(json.loads(connection.recv_bytes()))))
        except EOFError:
            return
        _answer(connection, path, config, limits)


def _answer(connection: Connection, path: Path, config: CorpusConfig, limits: Limits) -> None:
    def send(kind: str, value: Any) -> None:
        connection.send_bytes(json.dumps([kind, value]).encode())

    problems, batch = Problems(), []
    try:
        for passage in read_passages(path, config, limits, problems):
            batch.append((passage.text, asdict(passage.place)))
            if len(batch) == _BATCH:
                send("passages", batch)
                batch = []
    except UserError as error:
        send("missing", [error.what, error.hint])
        return
    except MemoryError:
        os._exit(1)  # its memory is in pieces
    except Exception as error:  # a parser's own
        problems.add(path.as_posix(), f"{type(error).__name__}: {error}"[:200])
    if batch:
        send("passages", batch)
    send("done", [_told(problem.source, problem.why, path) for problem in problems.named])


def _told(source: str, why: str, path: Path) -> str:
    """A problem without the file's name, which the reader of it knows: ``7: not JSON``."""
    where = source.removeprefix(path.as_posix()).lstrip(":")
    return f"{where}: {why}" if where else why


def _confine(limits: Limits) -> None:
    sys.dont_write_bytecode = True
    with contextlib.suppress(ImportError):  # Windows has the limit of time alone
        import resource

        used = _address_space(resource.getpagesize())
        for what, most in (
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_AS, used + limits.memory),
        ):
            with contextlib.suppress(ValueError, OSError):  # macOS has no limit of address space
                resource.setrlimit(what, (most, most))


def _address_space(page: int) -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * page
    except OSError:
        return 0
