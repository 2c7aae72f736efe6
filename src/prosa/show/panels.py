"""Plots of several panels, one above the other, over one axis of steps."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from prosa.core.language import language, tr

HEIGHT = 380
POINTS = 1500  # a curve's points in the file: no screen shows more
AXIS = {"gridcolor": "var(--grid)", "linecolor": "var(--grid)", "zeroline": False, "ticks": "", "automargin": True}


@dataclass(frozen=True)
class Line:
    """A curve of a panel."""

    x: Sequence[float]
    y: Sequence[float]
    name: str
    color: str
    markers: bool = False
    faint: bool = False  # behind the others, without a name


@dataclass(frozen=True)
class Panel:
    """Curves that share an axis, whose title it has; ``hover`` is how plotly writes a value."""

    title: str
    hover: str
    lines: Sequence[Line]


def stacked(*panels: Panel, from_zero: bool = False, legend: bool = False) -> go.Figure | None:
    """One panel each that has values, over one step axis."""
    panels = tuple(panel for panel in panels if any(line.y for line in panel.lines))
    if not panels:
        return None
    plot = blank(tr("step", "passo"), "")
    gap = 0.2 / len(panels) if len(panels) > 1 else 0.0
    tall = (1 - gap * (len(panels) - 1)) / len(panels)
    named: set[str] = set()
    for i, panel in enumerate(panels):
        suffix = str(i + 1) if i else ""
        top = 1 - i * (tall + gap)
        for line in panel.lines:
            x, y = thin(line.x, line.y)
            plot.add_trace(
                go.Scatter(
                    x=x,
                    y=y,
                    name=line.name,
                    yaxis=f"y{suffix}",
                    mode="lines+markers" if line.markers else "lines",
                    line={"color": line.color, "width": 1 if line.faint else 1.75},
                    marker={"size": 5},
                    showlegend=not line.faint and line.name not in named,
                    legendgroup=line.name,
                    **({"hoverinfo": "skip"} if line.faint else {"hovertemplate": panel.hover}),
                )
            )
            if not line.faint:
                named.add(line.name)
        axis = {
            **AXIS,
            "domain": [max(0.0, top - tall), top],
            "rangemode": "tozero" if from_zero else "normal",
            "title": {"text": panel.title, "standoff": 8},
        }
        plot.update_layout({f"yaxis{suffix}": axis})
    every = [step for panel in panels for line in panel.lines for step in line.x]
    plot.update_xaxes(range=with_room([min(every), max(every)]))
    plot.update_layout(xaxis_anchor=f"y{len(panels) if len(panels) > 1 else ''}", showlegend=legend)
    plot.update_layout(height=(220 if len(panels) <= 2 else 160) * len(panels) + 40, margin={"t": 36 if legend else 12})
    return plot


def blank(x_title: str, y_title: str) -> go.Figure:
    """A figure without data, in the report's looks."""
    return go.Figure(
        layout={
            "template": "none",
            "height": HEIGHT,
            "margin": {"l": 60, "r": 16, "t": 36, "b": 48},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {
                "family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
                "size": 13,
                "color": "var(--ink)",
            },
            "separators": ",." if language() == "pt-BR" else ".,",
            "hovermode": "x unified",
            "hoverlabel": {"bgcolor": "var(--card)", "bordercolor": "var(--grid)", "font": {"color": "var(--ink)"}},
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
            "xaxis": {**AXIS, "title": {"text": x_title, "standoff": 8}, "separatethousands": True},
            "yaxis": {**AXIS, "title": {"text": y_title, "standoff": 8}},
        }
    )


def thin(x: Sequence[float], y: Sequence[float], most: int = POINTS) -> tuple[list[float], list[float]]:
    """At most ``most`` of the points, evenly, the first and the last among them."""
    if len(x) <= most:
        return list(x), list(y)
    picks = [round(i * (len(x) - 1) / (most - 1)) for i in range(most)]
    return [x[i] for i in picks], [y[i] for i in picks]


def with_room(ends: Sequence[float]) -> list[float]:
    """An axis range a little wider than the data, so that nothing is drawn on its edge."""
    room = 0.015 * (ends[1] - ends[0]) or 0.5
    return [ends[0] - room, ends[1] + room]
