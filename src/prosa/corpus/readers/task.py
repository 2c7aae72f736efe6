"""What passes between the process that walks the files and those that read them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.corpus.config import CorpusConfig
from prosa.corpus.problems import Problems

BLOCK = 1_000_000  # bytes of lines or rows that travel to a worker together


@dataclass(frozen=True, slots=True)
class Task:
    """A file, or a piece of one that is too large to be read at once.

    Attributes:
        path: the file.
        format: its format, as ``files.file_format`` has it.
        size: bytes of the file that the task stands for, for the progress bar.
        piece: its number in the file, from 1; 0 when the task is the whole file.
        data: the piece's bytes (text formats).
        records: numbered lines (JSONL: undecoded) or rows (Parquet; None is a null).
    """

    path: Path
    format: str
    size: int
    piece: int = 0
    data: bytes = b""
    records: tuple[tuple[int, bytes | str | None], ...] = ()

    @property
    def source(self) -> str:
        """How the task's text is called in reports."""
        return f"{self.path.as_posix()}#{self.piece}" if self.piece > 1 else self.path.as_posix()


@dataclass(frozen=True, slots=True)
class Raw:
    """A text as it was decoded, before any repair."""

    text: str
    source: str
    format: str
    encoding: str = "utf-8"


class Reader(Protocol):
    """What each module of this package offers."""

    def tasks(self, path: Path, config: CorpusConfig, problems: Problems) -> Iterator[Task]:
        """Cut a file into tasks of bounded memory. An unreadable file is a problem, not an error."""
        ...

    def texts(self, task: Task, config: CorpusConfig, problems: Problems) -> Iterator[Raw]:
        """The texts of a task."""
        ...


def missing_extra(package: str, format: str) -> UserError:
    """The error for a format whose library is not installed."""
    return UserError(
        tr(f"reading {format} needs the package {package}.", f"ler {format} exige o pacote {package}."),
        "pip install 'prosa[docs]'",
    )


def why(error: BaseException) -> str:
    """An exception in one short line; of the system's errors, what the system says."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(f"{type(error).__name__}: {error}".split())[:200].removesuffix(": ")
