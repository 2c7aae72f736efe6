"""``prosa regress``: two columns of a table -> the line through them, found by gradient descent."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.core.progress import warn
from prosa.corpus.problems import Problems
from prosa.data.table import TABLES, read_table

RESAMPLES = 2000
LARGEST = 1e100  # whose square is a number still
ROUNDING = 1e-8  # of y: the descent ends 1e-9 of its scale before the minimum


@dataclass(frozen=True)
class Regression:
    """A line, and how well it fits."""

    x: str
    y: str
    n: int
    bad: int
    w: float
    w_interval: tuple[float, float] | None
    """95 %, of rows drawn anew (bootstrap); None where too few rows differ."""
    b: float
    r2: float
    """Share of the variance of y that the line explains."""
    deviation: float
    """Root of the mean squared distance from the line, in units of y."""
    steps: int
    converged: bool
    closed_form: dict[str, float]
    """The exact line, which the descent must reach."""
    picture: str | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def regress(
    data: Path, *, x: str, y: str, rate: float = 0.1, steps: int = 10_000, picture: Path | None = None
) -> Regression:
    """Fit a line y = w x + b to two columns of a table by gradient descent.

    Args:
        data: A table with a header: CSV or TSV; numbers may have a decimal comma.
        x: The column that is known, such as chuva.
        y: The column that is to be foreseen, such as safra.
        rate: Learning rate, in standardised units: 0.1 converges, 1 or more does not.
        steps: The most steps.
        picture: Write a picture of the points, the line on its way, and the loss: a file .html or .png.

    Raises:
        UserError: no such column, too few numbers, a learning rate that is too large, no matplotlib for a .png.
    """
    import numpy as np

    from prosa.models.linear_regression import closed_form, descend
    from prosa.show.picture import check_picture
    from prosa.show.regression import write_picture

    if picture is not None:
        check_picture(picture)
    problems = Problems()
    xs, ys = _columns(data, x, y, problems)
    for problem in problems.named[:3]:
        warn(tr(f"left out: {problem.source}: {problem.why}", f"deixado de fora: {problem.source}: {problem.why}"))
    if any(abs(value) > LARGEST for value in (*xs, *ys)):
        raise UserError(
            tr(f"a number is larger than {LARGEST:.0e}.", f"um número é maior que {LARGEST:.0e}."),
            tr("Write the columns in a larger unit.", "Escreva as colunas em uma unidade maior."),
        )
    path = descend(xs, ys, rate=rate, steps=steps)
    x_N, y_N = np.array(xs), np.array(ys)
    last, exact = path[-1], closed_form(x_N, y_N)
    nothing = ROUNDING * float(np.abs(y_N).max())  # what is left of a b of 0
    variance = float(y_N.var())
    if picture is not None:
        write_picture(picture, x_N, y_N, path, x_name=x, y_name=y)
    return Regression(
        x=x,
        y=y,
        n=len(xs),
        bad=problems.count,
        w=last.line.w,
        w_interval=_interval(xs, ys),
        b=last.line.b if abs(last.line.b) > nothing else 0.0,
        r2=1 - last.loss / variance if variance else 1.0,
        deviation=math.sqrt(last.loss),
        steps=last.number,
        converged=last.number < steps,
        closed_form={"w": exact.w, "b": exact.b if abs(exact.b) > nothing else 0.0},
        picture=str(picture) if picture else None,
    )


def _interval(xs: list[float], ys: list[float]) -> tuple[float, float] | None:
    """Of the slope, over rows drawn with replacement."""
    import numpy as np

    x_N, y_N = np.array(xs), np.array(ys)
    pick = np.random.default_rng(0).integers(0, len(x_N), (RESAMPLES, len(x_N)))
    x_RN, y_RN = x_N[pick], y_N[pick]
    u_RN = x_RN - x_RN.mean(1, keepdims=True)
    spread = (u_RN**2).mean(1)
    there = spread > 0
    if len(x_N) < 3 or there.mean() < 0.9:
        return None
    slopes = (u_RN * y_RN).mean(1)[there] / spread[there]
    low, high = np.quantile(slopes, [0.025, 0.975])
    return float(low), float(high)


def _columns(path: Path, x: str, y: str, problems: Problems) -> tuple[list[float], list[float]]:
    if path.suffix.lower() not in TABLES:
        raise UserError(
            tr(f"{path}: format not read.", f"{path}: formato que não é lido."),
            tr("Formats read: ", "Formatos lidos: ") + " ".join(TABLES),
        )
    rows = list(read_table(path, problems))
    header = [name.strip() for name in rows[0][1]] if rows else []
    for name in (x, y):
        if name not in header:
            raise unknown(tr(f"column of {path}", f"coluna de {path}"), name, header)
    places = header.index(x), header.index(y)
    xs, ys = list[float](), list[float]()
    for line, row in rows[1:]:
        values = [_number(row[place]) if place < len(row) else None for place in places]
        if values[0] is None or values[1] is None:
            problems.bad_record(path.as_posix(), line, tr("a value is no number", "um valor não é número"))
            continue
        problems.good_record(path.as_posix())
        xs.append(values[0])
        ys.append(values[1])
    problems.finish(1)
    return xs, ys


def _number(text: str) -> float | None:
    """1234.5 or 1234,5 or 1.234,5 or 1,234.5; None where it is no finite number."""
    text = text.strip()
    decimal = max(text.rfind(","), text.rfind("."))
    if "," in text and "." in text:
        text = text[:decimal].replace(",", "").replace(".", "") + "." + text[decimal + 1 :]
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
