"""The layers page: how each next token's prediction forms, by the logit lens (``models/inside.py``)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prosa.core.language import language, number, tr
from prosa.show.frame import document
from prosa.show.inside.reading import Reading, shown
from prosa.show.inside.view import Summary, heat
from prosa.show.markup import Html, escape, tag
from prosa.show.panels import Line, Panel, stacked
from prosa.show.parts import Figures, plot, section, table
from prosa.show.picture import new_picture, plain, save_picture
from prosa.show.words import percent
from prosa.tokenizers.protocol import Tokenizer

TOP = 5
CANDIDATES = 4  # of the last token's, whose course is drawn
STRONG = 0.3  # a probability whose colour is dark in light pages: text on it is the paper's
FITS = 9  # characters of a token in a cell
PICTURED = 14  # tokens of a picture whose cells can still be read


@dataclass(frozen=True)
class LayersView:
    """What each layer would predict after each token.

    Attributes:
        top: the likeliest tokens by layer and position, (L + 1, T, TOP), and their probabilities.
        agrees: whether a layer's first choice is the model's, (L + 1, T).
        chosen: the probability that each layer gives the model's own first choice, (L + 1, T).
        away: bits by which a layer's distribution is away from the model's, KL(model ‖ layer), (L + 1, T).
        course: of the last token's likeliest next ones: their text, and their probability in each layer.
    """

    model: str
    reading: Reading
    top: list[list[list[str]]]
    probabilities: NDArray[np.float64]
    agrees: NDArray[np.bool_]
    chosen: NDArray[np.float64]
    away: NDArray[np.float64]
    course: list[tuple[str, list[float]]]

    def _names(self) -> list[str]:
        return [tr("embedding", "embedding"), *(str(layer) for layer in range(1, len(self.top)))]

    def to_json(self) -> dict[str, Any]:
        """Every layer's likeliest tokens with their probabilities, and the figures by layer."""
        return {
            "model": self.model,
            "tokens": self.reading.tokens,
            "ids": self.reading.ids,
            "top": [
                [
                    [{"token": token, "probability": float(p)} for token, p in zip(*cell, strict=True)]
                    for cell in zip(tokens, shares, strict=True)
                ]
                for tokens, shares in zip(self.top, self.probabilities, strict=True)
            ],
            "agrees": self.agrees.mean(axis=1).tolist(),
            "chosen": self.chosen.mean(axis=1).tolist(),
            "kl_bits": self.away.mean(axis=1).tolist(),
        }

    def summary(self) -> Summary:
        """The figures by layer, on the mean of all tokens."""
        return Summary(
            tr("Each layer's prediction beside the model's own", "A previsão de cada camada ao lado da do modelo"),
            [
                tr("after layer", "depois da camada"),
                tr("same first choice", "mesma primeira escolha"),
                tr("gives the model's choice", "dá à escolha do modelo"),
                tr("away (bits)", "distância (bits)"),
            ],
            [
                [name, percent(agrees), percent(chosen), number(away, 2)]
                for name, agrees, chosen, away in zip(
                    self._names(),
                    self.agrees.mean(axis=1).tolist(),
                    self.chosen.mean(axis=1).tolist(),
                    self.away.mean(axis=1).tolist(),
                    strict=True,
                )
            ],
        )

    def page(self) -> str:
        """The HTML file."""
        return document(tr("Layers", "Camadas"), self._main, generator="prosa show layers")

    def _main(self, figures: Figures) -> Html:
        found = self.summary()
        last = self.reading.tokens[-1]
        alternative = tr(
            "Which token each layer (row) finds likeliest after each token (column), and how sure it is (colour). "
            "Point at a cell for the five likeliest; a long sentence scrolls sideways.",
            "Que token cada camada (linha) acha mais provável depois de cada token (coluna), e com que certeza (cor). "
            "Aponte para uma célula para ver os cinco mais prováveis; uma frase longa rola para o lado.",
        )
        return tag(
            "main",
            tag("h1", tr("Layer by layer", "Camada por camada")),
            tag("p", f"{self.model}: “{self.reading.text}”", class_="lead"),
            section(
                "lens",
                tr("How predictions form", "Como as previsões se formam"),
                tag(
                    "div",
                    plot("lens", self._grid(), alternative, figures),
                    class_="scroll",
                    tabindex=0,
                    role="region",
                    aria_label=tr("predictions of each layer", "previsões de cada camada"),
                ),
            ),
            section(
                "course",
                tr(f"What comes after “{last}”", f"O que vem depois de “{last}”"),
                plot("course", self._course(), self._course_in_words(), figures),
            ),
            section(
                "numbers",
                tr("In numbers", "Em números"),
                table(found.title, found.heads, found.rows, ours=len(found.rows) - 1),
            ),
            section(
                "how",
                tr("How it is computed", "Como se calcula"),
                tag(
                    "p",
                    tr(
                        "The logit lens (nostalgebraist, 2020): the final norm and the head, which the model applies "
                        "after its last layer, applied to the residual stream after each. The last row is the model's "
                        "own prediction, exactly. Earlier layers were not trained to be read in this way, so a low "
                        "share does not mean that nothing is known there. Away: KL(model ‖ layer).",
                        "A lente de logits (nostalgebraist, 2020): a norma final e a saída, que o modelo aplica depois "
                        "da última camada, aplicadas ao fluxo residual depois de cada uma. A última linha é a previsão "
                        "do próprio modelo, exata. As camadas anteriores não foram treinadas para serem lidas assim: "
                        "uma parcela baixa não quer dizer que ali nada se saiba. Distância: KL(modelo ‖ camada).",
                    ),
                ),
            ),
            lang=language(),
        )

    def _grid(self) -> Any:
        tokens, layers = self.reading.tokens, len(self.top)
        hover = [
            [
                "<br>".join(f"{escape(token)} {percent(p)}" for token, p in zip(cell, shares.tolist(), strict=True))
                for cell, shares in zip(row, each, strict=True)
            ]
            for row, each in zip(self.top, self.probabilities, strict=True)
        ]
        figure = heat(
            tr("after this token", "depois deste token"),
            tr("layer", "camada"),
            height=150 + 34 * layers,
            z=self.probabilities[:, :, 0].tolist(),
            customdata=hover,
            hovertemplate="%{customdata}<extra></extra>",
        )
        figure.update_traces(showscale=False)
        for layer, row in enumerate(self.top):
            for at, cell in enumerate(row):
                strong = self.probabilities[layer, at, 0] > STRONG
                figure.add_annotation(
                    x=at,
                    y=layer,
                    text=escape(_short(cell[0])),
                    showarrow=False,
                    font={"size": 11, "color": "var(--paper)" if strong else "var(--ink)"},
                )
        figure.update_xaxes(tickmode="array", tickvals=list(range(len(tokens))), tickangle=-45)
        figure.update_xaxes(ticktext=[escape(token) for token in tokens])
        figure.update_yaxes(tickmode="array", tickvals=list(range(layers)), ticktext=self._names(), autorange=True)
        figure.update_layout(width=max(700, 110 + 56 * len(tokens)), margin={"t": 40, "b": 90})
        return figure

    def _course(self) -> Any:
        layers = [float(layer) for layer in range(len(self.top))]
        lines = [
            Line(layers, [100 * p for p in shares], escape(token), f"var(--series-{i + 1})", markers=True)
            for i, (token, shares) in enumerate(self.course)
        ]
        figure = stacked(
            Panel(tr("probability (%)", "probabilidade (%)"), "%{y:.1f}%", lines), from_zero=True, legend=True
        )
        assert figure is not None
        figure.update_xaxes(title={"text": tr("layer", "camada")}, dtick=1)
        return figure

    def _course_in_words(self) -> str:
        parts = [f"“{token}” {percent(shares[-1])}" for token, shares in self.course]
        return tr(
            f"The model's likeliest next tokens and what each layer gives them. At the end: {', '.join(parts)}.",
            f"Os próximos tokens mais prováveis do modelo e o que cada camada lhes dá. No fim: {', '.join(parts)}.",
        )

    def draw(self, path: Path) -> None:
        """The grid: rows are layers, the last on top; the last tokens, where there are many."""
        layers, tokens = len(self.top), self.reading.tokens[-PICTURED:]
        first = len(self.reading.tokens) - len(tokens)
        picture = new_picture(1.5 + 0.85 * len(tokens), 1.6 + 0.4 * layers)
        place = picture.subplots()
        sure = np.sqrt(self.probabilities[:, first:, 0])
        place.imshow(sure, vmin=0, vmax=1, cmap="Blues", aspect="auto", origin="lower")
        for layer in range(layers):
            for at in range(len(tokens)):
                colour = "white" if sure[layer, at] > 0.6 else "black"
                text = plain(_short(self.top[layer][first + at][0]))
                place.text(at, layer, text, ha="center", va="center", fontsize=7, color=colour)
        place.set_xticks(range(len(tokens)), [plain(token) for token in tokens], rotation=45, fontsize=8)
        place.set_yticks(range(layers), self._names(), fontsize=8)
        place.set_ylabel(tr("layer", "camada"))
        place.set_title(
            tr(
                "Likeliest next token after each layer (colour: probability)",
                "Próximo token mais provável depois de cada camada (cor: probabilidade)",
            ),
            fontsize=9,
        )
        save_picture(picture, path)


