"""The ladder's picture as a plotly figure (for the page) and as a PNG (by matplotlib, where it is installed)."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from prosa.show.ladder import title
from prosa.show.ladder_layout import Layout, axis_titles, family_name, layout
from prosa.show.markup import escape
from prosa.show.panels import blank
from prosa.show.picture import new_picture, plain, save_picture

COLOURS = {  # of report.css, and its light values for the PNG
    "counts": ("var(--baseline)", "#77716a"),
    "feed-forward": ("var(--series-4)", "#8a4fb0"),
    "recurrent": ("var(--series-2)", "#c2570c"),
    "attention": ("var(--series-1)", "#1f6fb2"),
    "masked": ("var(--series-3)", "#2f7d4f"),
}
SYMBOLS = {"counts": ("square", "s"), "masked": ("diamond-open", "D")}
HEIGHT = 560


def figure(drawn: Layout) -> go.Figure:
    """The picture for the page."""
    plot = blank(*axis_titles())
    for family, x, y in drawn.curves:
        colour = COLOURS[family][0]
        plot.add_trace(
            go.Scatter(
                x=[10**value for value in x],
                y=y,
                mode="lines",
                line={"color": colour, "width": 1},
                opacity=0.35,
                hoverinfo="skip",
                showlegend=False,
            )
        )
    for family in dict.fromkeys(point.family for point in drawn.points):
        points = [point for point in drawn.points if point.family == family]
        plot.add_trace(
            go.Scatter(
                x=[10**point.x for point in points],
                y=[point.y for point in points],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [point.high - point.y for point in points],
                    "arrayminus": [point.y - point.low for point in points],
                    "thickness": 1,
                    "width": 3,
                },
                mode="markers",
                name=family_name(family),
                marker={"size": 9, "color": COLOURS[family][0], "symbol": SYMBOLS.get(family, ("circle", ""))[0]},
                text=[escape(point.label) for point in points],
                hovertemplate="%{text}<br>%{x:.2e} FLOPs<extra></extra>",
            )
        )
    for point in drawn.points:
        plot.add_annotation(
            x=point.x,
            y=point.y,
            ax=point.label_x,
            ay=point.label_y,
            axref="x",
            ayref="y",
            showarrow=True,
            arrowhead=0,
            arrowwidth=0.7,
            arrowcolor="var(--muted)",
            text=escape(point.label),
            xanchor="left",
            font={"size": 12, "color": "var(--ink)"},
        )
    if drawn.outside:
        plot.add_annotation(
            text=escape("; ".join(drawn.outside)) + " ↑",
            x=0,
            y=1,
            xref="paper",
            yref="paper",
            xanchor="left",
            yanchor="top",
            showarrow=False,
            font={"size": 12, "color": "var(--muted)"},
        )
    plot.update_xaxes(type="log", range=list(drawn.x), exponentformat="power", dtick=1)
    plot.update_yaxes(range=list(drawn.y))
    plot.update_layout(height=HEIGHT, hovermode="closest", showlegend=True)
    return plot


def write_png(found: Mapping[str, Any], path: Path) -> bool:
    """Write the picture in the language in force; False where matplotlib is missing, or there is nothing to draw."""
    drawn = layout(found)
    if drawn is None or find_spec("matplotlib") is None:
        return False
    picture = new_picture(11, 6.2)
    axes = picture.add_subplot()
    for family, x, y in drawn.curves:
        axes.plot([10**value for value in x], y, color=COLOURS[family][1], linewidth=0.9, alpha=0.3, zorder=1)
    for family in dict.fromkeys(point.family for point in drawn.points):
        points = [point for point in drawn.points if point.family == family]
        axes.errorbar(
            [10**point.x for point in points],
            [point.y for point in points],
            yerr=[[point.y - point.low for point in points], [point.high - point.y for point in points]],
            fmt=SYMBOLS.get(family, ("", "o"))[1],
            color=COLOURS[family][1],
            markerfacecolor="white" if family == "masked" else None,
            markersize=6,
            elinewidth=0.8,
            capsize=2,
            label=plain(family_name(family)),
            zorder=3,
        )
    for point in drawn.points:
        axes.annotate(
            plain(point.label),
            xy=(10**point.x, point.y),
            xytext=(10**point.label_x, point.label_y),
            fontsize=9,
            va="center",
            arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.6},
            zorder=2,
        )
    if drawn.outside:
        outside = plain("; ".join(drawn.outside)) + " ↑"
        axes.text(0.01, 0.985, outside, transform=axes.transAxes, fontsize=9, color="#575e66", va="top")
    axes.set_xscale("log")
    axes.set_xlim(10 ** drawn.x[0], 10 ** drawn.x[1])
    axes.set_ylim(*drawn.y)
    axes.set_xlabel(axis_titles()[0])
    axes.set_ylabel(axis_titles()[1])
    axes.set_title(plain(title(found)), fontsize=11, loc="left")
    axes.grid(color="#e6e2d9", linewidth=0.6)
    picture.legend(loc="outside lower center", ncols=len(COLOURS), fontsize=9, frameon=False)
    save_picture(picture, path)
    return True
