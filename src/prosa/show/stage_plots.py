"""Plots of the stages after base: what they learnt, what reinforcement moved, how far a reward model can be trusted."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from prosa.core.interval import wilson
from prosa.core.language import tr
from prosa.show.load import StageData, figure
from prosa.show.panels import Line, Panel, blank, stacked, with_room
from prosa.show.plots import series, smooth

FIRST, SECOND = "var(--series-1)", "var(--series-2)"


def learning_plot(stage: StageData) -> go.Figure | None:
    """Loss above, accuracy in per cent below; of training smoothed, and on what was held out."""
    return stacked(
        _learnt(stage, "loss", tr("loss", "perda"), "%{y:.3f}"),
        _learnt(stage, "accuracy", tr("right, %", "acerto, %"), "%{y:.1f}%", 100),
        legend=True,
    )


def preference_plot(stage: StageData) -> go.Figure | None:
    """What DPO moves: the rewards that the model stands for, of better and of worse answers."""
    lines = stage.validation if series(stage.validation, "chosen_reward")[1] else stage.train
    curves = [
        Line(*series(lines, "chosen_reward"), tr("better answers", "respostas melhores"), FIRST, markers=True),
        Line(*series(lines, "rejected_reward"), tr("worse answers", "respostas piores"), SECOND, markers=True),
    ]
    return stacked(Panel(tr("implied reward", "recompensa implícita"), "%{y:.3f}", curves), legend=True)


def reinforcement_plot(stage: StageData) -> go.Figure | None:
    """Reward, KL to the reference, entropy and length of the answers, and the clipped share; by step."""
    names = {
        "reward": (tr("reward", "recompensa"), "%{y:.3f}"),
        "kl": (tr("KL (nats)", "KL (nats)"), "%{y:.4f}"),
        "entropy": (tr("entropy (nats)", "entropia (nats)"), "%{y:.3f}"),
        "length": (tr("tokens an answer", "tokens por resposta"), "%{y:.1f}"),
        "clip_fraction": (tr("clipped share", "parcela cortada"), "%{y:.3f}"),
    }
    panels = []
    for key, (title, hover) in names.items():
        steps, values = series(stage.train, key)
        panels.append(
            Panel(
                title,
                hover,
                [
                    Line(steps, values, title, "var(--raw)", faint=True),
                    Line(steps, smooth(values), title, FIRST if key == "reward" else SECOND),
                ],
            )
        )
    return stacked(*panels)


def right_plot(stage: StageData) -> go.Figure | None:
    """The share of held-out problems that is answered right, with Wilson's intervals; by step."""
    found = [(float(line["step"]), *right) for line in stage.validation if (right := right_share(line)) is not None]
    if not found:
        return None
    steps, shares = [step for step, *_ in found], [100 * share for _, share, *_ in found]
    above = [100 * (high - share) for _, share, _, high, _ in found]
    below = [100 * (share - low) for _, share, low, _, _ in found]
    plot = blank(tr("step", "passo"), tr("right, %", "acerto, %"))
    plot.add_trace(
        go.Scatter(
            x=steps,
            y=shares,
            mode="lines+markers",
            line={"color": FIRST, "width": 2},
            marker={"size": 6},
            error_y=_errors(above, below),
            hovertemplate="%{y:.1f}%<extra></extra>",
            showlegend=False,
        )
    )
    plot.update_xaxes(range=with_room([steps[0], steps[-1]]))
    plot.update_layout(height=300, margin={"t": 12})
    return plot


def right_share(line: Mapping[str, Any]) -> tuple[float, float, float, int] | None:
    """The share of problems that a validation line calls right, its interval's ends, and how many there were."""
    share, n = figure(line, "right"), figure(line, "n")
    if share is None or n is None or not 0 <= share <= 1 or n < 1:
        return None
    return share, *wilson(round(share * n), int(n)), int(n)