def _short(token: str) -> str:
    return token if len(token) <= FITS else token[: FITS - 1] + "…"


def layers_view(model: str, reading: Reading, logits: NDArray[np.float32], tokenizer: Tokenizer) -> LayersView:
    """The view of the logits of every layer, (L + 1, T, V), the last the model's own."""
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=-1, keepdims=True)
    log_probabilities = wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True))
    probabilities = np.exp(log_probabilities)
    order = np.argsort(-log_probabilities, axis=-1, kind="stable")[..., :TOP]
    own = order[-1, :, 0]

    def text(id: int) -> str:
        return shown(tokenizer.token_text(id)) if id < tokenizer.vocab_size else f"[{id}]"

    at_last = probabilities[:, -1]
    return LayersView(
        model,
        reading,
        [[[text(int(id)) for id in cell] for cell in row] for row in order],
        np.take_along_axis(probabilities, order, axis=-1),
        order[..., 0] == own,
        np.take_along_axis(probabilities, own[None, :, None].repeat(len(logits), axis=0), axis=-1)[..., 0],
        (probabilities[-1] * (log_probabilities[-1] - log_probabilities)).sum(axis=-1) / np.log(2),
        [(text(int(id)), at_last[:, id].tolist()) for id in order[-1, -1, :CANDIDATES]],
    )
