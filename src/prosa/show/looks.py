"""What a translator looked at: a picture of source words (across) and written words (down), whole words both.

A word's weight is the sum over the source tokens of it, and the mean over the written tokens of it: each row still sums
to 1. The page is one file that needs no network; a menu chooses a layer or a head, or the mean of all.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prosa.core.files import write_bytes, write_text
from prosa.core.language import language, tr
from prosa.generate.translate import Translated, Translator
from prosa.show.frame import document
from prosa.show.inside.view import SHARES
from prosa.show.markup import CONTROLS, Html, tag
from prosa.show.panels import blank
from prosa.show.parts import Figures, plot, section
from prosa.show.picture import check_picture


@dataclass(frozen=True)
class Look:
    """One sentence's attention from written words to source words."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: NDArray[np.float32]
    """(L, H, target words, source words)."""

    @property
    def mean(self) -> NDArray[np.float32]:
        """Over all heads of all layers, (target words, source words)."""
        mean: NDArray[np.float32] = self.weights.mean((0, 1))
        return mean

    def to_json(self) -> dict[str, Any]:
        """The words and the mean weights."""
        rows = np.round(self.mean.astype(np.float64), 4).tolist()
        return {"source_words": list(self.source), "target_words": list(self.target), "attention": rows}


def look(translator: Translator, translated: Translated) -> Look:
    """What was looked at while a translation was written."""
    weights = translator.alignment(translated).numpy()
    end = translator.name(translator.model.config.end)
    pieces = [[translator.tokenizer.token_bytes(i) for i in ids] for ids in (translated.source_ids, translated.ids)]
    (source, source_of), (target, target_of) = (words(side) for side in pieces)
    source, source_of = [*source, end], [*source_of, len(source)]
    if translated.ended:
        target, target_of = [*target, end], [*target_of, len(target)]
    across = np.eye(len(source), dtype=np.float32)[source_of]  # (S, words)
    down = np.eye(len(target), dtype=np.float32)[target_of]  # (T, words)
    down /= down.sum(0)
    return Look(tuple(source), tuple(target), np.einsum("tw,lhts,sv->lhwv", down, weights, across))


def words(pieces: Sequence[bytes]) -> tuple[list[str], list[int]]:
    """The words that tokens make, and the word of each token; what joins two words is of the first."""
    made: list[bytes] = []
    numbers = []
    for piece in pieces:
        if not made or (piece[:1].isspace() and made[-1].strip()):
            made.append(b"")
        made[-1] += piece
        numbers.append(len(made) - 1)
    return [word.decode("utf-8", "replace").strip() for word in made], numbers


def write_looks(looks: Sequence[Look], path: Path) -> None:
    """The picture of one sentence or several, as HTML or PNG by the path's end.

    Raises:
        UserError: as ``check_picture``, or it cannot be written.
    """
    check_picture(path)
    if path.suffix.lower() == ".png":
        write_bytes(path, _png(looks))
    else:
        write_text(path, _page(looks))


def _page(looks: Sequence[Look]) -> str:
    return document(_title(), lambda figures: _main(looks, figures), generator="prosa translate")


def _title() -> str:
    return tr("What the translator looked at", "O que o tradutor olhou")


def _main(looks: Sequence[Look], figures: Figures) -> Html:
    sections = []
    for number, one in enumerate(looks):
        heading = " ".join(one.source[:-1]) + " → " + " ".join(w for w in one.target if w != one.source[-1])
        sections.append(section(f"look{number}", heading, plot(f"look{number}", _figure(one), _in_words(one), figures)))
    return tag("main", tag("h1", _title()), tag("p", _explained(), class_="lead"), *sections, lang=language())


def _in_words(one: Look) -> str:
    most = [f"{word} ← {one.source[row.argmax()]}" for word, row in zip(one.target, one.mean, strict=True)]
    return tr("Each word, and what it looked at most: ", "Cada palavra, e o que ela mais olhou: ") + ", ".join(most)


def _explained() -> str:
    return tr(
        "Each row is a word that was written, and shows how much its prediction looked at each word of the source: the "
        "row sums to 1. Attention is not an explanation: a weight says what was read, not what was made of it.",
        "Cada linha é uma palavra escrita: quanto a previsão dela olhou cada palavra da fonte; a linha soma 1. "
        "Atenção não é explicação: um peso diz o que foi lido, não o que se fez com isso.",
    )


def _choices(one: Look) -> list[tuple[str, NDArray[np.float32]]]:
    """What the menu offers: the mean, each layer's mean, each head."""
    layers, heads = one.weights.shape[:2]
    found = [(tr("mean of all heads", "média de todas as cabeças"), one.mean)]
    if layers * heads == 1:
        return [(tr("attention", "atenção"), one.mean)]
    for layer in range(layers):
        name = tr(f"layer {layer + 1}", f"camada {layer + 1}")
        found.append((name + tr(", mean", ", média"), one.weights[layer].mean(0)))
        found += [(name + tr(f", head {h + 1}", f", cabeça {h + 1}"), one.weights[layer, h]) for h in range(heads)]
    return found


def _figure(one: Look) -> Any:
    import plotly.graph_objects as go

    across, down = ([w.translate(CONTROLS) for w in side] for side in (one.source, one.target))
    choices = _choices(one)
    hover = "%{customdata[0]} ← %{customdata[1]}: %{z:.3f}<extra></extra>"
    names = [[(html.escape(t), html.escape(s)) for s in across] for t in down]
    figure = blank("", "")
    figure.add_trace(
        go.Heatmap(
            z=choices[0][1].tolist(),
            customdata=names,
            zmin=0,
            zmax=1,
            colorscale=SHARES,
            hovertemplate=hover,
            colorbar={"title": tr("weight", "peso")},
        )
    )
    axis = {"tickmode": "array", "automargin": True}
    figure.update_xaxes(
        **axis, side="top", tickangle=-45, tickvals=list(range(len(across))), ticktext=[html.escape(w) for w in across]
    )
    figure.update_yaxes(
        **axis, autorange="reversed", tickvals=list(range(len(down))), ticktext=[html.escape(w) for w in down]
    )
    if len(choices) > 1:
        buttons = [{"label": n, "method": "restyle", "args": [{"z": [w.tolist()]}]} for n, w in choices]
        figure.update_layout(
            updatemenus=[
                {"buttons": buttons, "x": 0, "xanchor": "left", "y": -0.04, "yanchor": "top", "direction": "up"}
            ]
        )
    margin = {"t": 110, "b": 60, "l": 80, "r": 20}
    figure.update_layout(height=230 + 34 * len(down), margin=margin, hovermode="closest")
    return figure


def _png(looks: Sequence[Look]) -> bytes:
    import io

    from matplotlib.figure import Figure

    heights = [1.6 + 0.36 * len(one.target) for one in looks]
    width = 2.4 + 0.6 * max(len(one.source) for one in looks)
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    axes = figure.subplots(len(looks), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for place, one in zip(axes, looks, strict=True):
        drawn = place.imshow(one.mean, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        across, down = ([w.translate(CONTROLS).replace("$", r"\$") for w in side] for side in (one.source, one.target))
        place.set_xticks(range(len(across)), across, rotation=45, ha="left")
        place.set_yticks(range(len(down)), down)
        place.xaxis.tick_top()
        figure.colorbar(drawn, ax=place, label=tr("weight", "peso"))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
