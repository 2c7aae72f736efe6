"""The positions page: the sinusoidal matrix and its rotation property, and how the model itself tells places apart.

    PE(p + k) = R(k) PE(p),   R(k) turns each pair (sin, cos) by k ω_i, ω_i = 10000^(-2i/C)

so that a place relative to another is a linear function of it, the same wherever it is (Vaswani et al. 2017, 3.5).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from prosa.core.language import language, number, tr
from prosa.models.bert import Bert
from prosa.models.gpt import GPT, GPTConfig
from prosa.nn.positions import rotate, rotation, sinusoidal
from prosa.show.frame import document
from prosa.show.inside.view import Summary, heat
from prosa.show.markup import Html, tag
from prosa.show.panels import AXIS, Line, Panel, blank, stacked
from prosa.show.parts import Figures, plot, section, table
from prosa.show.picture import new_picture, save_picture
from prosa.show.words import scientific

SHIFTS = (1, 2, 5, 10, 50)
MOST = 256  # positions of a picture
WIDTH = 64  # of the sinusoidal matrix where no model says it
CIRCLES = (0, 4, 8)  # the pairs that are drawn


def sinusoids(positions: int, width: int) -> NDArray[np.float64]:
    """The matrix as the models compute it, (P, C)."""
    found: NDArray[np.float64] = sinusoidal(torch.arange(positions)[None], width)[0].numpy().astype(np.float64)
    return found


def turning(shift: int, width: int) -> NDArray[np.float64]:
    """R(k), (C, C): what turns every PE(p) into PE(p + shift)."""
    found = np.zeros((width, width))
    for i in range(width // 2):
        angle = shift * 10000.0 ** (-2 * i / width)
        cos, sin = np.cos(angle), np.sin(angle)
        found[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[cos, sin], [-sin, cos]]
    return found


def turning_errors(matrix: NDArray[np.float64], shifts: tuple[int, ...] = SHIFTS) -> dict[int, float]:
    """For each shift, the greatest difference between R(k) PE(p) and PE(p + k) over all places p and entries."""
    width = matrix.shape[1]
    return {k: float(np.abs(matrix[:-k] @ turning(k, width).T - matrix[k:]).max()) for k in shifts if k < len(matrix)}


def rotary_likeness(distances: int, width: int, base: float) -> NDArray[np.float64]:
    """How alike a vector with all pairs of one length is to itself turned by rotary positions, by distance: (P,).

    The mean over pairs of cos(d ω_i): 1 at distance 0.
    """
    cos, _ = rotation(torch.arange(distances)[None], width, base)
    found: NDArray[np.float64] = cos[0, 0, :, : width // 2].double().mean(dim=-1).numpy()
    return found


def rotary_shift_errors(width: int, base: float, shifts: tuple[int, ...] = SHIFTS) -> dict[int, float]:
    """The greatest change of any score q·k, of drawn q and k at 32 places, when all places move by a shift."""
    drawn = torch.Generator().manual_seed(0)
    q, k = (torch.randn(1, 1, 32, width, generator=drawn) / width**0.25 for _ in range(2))

    def scores(start: int) -> torch.Tensor:
        by = rotation(torch.arange(start, start + 32)[None], width, base)
        return rotate(q, by) @ rotate(k, by).mT

    return {shift: float((scores(shift) - scores(0)).abs().max()) for shift in shifts}


@dataclass(frozen=True)
class PositionsView:
    """What the page is made of.

    Attributes:
        model: its name, empty where there is none.
        kind: how it tells places apart: "learned", "sinusoidal", "rotary", "none", or "" without a model.
        matrix: the sinusoidal positions, (P, C).
        own: of the model: learned, the likeness (cosine) of its positions, (P, P); rotary, cosines of the angles
            (P, pairs).
        likeness: rotary: ``rotary_likeness``.
        shifts: rotary: ``rotary_shift_errors``.
        base: rotary: of the angles.
    """

    model: str
    kind: str
    matrix: NDArray[np.float64]
    own: NDArray[np.float64] | None = None
    likeness: NDArray[np.float64] | None = None
    shifts: dict[int, float] | None = None
    base: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The figures, and the first rows of the matrix."""
        return {
            "model": self.model,
            "kind": self.kind,
            "width": self.matrix.shape[1],
            "sinusoidal": self.matrix[:8].tolist(),
            "rotation_errors": turning_errors(self.matrix),
            "rotary_base": self.base or None,
            "rotary_likeness": None if self.likeness is None else self.likeness.tolist(),
            "rotary_shift_errors": self.shifts,
            "learned_likeness": self.own.tolist() if self.kind == "learned" and self.own is not None else None,
        }

    def summary(self) -> Summary:
        """The rotation property, checked."""
        return Summary(
            tr(
                f"PE(p + k) = R(k) PE(p), for every p below {len(self.matrix)}, width {self.matrix.shape[1]}",
                f"PE(p + k) = R(k) PE(p), para todo p abaixo de {len(self.matrix)}, largura {self.matrix.shape[1]}",
            ),
            [tr("shift k", "deslocamento k"), tr("greatest difference", "maior diferença")],
            [[str(k), scientific(error)] for k, error in turning_errors(self.matrix).items()],
        )

    def page(self) -> str:
        """The HTML file."""
        return document(tr("Positions", "Posições"), self._main, generator="prosa show positions")

    def _main(self, figures: Figures) -> Html:
        found = self.summary()
        kinds = {
            "learned": tr("learned positions", "posições aprendidas"),
            "sinusoidal": tr("sinusoidal positions", "posições sinusoidais"),
            "rotary": tr("rotary positions", "posições rotativas"),
            "none": tr("no positions: only the mask tells order", "sem posições: só a máscara diz a ordem"),
        }
        small = np.stack([turning(p, 4) @ [0, 1, 0, 1] for p in range(4)])  # exact: the models' are float32
        return tag(
            "main",
            tag("h1", tr("Positions", "Posições")),
            tag("p", f"{self.model}: {kinds[self.kind]}" if self.kind else _lead(), class_="lead"),
            self._rotary(figures) if self.kind == "rotary" else None,
            self._learned(figures) if self.kind == "learned" else None,
            section(
                "sinusoidal",
                tr("The sinusoidal matrix", "A matriz sinusoidal"),
                tag(
                    "p",
                    "PE(p, 2i) = sin(p / 10000^(2i/C)), PE(p, 2i+1) = cos(p / 10000^(2i/C)). ",
                    tr(
                        "A row is a place; its left entries turn fast, its right ones slowly, like the hands of a "
                        "clock.",
                        "Cada linha é um lugar; as entradas da esquerda giram depressa, as da direita devagar, como "
                        "os ponteiros de um relógio.",
                    ),
                ),
                plot(
                    "sinusoidal",
                    heat(
                        tr("entry", "entrada"),
                        tr("position", "posição"),
                        signed=True,
                        z=np.round(self.matrix, 4),
                        hovertemplate=tr("position %{y}, entry %{x}: ", "posição %{y}, entrada %{x}: ")
                        + "%{z:.4f}<extra></extra>",
                    ),
                    tr(
                        f"Sines and cosines of {len(self.matrix)} positions in {self.matrix.shape[1]} entries.",
                        f"Senos e cossenos de {len(self.matrix)} posições em {self.matrix.shape[1]} entradas.",
                    ),
                    figures,
                ),
                table(
                    tr("Of width 4", "De largura 4"),
                    [tr("position", "posição"), "sin p", "cos p", "sin p/100", "cos p/100"],
                    [[str(p), *(number(x, 4) for x in row)] for p, row in enumerate(small.tolist())],
                ),
            ),
            section(
                "rotation",
                tr("A step is a turn", "Um passo é um giro"),
                tag(
                    "p",
                    tr(
                        "Each pair (sin, cos) is a point on a circle. Five places on is the same turn, wherever one "
                        "starts: from place 0 and from place 12, below. So PE(p + k) is a rotation R(k) of PE(p) that "
                        "depends on k alone, and a linear layer can find what is k places before. Checked here:",
                        "Cada par (sen, cos) é um ponto em um círculo. Cinco lugares adiante é o mesmo giro, de onde "
                        "quer que se parta: do lugar 0 e do lugar 12, abaixo. Por isso PE(p + k) é uma rotação R(k) de "
                        "PE(p) que só depende de k, e uma camada linear pode achar o que está k lugares antes. "
                        "Verificado aqui:",
                    ),
                ),
                table(found.title, found.heads, found.rows),
                plot("circles", self._circles(), self._circles_in_words(), figures),
            ),
            lang=language(),
        )

    def _circles(self) -> Any:
        pairs = self._pairs()
        made = make_subplots(1, len(pairs))
        figure = blank("", "")
        for place, i in enumerate(pairs, 1):
            suffix = "" if place == 1 else str(place)
            sines, cosines = self.matrix[:25, 2 * i], self.matrix[:25, 2 * i + 1]
            figure.add_scatter(
                x=cosines,
                y=sines,
                mode="markers",
                marker={"color": "var(--raw)", "size": 7},
                text=[tr(f"position {p}", f"posição {p}") for p in range(len(sines))],
                hovertemplate="%{text}<extra></extra>",
                xaxis=f"x{suffix}",
                yaxis=f"y{suffix}",
                showlegend=False,
            )
            for n, start in enumerate((0, 12), 1):
                steps = np.arange(start, start + 6)
                figure.add_scatter(
                    x=self.matrix[steps, 2 * i + 1],
                    y=self.matrix[steps, 2 * i],
                    mode="lines+markers",
                    line={"color": f"var(--series-{n})", "width": 2.5},
                    name=f"{start} → {start + 5}",
                    text=[tr(f"position {p}", f"posição {p}") for p in steps],
                    hovertemplate="%{text}<extra></extra>",
                    xaxis=f"x{suffix}",
                    yaxis=f"y{suffix}",
                    showlegend=place == 1,
                )
            axis = {**AXIS, "showgrid": False, "range": [-1.15, 1.15], "showticklabels": False}
            title = {"text": tr(f"pair {i}", f"par {i}"), "standoff": 4}
            domain = list(made.layout[f"xaxis{suffix}"].domain)
            figure.update_layout(
                {
                    f"xaxis{suffix}": {**axis, "domain": domain, "title": title, "anchor": f"y{suffix}"},
                    f"yaxis{suffix}": {**axis, "scaleanchor": f"x{suffix}", "title": None, "anchor": f"x{suffix}"},
                }
            )
        figure.update_layout(hovermode="closest", height=300, margin={"l": 16, "t": 44})
        return figure

    def _pairs(self) -> list[int]:
        return [i for i in CIRCLES if 2 * i + 1 < self.matrix.shape[1]]

    def _circles_in_words(self) -> str:
        names = ", ".join(map(str, self._pairs()))
        return tr(
            f"Pairs {names} of the first 25 positions on their circles, with two walks of five places.",
            f"Os pares {names} das primeiras 25 posições em seus círculos, com dois passeios de cinco lugares.",
        )

    def _rotary(self, figures: Figures) -> Html:
        assert self.own is not None
        assert self.likeness is not None
        assert self.shifts is not None
        pairs = self.own.shape[1]
        longest = 2 * np.pi * self.base ** ((2 * pairs - 2) / (2 * pairs))
        curve = stacked(
            Panel(
                tr("likeness", "semelhança"),
                "%{y:.3f}",
                [
                    Line(
                        list(map(float, range(len(self.likeness)))),
                        self.likeness.tolist(),
                        tr("likeness", "semelhança"),
                        "var(--series-1)",
                    )
                ],
            )
        )
        assert curve is not None
        curve.update_xaxes(title={"text": tr("distance (tokens)", "distância (tokens)")})
        return section(
            "own",
            tr("Rotary positions of this model", "Posições rotativas deste modelo"),
            tag(
                "p",
                tr(
                    f"Nothing is added to the tokens: {pairs} pairs of every query and key are turned by p · ω_i, "
                    f"ω_i = {number(self.base)}^(-i/{pairs}); the fastest goes round in {number(2 * np.pi, 2)} tokens, "
                    f"the slowest in {number(longest)}. A score q·k then depends on the distance only.",
                    f"Nada se soma aos tokens: {pairs} pares de cada consulta e chave são girados por p · ω_i, "
                    f"ω_i = {number(self.base)}^(-i/{pairs}); o mais rápido dá a volta em {number(2 * np.pi, 2)} "
                    f"tokens, o mais lento em {number(longest)}. Uma pontuação q·k passa a depender só da distância.",
                ),
            ),
            plot(
                "rotary",
                heat(
                    tr("pair", "par"),
                    tr("position", "posição"),
                    signed=True,
                    z=np.round(self.own, 4),
                    hovertemplate=tr("position %{y}, pair %{x}: cos ", "posição %{y}, par %{x}: cos ")
                    + "%{z:.3f}<extra></extra>",
                ),
                tr("Cosine of the angle by which each pair is turned.", "Cosseno do ângulo de que cada par é girado."),
                figures,
            ),
            plot(
                "likeness",
                curve,
                tr(
                    "How alike a vector stays to itself some tokens on (mean over pairs of cos(d ω_i)): near is alike, "
                    "without anything learnt.",
                    "Quanto um vetor continua parecido consigo mesmo tokens adiante (média sobre os pares de "
                    "cos(d ω_i)): perto é parecido, sem que nada seja aprendido.",
                ),
                figures,
            ),
            table(
                tr(
                    "All scores of 32 drawn queries and keys, when every place moves on by k",
                    "Todas as pontuações de 32 consultas e chaves sorteadas, quando todo lugar avança k",
                ),
                [tr("shift k", "deslocamento k"), tr("greatest change of a score", "maior mudança de uma pontuação")],
                [[str(k), scientific(error)] for k, error in self.shifts.items()],
            ),
        )

    def _learned(self, figures: Figures) -> Html:
        assert self.own is not None
        near = float(np.diagonal(self.own, 1).mean()) if len(self.own) > 1 else 1.0
        apart = self.own[~np.eye(len(self.own), dtype=bool)]
        far = float(apart.mean()) if len(apart) else 1.0
        return section(
            "own",
            tr("Learned positions of this model", "Posições aprendidas deste modelo"),
            plot(
                "learned",
                heat(
                    tr("position", "posição"),
                    tr("position", "posição"),
                    signed=True,
                    z=np.round(self.own, 4),
                    hovertemplate="%{y}, %{x}: %{z:.3f}<extra></extra>",
                ),
                tr(
                    f"How alike (cosine) the vectors of two positions are: neighbours {number(near, 3)} on the mean, "
                    f"any two {number(far, 3)}. Nothing but training makes neighbours alike.",
                    f"Quão parecidos (cosseno) são os vetores de duas posições: vizinhas, {number(near, 3)} em média; "
                    f"duas quaisquer, {number(far, 3)}. Só o treino torna as vizinhas parecidas.",
                ),
                figures,
            ),
        )

    def draw(self, path: Path) -> None:
        """The model's own positions where it has some to see, the sinusoidal matrix, and the likeness by distance."""
        panels: list[tuple[str, NDArray[np.float64]]] = []
        if self.own is not None:
            title = (
                tr("rotary: cosines of the angles", "rotativas: cossenos dos ângulos")
                if self.kind == "rotary"
                else tr("learned: cosine of two positions", "aprendidas: cosseno de duas posições")
            )
            panels.append((title, self.own))
        panels.append((tr("sinusoidal matrix", "matriz sinusoidal"), self.matrix))
        picture = new_picture(4 * (len(panels) + 1), 3.4)
        places = picture.subplots(1, len(panels) + 1)
        for place, (title, values) in zip(places, panels, strict=False):
            image = place.imshow(values, vmin=-1, vmax=1, cmap="RdBu", aspect="auto", interpolation="nearest")
            place.set_title(title, fontsize=9)
            place.set_ylabel(tr("position", "posição"))
        picture.colorbar(image, ax=places[len(panels) - 1])
        last, width = places[-1], self.matrix.shape[1]
        same = self.matrix @ self.matrix[0] / (width / 2)
        last.plot(same, label=tr("sinusoidal", "sinusoidais"), color="#c2570c")
        if self.likeness is not None:
            last.plot(self.likeness, label=tr("rotary", "rotativas"), color="#1f6fb2")
        last.set_title(tr("likeness by distance", "semelhança por distância"), fontsize=9)
        last.set_xlabel(tr("distance (tokens)", "distância (tokens)"))
        last.legend(frameon=False)
        save_picture(picture, path)