def calibration_plot(bins: Sequence[Mapping[str, Any]]) -> go.Figure:
    """How often the reward model is right, by how sure it is; on the dotted line it is as sure as it should be."""
    predicted = [100 * bin["predicted"] for bin in bins]
    pairs = tr("pairs", "pares")
    observed = [100 * bin["observed"] for bin in bins]
    plot = blank(
        tr("confidence, % (predicted to be right)", "confiança, % (acerto previsto)"),
        tr("right on held-out pairs, %", "acerto em pares reservados, %"),
    )
    plot.add_trace(
        go.Scatter(
            x=[50, 100],
            y=[50, 100],
            mode="lines",
            line={"color": "var(--baseline)", "width": 1.25, "dash": "dot"},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    plot.add_trace(
        go.Scatter(
            x=predicted,
            y=observed,
            mode="lines+markers",
            line={"color": FIRST, "width": 2},
            marker={"size": 7},
            error_y=_errors(
                [100 * bin["interval"][1] - y for bin, y in zip(bins, observed, strict=True)],
                [y - 100 * bin["interval"][0] for bin, y in zip(bins, observed, strict=True)],
            ),
            customdata=[figure(bin, "n") for bin in bins],
            hovertemplate="%{y:.1f}%, %{customdata} " + pairs + "<extra></extra>",
            showlegend=False,
        )
    )
    plot.update_xaxes(range=[49, 101])
    plot.update_yaxes(range=[0, 103])
    return plot


def gains_plot(plain: Mapping[str, Any], tasks: Sequence[str], names: Sequence[str]) -> go.Figure:
    """A row a task, a point a stage with its interval: the share of held-out problems that is answered right.

    Args:
        names: what the tasks are called.
    """
    stages = [stage["stage"] for stage in plain["stages"]]
    rows = {(row["stage"], row["task"]): row for row in plain["rows"]}
    plot = blank(tr("right, %", "acerto, %"), "")
    spread = 0.62 / max(1, len(stages) - 1)
    for n, stage in enumerate(stages):
        shown = [rows[stage, task] for task in tasks]
        shares = [100 * row["score"] for row in shown]
        places = [-(i + (n - (len(stages) - 1) / 2) * spread) for i in range(len(tasks))]
        plot.add_trace(
            go.Scatter(
                x=shares,
                y=places,
                name=stage,
                mode="markers",
                marker={"size": 8, "color": f"var(--series-{n + 1})"},
                error_x=_errors(
                    [100 * row["interval"][1] - share for row, share in zip(shown, shares, strict=True)],
                    [share - 100 * row["interval"][0] for row, share in zip(shown, shares, strict=True)],
                )
                | {"color": f"var(--series-{n + 1})"},
                customdata=list(names),
                hovertemplate="%{customdata}: %{x:.1f}%",
            )
        )
    plot.update_xaxes(range=[-2, 102])
    plot.update_yaxes(
        tickvals=[-i for i in range(len(tasks))],
        ticktext=list(names),
        range=[-len(tasks) + 0.5, 0.5],
        showgrid=False,
    )
    plot.update_layout(height=100 + len(tasks) * (18 * len(stages) + 12), hovermode="closest")
    return plot


def _learnt(stage: StageData, key: str, title: str, hover: str, factor: float = 1) -> Panel:
    steps, trained = series(stage.train, key)
    seen, measured = series(stage.validation, key)
    trained, measured = [factor * value for value in trained], [factor * value for value in measured]
    name = tr("training", "treino")
    lines = [
        Line(steps, trained, name, "var(--raw)", faint=True),
        Line(steps, smooth(trained), name, FIRST),
        Line(seen, measured, tr("held out", "reservado"), SECOND, markers=True),
    ]
    return Panel(title, hover, [line for line in lines if line.y])


def _errors(above: Sequence[float], below: Sequence[float]) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, value) for value in above],
        "arrayminus": [max(0.0, value) for value in below],
        "thickness": 1.5,
        "width": 3,
    }
