"""Long work shows itself: a bar with rate and time left on a terminal, plain lines otherwise; always on stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from prosa.core.language import duration, number, tr

PLAIN_LINE_SECONDS = 10.0


class Bar(Protocol):
    """What the work tells the bar."""

    def advance(self, n: float = 1, note: str = "") -> None:
        """``n`` more units are done; ``note`` is shown at the end of the line (a loss, a file name)."""
        ...

    def resize(self, total: float) -> None:
        """There are ``total`` units after all."""
        ...


def say(text: str) -> None:
    """A message to the user, on stderr (stdout is for results)."""
    print(text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """A message that something is not as it should be."""
    say(tr("warning: ", "aviso: ") + text)


@contextmanager
def progress(label: str, total: float | None, unit: str, done: float = 0) -> Iterator[Bar]:
    """A progress bar for ``total`` units (None: unknown), of which ``done`` were done before (a resumed run)."""
    if sys.stderr.isatty():
        with _rich(label, total, unit, done) as bar:
            yield bar
    else:
        plain = _Plain(label, total, unit, done)
        yield plain
        plain.close()


class _Plain:
    def __init__(self, label: str, total: float | None, unit: str, done: float) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.start_done = self.done = done
        self.start = self.last = time.monotonic()
        self.note = ""
        self.told: float | None = None

    def advance(self, n: float = 1, note: str = "") -> None:
        self.done += n
        self.note = note or self.note
        now = time.monotonic()
        if now - self.last >= PLAIN_LINE_SECONDS:
            self.last = now
            self._line(now)

    def resize(self, total: float) -> None:
        self.total = total

    def close(self) -> None:
        if self.told is None or self.told < self.done:
            self._line(time.monotonic())

    def _line(self, now: float) -> None:
        self.told = self.done
        elapsed = max(now - self.start, 1e-9)
        rate = (self.done - self.start_done) / elapsed
        digits = 1 if self.total is not None and self.total < 10 and self.total % 1 else 0
        text = f"{self.label}: {number(self.done, digits)}"
        if self.total is not None:
            text += f"/{number(self.total, digits)}"
        text += f" {self.unit}, {number(rate, 1 if rate < 100 else 0)} {self.unit}/s"
        if self.total is not None and rate > 0 and self.done < self.total:
            text += ", " + tr("left: ", "faltam: ") + duration((self.total - self.done) / rate)
        else:
            text += f", {duration(elapsed)}"
        say(f"{text}  {self.note}".rstrip())


@contextmanager
def _rich(label: str, total: float | None, unit: str, done: float) -> Iterator[Bar]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            rate = task.finished_speed or task.speed
            return Text("" if rate is None else f"{number(rate, 1 if rate < 100 else 0)} {unit}/s", style="cyan")

    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(label, total=total, completed=int(done), note="")

        class _Rich:
            def advance(self, n: float = 1, note: str = "") -> None:
                if note:
                    bars.update(task, advance=n, note=note)
                else:
                    bars.update(task, advance=n)

            def resize(self, total: float) -> None:
                bars.update(task, total=total)

        yield _Rich()
