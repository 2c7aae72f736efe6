"""The report's plots, as plotly figures without colours of their own.

A colour is the name of a CSS variable of ``report.css`` ("var(--series-1)"): ``report.js`` puts in the light or the
dark value when it draws. Axis titles and legends are in the language in force.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from prosa.core.language import language, number, tr
from prosa.show.load import RunData, figure
from prosa.show.markup import escape
from prosa.show.verdict import bits_per_token_nat, scores
from prosa.show.words import baseline_name

POINTS = 1500  # a curve's points in the file: no screen shows more
HEIGHT = 380
LABEL_GAP = 0.05  # of the plot's height, between two baselines' labels


def loss_plot(run: RunData) -> go.Figure | None:
    """Training loss (thin, and smoothed), validation loss, the baselines as labelled lines; nats a token by step."""
    steps, losses = series(run.train, "loss")
    seen, validation = series(run.validation, "loss")
    if not losses and not validation:
        return None
    factor = bits_per_token_nat(run.evaluation) or _factor_of(run.validation)
    baselines = [score for score in scores(run.evaluation) if score.key != "model"]
    plot = _figure(tr("step", "passo"), tr("loss (nats per token)", "perda (nats por token)"))
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
    plot.update_xaxes(range=_with_room(ends))
    plot.update_layout(margin={"r": 112 if baselines else 16}, height=440)
    return plot


def schedule_plot(run: RunData) -> go.Figure | None:
    """Learning rate above, gradient norm below; by step."""
    return _stacked(
        (series(run.train, "lr"), tr("learning rate", "taxa de aprendizado"), "%{y:.3e}"),
        (series(run.train, "grad_norm"), tr("gradient norm", "norma do gradiente"), "%{y:.3f}"),
    )


def speed_plot(run: RunData) -> go.Figure | None:
    """Tokens a second above; below, the share of the measured peak of the machine, in per cent; by step."""
    steps, shares = series(run.train, "share_of_peak")
    return _stacked(
        (series(run.train, "tokens_per_second"), tr("tokens per second", "tokens por segundo"), "%{y:,.0f}"),
        ((steps, [100 * share for share in shares]), tr("% of measured peak", "% do pico medido"), "%{y:.1f}%"),
        from_zero=True,
    )


def calibration_plot(measured: Mapping[str, Any]) -> go.Figure | None:
    """Share of pairs that a reward model gets right by how sure it is, with intervals, beside the diagonal.

    Args:
        measured: the field ``held_out`` of ``reward/training.json``.
    """
    bins = measured.get("calibration") or []
    if not bins:
        return None
    plot = _figure(tr("confidence", "confiança"), tr("share of pairs right", "parcela de pares certos"))
    ideal = tr("perfectly calibrated", "calibração perfeita")
    dotted = {"color": "var(--baseline)", "width": 1.25, "dash": "dot"}
    plot.add_trace(go.Scatter(x=[0.5, 1], y=[0.5, 1], name=ideal, mode="lines", line=dotted, hoverinfo="skip"))
    plot.add_trace(
        go.Scatter(
            x=[b["predicted"] for b in bins],
            y=[b["observed"] for b in bins],
            customdata=[b["n"] for b in bins],
            error_y={
                "array": [b["interval"][1] - b["observed"] for b in bins],
                "arrayminus": [b["observed"] - b["interval"][0] for b in bins],
                "color": "var(--series-1)",
                "thickness": 1,
            },
            name=tr("held-out pairs", "pares reservados"),
            mode="lines+markers",
            line={"color": "var(--series-1)", "width": 2.5},
            marker={"size": 7},
            hovertemplate="%{y:.1%} (" + tr("pairs", "pares") + ": %{customdata:,})",
        )
    )
    plot.update_xaxes(range=[0.49, 1.01], tickformat=".0%")
    plot.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return plot


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


def thin(x: Sequence[float], y: Sequence[float], most: int = POINTS) -> tuple[list[float], list[float]]:
    """At most ``most`` of the points, evenly, the first and the last among them."""
    if len(x) <= most:
        return list(x), list(y)
    picks = [round(i * (len(x) - 1) / (most - 1)) for i in range(most)]
    return [x[i] for i in picks], [y[i] for i in picks]


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


def _with_room(ends: Sequence[float]) -> list[float]:
    """An axis range a little wider than the data, so that nothing is drawn on its edge."""
    room = 0.015 * (ends[1] - ends[0]) or 0.5
    return [ends[0] - room, ends[1] + room]


_AXIS = {"gridcolor": "var(--grid)", "linecolor": "var(--grid)", "zeroline": False, "ticks": "", "automargin": True}


def _figure(x_title: str, y_title: str) -> go.Figure:
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
            "xaxis": {**_AXIS, "title": {"text": x_title, "standoff": 8}, "separatethousands": True},
            "yaxis": {**_AXIS, "title": {"text": y_title, "standoff": 8}},
        }
    )


def _stacked(*rows: tuple[tuple[list[float], list[float]], str, str], from_zero: bool = False) -> go.Figure | None:
    """One panel a row that has values, over one step axis."""
    rows = tuple(row for row in rows if row[0][1])
    if not rows:
        return None
    plot = _figure(tr("step", "passo"), "")
    gap = 0.1 if len(rows) > 1 else 0.0
    tall = (1 - gap * (len(rows) - 1)) / len(rows)
    for i, ((x, y), name, hover) in enumerate(rows):
        suffix = str(i + 1) if i else ""
        top = 1 - i * (tall + gap)
        x, y = thin(x, y)
        color = f"var(--series-{i + 1})"
        style = {"mode": "lines", "line": {"color": color, "width": 1.75}, "hovertemplate": hover}
        plot.add_trace(go.Scatter(x=x, y=y, name=name, yaxis=f"y{suffix}", **style))
        mode = "tozero" if from_zero else "normal"
        axis = {
            **_AXIS,
            "domain": [max(0.0, top - tall), top],
            "rangemode": mode,
            "title": {"text": name, "standoff": 8},
        }
        plot.update_layout({f"yaxis{suffix}": axis})
    every = [step for (x, _), _, _ in rows for step in x]
    plot.update_xaxes(range=_with_room([min(every), max(every)]))
    plot.update_layout(xaxis_anchor=f"y{len(rows) if len(rows) > 1 else ''}", showlegend=False)
    plot.update_layout(height=220 * len(rows) + 40, margin={"t": 12})
    return plot
