"""The report's plots, as plotly figures without colours of their own.

A colour is the name of a CSS variable of ``report.css`` ("var(--series-1)"): ``report.js`` puts in the light or the
dark value when it draws. Axis titles and legends are in the language in force.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from prosa.core.language import number, tr
from prosa.show.load import RunData, figure
from prosa.show.markup import escape
from prosa.show.panels import Line, Panel, blank, stacked, thin, with_room
from prosa.show.verdict import bits_per_token_nat, scores
from prosa.show.words import baseline_name

LABEL_GAP = 0.05  # of the plot's height, between two baselines' labels


def loss_plot(run: RunData) -> go.Figure | None:
    """Training loss (thin, and smoothed), validation loss, the baselines as labelled lines; nats a token by step."""
    steps, losses = series(run.train, "loss")
    seen, validation = series(run.validation, "loss")
    if not losses and not validation:
        return None
    factor = bits_per_token_nat(run.evaluation) or _factor_of(run.validation)
    baselines = [score for score in scores(run.evaluation) if score.key != "model"]
    plot = blank(tr("step", "passo"), tr("loss (nats per token)", "perda (nats por token)"))
    hover = "%{y:.3f} nats" + (
        tr("<br>%{customdata:.3f} bits/byte", "<br>%{customdata:.3f} bits/byte") if factor else ""
    )

    def line(x: Sequence[float], y: Sequence[float], name: str, **options: Any) -> None:
        bits = [value * factor for value in y] if factor else None
        plot.add_trace(go.Scatter(x=x, y=y, name=name, customdata=bits, hovertemplate=hover, **options))

    if losses:
        few, thinned = thin(steps, losses)
        plot.add_trace(
            go.Scatter(
                x=few,
                y=thinned,
                mode="lines",
                line={"color": "var(--raw)", "width": 1},
                hoverinfo="skip",
                showlegend=False,
            )
        )
        few, smoothed = thin(steps, smooth(losses))
        line(few, smoothed, tr("training", "treino"), mode="lines", line={"color": "var(--series-1)", "width": 2.5})
    if validation:
        line(
            seen,
            validation,
            tr("validation", "validação"),
            mode="lines+markers",
            line={"color": "var(--series-2)", "width": 2.5},
            marker={"size": 6},
        )
    values = [*losses, *validation, *(score.nats for score in baselines)]
    low, high = min(values), max(values)
    low, high = low - 0.06 * (high - low or 1), high + 0.06 * (high - low or 1)
    ends = [min([*steps, *seen]), max([*steps, *seen])]
    places = spread([score.nats for score in baselines], LABEL_GAP * (high - low))
    for score, place in zip(baselines, places, strict=True):
        name = escape(baseline_name(score.key))  # plotly reads some markup in names
        line(
            ends,
            [score.nats] * 2,
            name,
            mode="lines",
            line={"color": "var(--baseline)", "width": 1.25, "dash": "dot"},
            showlegend=False,
        )
        plot.add_annotation(
            text=f"{name} {number(score.nats, 2)}",
            x=1,
            xref="paper",
            xanchor="left",
            xshift=6,
            y=place,
            yanchor="middle",
            showarrow=False,
            font={"size": 12, "color": "var(--muted)"},
        )
    plot.update_yaxes(range=[low, high])
    plot.update_xaxes(range=with_room(ends))
    plot.update_layout(margin={"r": 112 if baselines else 16}, height=440)
    return plot


def schedule_plot(run: RunData) -> go.Figure | None:
    """Learning rate above, gradient norm below; by step."""
    return stacked(
        _panel(series(run.train, "lr"), tr("learning rate", "taxa de aprendizado"), "%{y:.3e}", 1),
        _panel(series(run.train, "grad_norm"), tr("gradient norm", "norma do gradiente"), "%{y:.3f}", 2),
    )


def speed_plot(run: RunData) -> go.Figure | None:
    """Tokens a second above; below, the share of the measured peak of the machine, in per cent; by step."""
    steps, shares = series(run.train, "share_of_peak")
    rates = series(run.train, "tokens_per_second")
    percents = steps, [100 * share for share in shares]
    return stacked(
        _panel(rates, tr("tokens per second", "tokens por segundo"), "%{y:,.0f}", 1),
        _panel(percents, tr("% of measured peak", "% do pico medido"), "%{y:.1f}%", 2),
        from_zero=True,
    )


def _panel(points: tuple[list[float], list[float]], title: str, hover: str, color: int) -> Panel:
    return Panel(title, hover, [Line(*points, title, f"var(--series-{color})")])


def series(lines: Sequence[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    """The steps and values of the lines that have a finite number under ``key``."""
    pairs = [(float(line["step"]), value) for line in lines if (value := figure(line, key)) is not None]
    return [step for step, _ in pairs], [value for _, value in pairs]


def smooth(values: Sequence[float], share: float = 0.04) -> list[float]:
    """Mean over a centred window of ``share`` of the values; near the start, where they fall fast, a narrower one.

    At the end the window is one-sided: the last smoothed value is the mean of the last ``share / 2`` of the values.
    """
    n, sums = len(values), [0.0, *itertools.accumulate(values)]
    most = round(share * n / 2)
    reach = [min(most, i) for i in range(n)]
    return [(sums[min(i + r + 1, n)] - sums[i - r]) / (min(i + r + 1, n) - (i - r)) for i, r in enumerate(reach)]


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Label positions near ``places`` (in falling order) that are ``gap`` apart, for lines that lie close together.

    Labels nearer than the gap become a group, evenly spaced around the group's mean; groups that then touch are merged.
    """
    groups: list[list[float]] = []
    for place in places:
        groups.append([place])
        while len(groups) > 1 and _bottom(groups[-2], gap) - _top(groups[-1], gap) < gap:
            last = groups.pop()
            groups[-1] += last
    return [_top(group, gap) - gap * i for group in groups for i in range(len(group))]


def _top(group: Sequence[float], gap: float) -> float:
    return sum(group) / len(group) + gap * (len(group) - 1) / 2


def _bottom(group: Sequence[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2


def _factor_of(validation: Sequence[dict[str, Any]]) -> float | None:
    """Bits a byte for a nat a token, from a validation line that has both."""
    for line in validation:
        loss, bits = figure(line, "loss"), figure(line, "bits_per_byte")
        if loss and bits:
            return bits / loss
    return None
