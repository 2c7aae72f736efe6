"""A regression: its line in words, and a picture of the points, the line on its way, and the loss by step."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from prosa.core.files import writing
from prosa.core.language import language, number, tr
from prosa.show.console import Jsonable, new_console
from prosa.show.markup import escape
from prosa.show.words import percent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from prosa.models.linear_regression import Step

ON_THE_WAY = (0, 1, 3, 10)  # steps whose line is drawn
SHADES = ("#c6dbef", "#9ecae1", "#6baed6", "#3182bd", "#08306b")
POINT, LOSS = "#e6550d", "#08306b"


def show_regression(result: Jsonable) -> None:
    """The equation, how well it fits, and that the descent found what the closed form says."""
    plain, console = result.to_json(), new_console()
    sign = "+" if plain["b"] >= 0 else "−"
    w, b = _figures(plain["w"]), _figures(abs(plain["b"]))
    console.print(Text(f"{plain['y']} = {w} · {plain['x']} {sign} {b}", style="bold"), soft_wrap=True)
    lines = []
    if plain["w_interval"]:
        low, high = map(_figures, plain["w_interval"])
        lines.append(
            tr(
                f"slope {w} (95% interval {low} to {high}, of {number(plain['n'])} rows drawn anew)",
                f"inclinação {w} (intervalo de 95%: {low} a {high}, de {number(plain['n'])} linhas sorteadas de novo)",
            )
        )
    lines.append(
        tr(
            f"The line explains {percent(plain['r2'])} of the variance; a typical distance from it is "
            f"{_figures(plain['deviation'])}.",
            f"A reta explica {percent(plain['r2'])} da variância; a distância típica até ela é "
            f"{_figures(plain['deviation'])}.",
        )
    )
    exact, steps = plain["closed_form"], number(plain["steps"])
    same = f"w = {_figures(exact['w'])}, b = {_figures(exact['b'])}"
    lines.append(
        tr(f"Gradient descent: {steps} steps. In closed form: {same}.", f"Descida do gradiente: {steps} passos. ")
        + tr("", f"Em forma fechada: {same}.")
    )
    if not plain["converged"]:
        lines.append(
            tr(
                "It has not arrived: more --steps, or a larger --rate (below 1).",
                "Ainda não chegou: mais --steps, ou um --rate maior (abaixo de 1).",
            )
        )
    if plain["picture"]:
        lines.append(tr(f"Picture: {plain['picture']}", f"Figura: {plain['picture']}"))
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _figures(value: float) -> str:
    """Four significant figures."""
    digits = 0 if value == 0 else max(0, 3 - int(f"{abs(value):e}".split("e")[1]))
    return number(value, digits)


def write_picture(
    path: Path, x: "NDArray[np.float64]", y: "NDArray[np.float64]", steps: "Sequence[Step]", *, x_name: str, y_name: str
) -> None:
    """Write the picture, HTML that needs no network or PNG by its name's end."""
    drawn = [steps[n] for n in ON_THE_WAY if n < len(steps) - 1] + [steps[-1]]
    title = tr("After step {}: loss {}", "Após o passo {}: perda {}")
    names = [title.format(number(step.number), _figures(step.loss)) for step in drawn]
    loss_name = tr("loss (mean squared error)", "perda (erro quadrático médio)")
    step_name = tr("step", "passo")
    ends = [float(x.min()), float(x.max())]
    heights = [[step.line.w * end + step.line.b for end in ends] for step in drawn]
    first = steps[: max(2, min(len(steps), 60))]
    make = _html if path.suffix.lower() == ".html" else _png
    make(path, x, y, ends, heights, names, first, (x_name, y_name, step_name, loss_name))


def _html(
    path: Path,
    x: "NDArray[np.float64]",
    y: "NDArray[np.float64]",
    ends: list[float],
    heights: list[list[float]],
    names: list[str],
    steps: "Sequence[Step]",
    axes: tuple[str, str, str, str],
) -> None:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    plot = make_subplots(cols=2, column_widths=[0.62, 0.38], horizontal_spacing=0.1)
    points = tr("data", "dados")
    plot.add_trace(
        go.Scatter(x=x.tolist(), y=y.tolist(), mode="markers", name=points, marker={"color": POINT, "size": 8}), 1, 1
    )
    for shade, height, name in zip(SHADES[-len(names) :], heights, names, strict=True):
        plot.add_trace(go.Scatter(x=ends, y=height, mode="lines", name=name, line={"color": shade, "width": 2.5}), 1, 1)
    losses = [step.loss for step in steps]
    plot.add_trace(
        go.Scatter(x=[s.number for s in steps], y=losses, line={"color": LOSS, "width": 2.5}, showlegend=False), 1, 2
    )
    for n, (across, up) in enumerate((axes[:2], axes[2:]), start=1):
        plot.update_xaxes(title=escape(across), col=n, row=1)
        plot.update_yaxes(title=escape(up), col=n, row=1)
    plot.update_yaxes(rangemode="tozero", col=2, row=1)
    plot.update_layout(
        template="plotly_white",
        height=480,
        margin={"t": 30},
        legend={"orientation": "h", "y": -0.2},
        separators=",." if language() == "pt-BR" else ".,",
    )
    html = plot.to_html(full_html=True, include_plotlyjs=True, config={"displaylogo": False})
    with writing(path) as temporary:
        temporary.write_text(html.replace("<html>", f'<html lang="{language()}">', 1), encoding="utf-8")


def _png(
    path: Path,
    x: "NDArray[np.float64]",
    y: "NDArray[np.float64]",
    ends: list[float],
    heights: list[list[float]],
    names: list[str],
    steps: "Sequence[Step]",
    axes: tuple[str, str, str, str],
) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.4), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=[1.6, 1])
    for shade, height, name in zip(SHADES[-len(names) :], heights, names, strict=True):
        left.plot(ends, height, color=shade, linewidth=2.2, label=name)
    left.scatter(x, y, color=POINT, zorder=3, label=tr("data", "dados"))
    left.legend(frameon=False, fontsize=8)
    right.plot([step.number for step in steps], [step.loss for step in steps], color=LOSS, linewidth=2.2)
    right.set_ylim(bottom=0)
    for axis, (across, up) in zip((left, right), (axes[:2], axes[2:]), strict=True):
        axis.set_xlabel(across.replace("$", r"\$"))
        axis.set_ylabel(up.replace("$", r"\$"))
        axis.spines[["top", "right"]].set_visible(False)
    with writing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
