"""The console and the table that the terminal views share."""

import sys
from collections.abc import Sequence
from typing import Any, Protocol

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from prosa.show.markup import CONTROLS

PLAIN_WIDTH = 160  # columns where stdout is no terminal


class Jsonable(Protocol):
    """A result that knows its plain values, as ``--json`` prints them."""

    def to_json(self) -> dict[str, Any]:
        """The plain values."""
        ...


def new_console() -> Console:
    """A console on stdout, as wide as the terminal."""
    return Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)) -> Table:
    """Rows of plain text (never rich's markup); columns but those in ``left`` are right-aligned."""
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for i, head in enumerate(heads):
        made.add_column(Text(head), justify="left" if i in left else "right", overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell.translate(CONTROLS)) for cell in row))
    return made
