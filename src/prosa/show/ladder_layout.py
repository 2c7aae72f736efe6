"""Where everything stands in the ladder's picture: bits per byte by operations, both for the page and for the PNG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prosa.core.language import number, tr
from prosa.show.ladder import rung_name
from prosa.show.plots import spread

Found = Mapping[str, Any]
LABEL_GAP = 0.052  # of the picture's height
ASIDE = 0.5  # of a power of ten, from the last point to the labels
ROOM = 1.9  # powers of ten that labels take


@dataclass(frozen=True)
class Point:
    """A rung in the picture; x as log10 of its operations."""

    name: str
    family: str
    x: float
    y: float
    low: float
    high: float
    label: str
    label_x: float
    label_y: float


@dataclass(frozen=True)
class Layout:
    """All rungs with a place, curves of training, the ranges of the axes (x in powers of ten), and what is outside."""

    points: Sequence[Point]
    curves: Sequence[tuple[str, list[float], list[float]]]  # family, x, y
    x: tuple[float, float]
    y: tuple[float, float]
    outside: Sequence[str]


def family(name: str, kind: str) -> str:
    """What rungs share a colour: counts, feed-forward, recurrent, attention, masked."""
    if kind in ("counts", "masked"):
        return kind
    if name in ("rnn", "lstm", "gru"):
        return "recurrent"
    return "feed-forward" if name == "feed-forward" else "attention"


def family_name(key: str) -> str:
    """A family as the legend has it."""
    return {
        "counts": tr("counting", "contagem"),
        "feed-forward": "feed-forward",
        "recurrent": tr("recurrent", "recorrente"),
        "attention": tr("attention", "atenção"),
        "masked": tr(
            "masked (a pseudo-likelihood: not comparable)", "mascarado (pseudoverossimilhança: não comparável)"
        ),
    }[key]


def layout(plain: Found) -> Layout | None:
    """The picture of a ladder; None where no rung has a place in it.

    A rung without operations (uniform) has no place on a logarithmic axis: it is named with its figure.
    """
    made = [row for row in plain["rows"] if row["status"] == "done"]
    placed = [row for row in made if row["flops"] > 0]
    outside = [f"{rung_name(row['rung'])}: {number(row['bits_per_byte'], 2)}" for row in made if row not in placed]
    if not placed:
        return None
    ys = [end for row in placed for end in (row["bits_per_byte"], *(row["interval"] or ()))]
    low, high = min(ys), max(ys)
    room = 0.05 * (high - low or 1)
    y = low - room, high + room
    families = {row["rung"]: family(row["rung"], row["kind"]) for row in placed}
    points: list[Point] = []
    for side in (True, False):  # counting has its labels beside it, far from the others
        rows = [row for row in placed if (families[row["rung"]] == "counts") is side]
        rows.sort(key=lambda row: -row["bits_per_byte"])
        if not rows:
            continue
        label_x = max(math.log10(row["flops"]) for row in rows) + ASIDE
        places = _inside(spread([row["bits_per_byte"] for row in rows], LABEL_GAP * (y[1] - y[0])), y)
        for row, place in zip(rows, places, strict=True):
            low_end, high_end = row["interval"] or [row["bits_per_byte"]] * 2
            points.append(
                Point(
                    row["rung"],
                    families[row["rung"]],
                    math.log10(row["flops"]),
                    row["bits_per_byte"],
                    low_end,
                    high_end,
                    f"{rung_name(row['rung'])} {number(row['bits_per_byte'], 2)}",
                    label_x,
                    place,
                )
            )
    curves = [
        (
            families[row["rung"]],
            [math.log10(point["flops"]) for point in curve if point["flops"] > 0],
            [point["held_out"] for point in curve if point["flops"] > 0],
        )
        for row in placed
        for curve in row["curves"][:1]
    ]
    x = min(point.x for point in points) - 0.4, max(point.label_x for point in points) + ROOM
    return Layout(points, curves, x, y, outside)


def _inside(places: Sequence[float], y: tuple[float, float]) -> list[float]:
    """Labels in falling order, moved up or down together so that none is below the picture."""
    lowest = min(places)
    lift = max(0.0, y[0] + 0.02 * (y[1] - y[0]) - lowest)
    return [place + lift for place in places]


def axis_titles() -> tuple[str, str]:
    """Of the axes, x and y."""
    return (
        tr("operations spent on learning (FLOPs; of counting, comparisons)",
           "operações gastas para aprender (FLOPs; da contagem, comparações)"),
        tr("bits per byte, held-out text", "bits por byte, texto reservado"),
    )  # fmt: skip


def alternative(plain: Found, drawn: Layout) -> str:
    """The picture in words."""
    best = min((p for p in drawn.points if p.family != "masked"), key=lambda point: point.y, default=drawn.points[0])
    outside = tr(" Without a place on the axis: ", " Sem lugar no eixo: ") + "; ".join(drawn.outside) + "."
    return tr(
        f"Bits per byte (lower is better) of {len(drawn.points)} models by the operations spent on learning; the "
        f"lowest is {best.label}. Bars are 95% intervals over held-out documents, lines the first seed during "
        "training.",
        f"Bits por byte (menos é melhor) de {len(drawn.points)} modelos pelas operações gastas para aprender; o "
        f"menor é {best.label}. Barras são intervalos de 95% sobre documentos reservados, linhas a primeira "
        "semente durante o treino.",
    ) + (outside if drawn.outside else "")
