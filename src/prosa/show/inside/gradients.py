"""The gradients page: how much of a gradient is left after a distance, in each kind of network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from prosa.core.language import language, number, tr
from prosa.evaluate.gradients import Reach
from prosa.show.frame import document
from prosa.show.inside.view import Summary, zoomable
from prosa.show.markup import Html, tag
from prosa.show.panels import blank
from prosa.show.parts import Figures, plot, section, table
from prosa.show.picture import new_picture, save_picture
from prosa.show.words import scientific

COLOURS = {  # of report.css, and its light values for the PNG
    "linear": ("var(--baseline)", "#77716a"),
    "rnn": ("var(--series-2)", "#c2570c"),
    "gru": ("var(--series-3)", "#2f7d4f"),
    "lstm": ("var(--series-4)", "#8a4fb0"),
    "lstm-open": ("var(--series-4)", "#8a4fb0"),
    "attention": ("var(--series-1)", "#1f6fb2"),
}
STYLES = (("dot", ":"), ("dash", "--"), ("longdashdot", "-."))  # in plotly and in matplotlib, by rising radius
LOWEST, HIGHEST = -16.0, 8.0  # of the picture, powers of ten


def _name(reach: Reach) -> str:
    names = {
        "linear": tr("linear", "linear"),
        "rnn": "RNN",
        "gru": "GRU",
        "lstm": "LSTM",
        "lstm-open": tr("LSTM, forget gates open", "LSTM, portas de esquecimento abertas"),
        "attention": tr("attention (one block)", "atenção (um bloco)"),
    }
    return names[reach.name] + ("" if reach.radius is None else f", ρ = {number(reach.radius, 1)}")


@dataclass(frozen=True)
class GradientsView:
    """The curves of ``evaluate.gradients``."""

    reaches: list[Reach]

    def to_json(self) -> dict[str, Any]:
        """The plain values."""
        return {"curves": [reach.to_json() for reach in self.reaches]}

    def summary(self) -> Summary:
        """The norms at a few distances."""
        last = len(self.reaches[0].norms) - 1
        shown = [d for d in (1, 5, 10, 20, 50, 100, 200) if d < last] + [last]
        return Summary(
            tr("Norm of d loss / d x, by distance in tokens", "Norma de d perda / d x, por distância em tokens"),
            ["", *map(str, shown)],
            [[_name(reach), *(scientific(reach.norms[d]) for d in shown)] for reach in self.reaches],
        )

    def page(self) -> str:
        """The HTML file."""
        title = tr("How far gradients reach", "Até onde chegam os gradientes")
        return document(title, self._main, generator="prosa show gradients")

    def draw(self, path: Path) -> None:
        """Write the picture (PNG).

        Raises:
            UserError: matplotlib is not installed, or the file cannot be written.
        """
        picture = new_picture(11, 6)
        axes = picture.add_subplot()
        for reach, dash in zip(self.reaches, self._dashes(), strict=True):
            axes.plot(
                range(len(reach.norms)),
                reach.norms,
                color=COLOURS[reach.name][1],
                linestyle=dash[1],
                linewidth=1.6,
                label=_name(reach),
            )
        axes.set_yscale("log")
        axes.set_ylim(10**LOWEST, 10**HIGHEST)
        axes.set_xlim(0, len(self.reaches[0].norms) - 1)
        axes.set_xlabel(_axes()[0])
        axes.set_ylabel(_axes()[1])
        axes.grid(color="#e6e2d9", linewidth=0.6)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, frameon=False)
        save_picture(picture, path)

    def _dashes(self) -> list[tuple[str, str]]:
        """How each line is drawn: of one network with several radii, each its own way; of two LSTMs too."""
        radii = sorted({reach.radius for reach in self.reaches if reach.radius is not None})
        return [
            STYLES[radii.index(reach.radius)] if reach.radius else STYLES[0] if reach.name == "lstm" else ("solid", "-")
            for reach in self.reaches
        ]

    def _main(self, figures: Figures) -> Html:
        found = self.summary()
        return tag(
            "main",
            tag("h1", tr("How far gradients reach", "Até onde chegam os gradientes")),
            tag(
                "p",
                tr(
                    "What a model can learn about a token from a mistake made some tokens later: the norm of the "
                    "gradient of that loss by the token's vector, in networks as they begin.",
                    "O que um modelo pode aprender sobre um token com um erro cometido tokens depois: a norma do "
                    "gradiente dessa perda em relação ao vetor do token, em redes como elas começam.",
                ),
                class_="lead",
            ),
            section(
                "reach",
                tr("By distance", "Por distância"),
                plot("reach", self._figure(), self._in_words(), figures),
                table(found.title, found.heads, found.rows),
            ),
            section("why", tr("Why", "Por quê"), *_why()),
            lang=language(),
        )

    def _figure(self) -> go.Figure:
        figure = blank(*_axes())
        for reach, dash in zip(self.reaches, self._dashes(), strict=True):
            figure.add_scatter(
                x=list(range(len(reach.norms))),
                y=list(reach.norms),
                mode="lines",
                name=_name(reach),
                line={"color": COLOURS[reach.name][0], "width": 2, "dash": dash[0]},
                hovertemplate="%{y:.2e}",
            )
        figure.update_yaxes(type="log", range=[LOWEST, HIGHEST], exponentformat="power", dtick=4)
        figure.update_layout(height=520, margin={"t": 90})
        zoomable(figure)
        return figure

    def _in_words(self) -> str:
        return tr(
            "Norms on a logarithmic scale: a straight line is a constant factor a token. Lines that leave the picture "
            "below have vanished, those above exploded; ρ is the spectral radius of the recurrent matrix.",
            "Normas em escala logarítmica: uma reta é um fator constante por token. Linhas que saem do quadro por "
            "baixo desapareceram, por cima explodiram; ρ é o raio espectral da matriz recorrente.",
        )


def _axes() -> tuple[str, str]:
    return (
        tr("distance to the loss (tokens)", "distância até a perda (tokens)"),
        tr("norm of the gradient", "norma do gradiente"),
    )


def _why() -> list[Html]:
    told = [
        (
            "Between a token and a loss d tokens later, a recurrent network multiplies the gradient by d Jacobians. "
            "Where the network is linear, h' = U h + x with U = ρ times a rotation, the norm is ρ^d exactly: it "
            "vanishes for ρ below 1, explodes above, and stays only at 1.",
            "Entre um token e uma perda d tokens depois, uma rede recorrente multiplica o gradiente por d jacobianas. "
            "Se a rede é linear, h' = U h + x com U = ρ vezes uma rotação, a norma é exatamente ρ^d: desaparece com ρ "
            "abaixo de 1, explode acima, e só se mantém em 1.",
        ),
        (
            "tanh has slopes below 1 wherever it is not at 0, so even at ρ = 1 the gradient vanishes, and one that "
            "explodes does so more slowly.",
            "tanh tem inclinação menor que 1 fora do 0, então mesmo com ρ = 1 o gradiente desaparece, e o que explode "
            "explode mais devagar.",
        ),
        (
            "LSTM and GRU do not reach further by themselves: gates that begin half open lose half at every token. "
            "They can learn to keep: with forget gates at 0.993 (the line of the open LSTM) a gradient passes a "
            "hundred tokens nearly unharmed.",
            "LSTM e GRU não chegam mais longe por si: portas que começam meio abertas perdem metade a cada token. Mas "
            "podem aprender a guardar: com as portas de esquecimento em 0,993 (a linha da LSTM aberta) um gradiente "
            "atravessa cem tokens quase ileso.",
        ),
        (
            "Attention joins any two tokens in one step; how far apart they are does not matter.",
            "A atenção liga dois tokens quaisquer em um passo; a distância entre eles não importa.",
        ),
    ]
    return [tag("p", tr(*pair)) for pair in told]
