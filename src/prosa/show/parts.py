"""The parts that the report's sections are made of: tiles, tables, bars, plots, and the note on what is missing."""

from collections.abc import Sequence

import plotly.graph_objects as go

from prosa.core.language import language, tr
from prosa.show.markup import Child, Html, tag

Figures = dict[str, go.Figure]  # by the id of the place they are drawn in


def section(key: str, title: str, *content: Child) -> Html:
    """A section with a heading, linked as ``#<language>_<key>``."""
    name = f"{language()}_{key}"
    return tag("section", tag("h2", title), *content, id=name, aria_label=title)


def missing(what: str, how: str) -> Html:
    """In the place of a part that is not there yet: what it will be, and what makes it."""
    return tag("p", tag("strong", tr("Not made yet: ", "Ainda não feito: ")), what, " ", how, class_="missing")


def tiles(*rows: tuple[str, str, str] | None) -> Html:
    """Figures side by side: label, value, detail."""
    return tag(
        "dl",
        *(
            tag(
                "div",
                tag("dt", row[0]),
                tag("dd", row[1], class_="value"),
                row[2] and tag("dd", row[2], class_="detail"),
            )
            for row in rows
            if row is not None
        ),
        class_="tiles",
    )


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Child]], *, ours: int | None = None) -> Html:
    """A table; a first column of names, right-aligned after it, but for ``bar`` cells. Row ``ours`` stands out."""

    def cell(value: Child, i: int) -> Html:
        if i == 0:
            return tag("th", value, scope="row")
        if isinstance(value, Html) and value.startswith("<td"):
            return value
        return tag("td", value, class_="number")

    head = tag("tr", *(tag("th", text, scope="col", class_="number" if i else None) for i, text in enumerate(heads)))
    body = [
        tag("tr", *(cell(value, i) for i, value in enumerate(row)), class_="us" if n == ours else None)
        for n, row in enumerate(rows)
    ]
    inner = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    return tag("div", inner, class_="scroll", tabindex=0, role="region", aria_label=caption)


def bar(share: float) -> Html:
    """A table cell with a bar of ``share`` (0 to 1) of its width."""
    width = min(1.0, max(0.0, share)) * 100
    return tag("td", tag("span", style=f"width:{width:.1f}%"), class_="bar", aria_hidden="true")


def plot(key: str, figure: go.Figure, alternative: str, figures: Figures) -> Html:
    """The place of a plot, which is added to ``figures``; ``alternative`` says in words what it shows."""
    name = f"{language()}_plot_{key}"
    figures[name] = figure
    height = f"min-height:{figure.layout.height}px"
    role = "group" if (figure.layout.meta or {}).get("zoom") else "img"  # what has buttons is no picture
    place = tag("div", class_="plot", id=name, role=role, aria_label=alternative, style=height)
    return tag("figure", place, tag("figcaption", alternative))


def fold(summary: str, *content: Child) -> Html:
    """Content that is folded until its summary is clicked."""
    return tag("details", tag("summary", summary), *content)
