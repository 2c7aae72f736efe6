"""What each view of a model's inside is: a page, a picture, plain values, and a table of the main figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import plotly.graph_objects as go

from prosa.show.markup import Child
from prosa.show.panels import AXIS, blank


@dataclass(frozen=True)
class Summary:
    """A table, in the language in force."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Child]]


class View(Protocol):
    """A view of a model's inside."""

    def page(self) -> str:
        """The HTML file."""
        ...

    def draw(self, path: Path) -> None:
        """Write the picture (PNG).

        Raises:
            UserError: matplotlib is not installed, or the file cannot be written.
        """
        ...

    def to_json(self) -> dict[str, Any]:
        """The plain values."""
        ...

    def summary(self) -> Summary:
        """What the terminal shows."""
        ...


SHARES = [[(i / 4) ** 2, f"var(--heat-{i})"] for i in range(5)]
"""Colours of shares from 0 to 1, by their root: most shares are small."""

SIGNED = [
    [0, "var(--below-2)"],
    [0.25, "var(--below-1)"],
    [0.5, "var(--between)"],
    [0.75, "var(--above-1)"],
    [1, "var(--above-2)"],
]
"""Colours of values from -1 to 1."""


def zoomable(figure: go.Figure) -> None:
    """Give a plot buttons to zoom by, for screens where a finger scrolls."""
    figure.update_layout(meta={"zoom": True}, modebar={"bgcolor": "rgba(0,0,0,0)", "color": "var(--muted)"})


def heat(x_title: str, y_title: str, *, signed: bool = False, height: int = 480, **trace: Any) -> go.Figure:
    """A heat map of shares (0 to 1) or ``signed`` values (-1 to 1), first row on top; ``trace`` is ``go.Heatmap``'s."""
    figure = blank(x_title, y_title)
    figure.add_trace(
        go.Heatmap(
            **{
                "zmin": -1 if signed else 0,
                "zmax": 1,
                "colorscale": SIGNED if signed else SHARES,
                "colorbar": {"thickness": 12, "len": 0.8, "outlinewidth": 0, "tickformat": "" if signed else ".0%"},
                "hoverongaps": False,
                **trace,
            }
        )
    )
    figure.update_layout(height=height, hovermode="closest", margin={"t": 36})
    zoomable(figure)
    figure.update_xaxes({**AXIS, "showgrid": False})
    figure.update_yaxes({**AXIS, "showgrid": False, "autorange": "reversed"})
    return figure