def _lead() -> str:
    return tr(
        "Of no model: the fixed ones of Vaswani et al. (2017)", "De nenhum modelo: as fixas de Vaswani et al. (2017)"
    )


def positions_view(model: GPT | Bert | None = None, name: str = "") -> PositionsView:
    """The view of a model, or of the sinusoidal positions alone."""
    if model is None:
        return PositionsView("", "", sinusoids(128, WIDTH))
    config = model.config
    positions = min(config.context, MOST)
    matrix = sinusoids(positions, config.d_model + config.d_model % 2)
    kind = config.positions if isinstance(config, GPTConfig) else "learned"
    if kind == "learned":
        learned = model.position_embedding.weight.detach().double().cpu().numpy()[:positions]
        unit = learned / np.maximum(np.linalg.norm(learned, axis=1, keepdims=True), 1e-12)
        return PositionsView(name, "learned", matrix, unit @ unit.T)
    if isinstance(config, GPTConfig) and kind == "rotary":
        cos, _ = rotation(torch.arange(positions)[None], config.head_dim, config.rope_theta)
        return PositionsView(
            name,
            "rotary",
            matrix,
            cos[0, 0, :, : config.head_dim // 2].double().numpy(),
            rotary_likeness(positions, config.head_dim, config.rope_theta),
            rotary_shift_errors(config.head_dim, config.rope_theta),
            config.rope_theta,
        )
    return PositionsView(name, kind, matrix)
