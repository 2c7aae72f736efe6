"""The embeddings page: words as points, in two and in three dimensions, with their neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import language, number, tr
from prosa.show.frame import document
from prosa.show.inside.geometry import cosines, nearest, pca, tsne
from prosa.show.inside.view import Summary, zoomable
from prosa.show.markup import Html, escape, tag
from prosa.show.panels import AXIS, blank
from prosa.show.parts import Figures, fold, plot, section, table
from prosa.show.picture import new_picture, plain, save_picture
from prosa.show.words import percent

Method = Literal["pca", "tsne"]
FEWEST = 4  # words of a picture in three dimensions
NEIGHBOURS = 5
SPACED_OUT = 30  # words of a picture in three dimensions that can still be read
LABELLED = 60  # words of a plot that can still be read


class Space(Protocol):
    """Words and their vectors, (N, C): what the page needs of any model."""

    @property
    def words(self) -> Sequence[str]:
        """The words, N of them."""
        ...

    @property
    def matrix(self) -> NDArray[Any]:
        """A row a word."""
        ...


@dataclass(frozen=True)
class WordSpace:
    """Words and their vectors."""

    words: list[str]
    matrix: NDArray[Any]


@dataclass(frozen=True)
class EmbeddingsView:
    """Words as points.

    Attributes:
        points: (N, 3); the first two are the picture in two dimensions, by PCA; for t-SNE ``flat`` is.
        flat: (N, 2).
        shares: of the variance, of each of PCA's directions; None for t-SNE.
        neighbours: of each word, the likest others with their cosine.
        pieces: whether the words are tokens, which may be the beginnings of longer words.
    """

    model: str
    words: list[str]
    method: Method
    points: NDArray[np.float64]
    flat: NDArray[np.float64]
    shares: list[float] | None
    neighbours: list[list[tuple[str, float]]]
    pieces: bool = False

    def to_json(self) -> dict[str, Any]:
        """Every word with its places and neighbours."""
        return {
            "model": self.model,
            "method": self.method,
            "variance": self.shares,
            "words": [
                {
                    "word": word,
                    "flat": self.flat[i].tolist(),
                    "point": self.points[i].tolist(),
                    "neighbours": [{"word": other, "cosine": cosine} for other, cosine in self.neighbours[i]],
                }
                for i, word in enumerate(self.words)
            ],
        }

    def summary(self) -> Summary:
        """The first words' neighbours."""
        return Summary(
            tr(
                f"Nearest by cosine, among {number(len(self.words))} words",
                f"Mais próximas pelo cosseno, entre {number(len(self.words))} palavras",
            ),
            [tr("word", "palavra"), tr("neighbours", "vizinhas")],
            [[word, _listed(near)] for word, near in zip(self.words[:20], self.neighbours, strict=False)],
        )

    def page(self) -> str:
        """The HTML file."""
        return document("Embeddings", self._main, generator="prosa show embeddings")

    def _main(self, figures: Figures) -> Html:
        if self.shares is not None:
            flat, deep = sum(self.shares[:2]), sum(self.shares)
            told = tr(
                f"By PCA: the two directions along which the words vary most hold {percent(flat)} of their variance, "
                f"three {percent(deep)}. The rest is not seen here; neighbours are computed in all dimensions.",
                f"Por PCA: as duas direções em que as palavras mais variam têm {percent(flat)} da variância, três têm "
                f"{percent(deep)}. O resto não se vê aqui; as vizinhas são calculadas em todas as dimensões.",
            )
        else:
            told = tr(
                "By t-SNE: near words stay near; how far groups are from each other, and how big, means little. "
                "Neighbours are computed in all dimensions.",
                "Por t-SNE: palavras próximas ficam próximas; a distância entre grupos, e o tamanho deles, diz pouco. "
                "As vizinhas são calculadas em todas as dimensões.",
            )
        all_ = [[word, _listed(near)] for word, near in zip(self.words, self.neighbours, strict=True)]
        count = number(len(self.words))
        return tag(
            "main",
            tag("h1", "Embeddings"),
            tag(
                "p",
                tr(f"{self.model}: {count} words as points", f"{self.model}: {count} palavras como pontos"),
                class_="lead",
            ),
            tag("p", told, class_="note"),
            tag("p", _of_pieces(), class_="note") if self.pieces else None,
            section(
                "flat",
                tr("In two dimensions", "Em duas dimensões"),
                plot(
                    "flat",
                    self._flat(),
                    tr(
                        "Words as points; point at one for its nearest. Drag to zoom, double-click to go back.",
                        "Palavras como pontos; aponte para uma para ver as mais próximas. Arraste para ampliar, clique "
                        "duas vezes para voltar.",
                    ),
                    figures,
                ),
            ),
            section(
                "deep",
                tr("In three dimensions", "Em três dimensões"),
                plot(
                    "deep",
                    self._deep(),
                    tr("The same words in space; drag to turn.", "As mesmas palavras no espaço; arraste para girar."),
                    figures,
                ),
            ),
            section(
                "neighbours",
                tr("Neighbours", "Vizinhas"),
                fold(
                    tr(f"The nearest of all {count} words", f"As mais próximas de todas as {count} palavras"),
                    table(
                        tr("By cosine, in all dimensions", "Pelo cosseno, em todas as dimensões"),
                        [tr("word", "palavra"), tr("neighbours", "vizinhas")],
                        [[word, tag("span", near)] for word, near in all_],
                    ),
                ),
            ),
            lang=language(),
        )

    def _hover(self) -> list[str]:
        return [
            f"<b>{escape(word)}</b><br>" + "<br>".join(f"{escape(o)} {number(c, 2)}" for o, c in near)
            for word, near in zip(self.words, self.neighbours, strict=True)
        ]

    def _labels(self) -> list[str]:
        return [escape(word) if i < LABELLED else "" for i, word in enumerate(self.words)]

    def _flat(self) -> Any:
        figure = blank("", "")
        figure.add_scatter(
            x=np.round(self.flat[:, 0], 4),
            y=np.round(self.flat[:, 1], 4),
            mode="markers+text",
            marker={"color": "var(--series-1)", "size": 7, "opacity": 0.8},
            text=self._labels(),
            textposition="top center",
            textfont={"size": 11, "color": "var(--ink)"},
            customdata=self._hover(),
            hovertemplate="%{customdata}<extra></extra>",
            showlegend=False,
        )
        figure.update_layout(hovermode="closest", height=560, margin={"l": 24, "b": 24})
        for update in (figure.update_xaxes, figure.update_yaxes):
            update({**AXIS, "showticklabels": False, "title": None})
        zoomable(figure)
        return figure

    def _deep(self) -> Any:
        figure = blank("", "")
        figure.add_scatter3d(
            x=np.round(self.points[:, 0], 4),
            y=np.round(self.points[:, 1], 4),
            z=np.round(self.points[:, 2], 4),
            mode="markers+text" if len(self.words) <= LABELLED else "markers",
            marker={"color": "var(--series-1)", "size": 3.5},
            text=self._labels(),
            textfont={"size": 10, "color": "var(--ink)"},
            customdata=self._hover(),
            hovertemplate="%{customdata}<extra></extra>",
            showlegend=False,
        )
        axis = {
            "showticklabels": False,
            "title": {"text": ""},
            "gridcolor": "var(--grid)",
            "zeroline": False,
            "showbackground": False,
            "showspikes": False,
        }
        figure.update_layout(
            scene={"xaxis": axis, "yaxis": axis, "zaxis": axis}, height=520, margin={"l": 0, "r": 0, "t": 8, "b": 8}
        )
        return figure

    def draw(self, path: Path) -> None:
        """Two and three dimensions side by side."""
        picture = new_picture(11, 5)
        left, right = picture.add_subplot(1, 2, 1), picture.add_subplot(1, 2, 2, projection="3d")
        left.scatter(self.flat[:, 0], self.flat[:, 1], s=12, color="#1f6fb2", alpha=0.7)
        right.scatter(self.points[:, 0], self.points[:, 1], self.points[:, 2], s=8, color="#1f6fb2", alpha=0.7)
        for i, word in enumerate(self.words[:LABELLED]):
            left.annotate(plain(word), self.flat[i], fontsize=7, xytext=(2, 2), textcoords="offset points")
            if len(self.words) <= SPACED_OUT:
                right.text(*self.points[i], plain(word), fontsize=6)
        left.set_title("PCA" if self.method == "pca" else "t-SNE", fontsize=10)
        for place in (left, right):
            place.set_xticklabels([])
            place.set_yticklabels([])
        right.set_zticklabels([])
        save_picture(picture, path)


def _of_pieces() -> str:
    return tr(
        "The words are tokens of the vocabulary; some are only the beginnings of longer words. --text shows your own.",
        "As palavras são tokens do vocabulário; algumas são só começos de palavras maiores. --text mostra as suas.",
    )


def _listed(near: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{word} {number(cosine, 2)}" for word, cosine in near)


def embeddings_view(model: str, space: Space, method: Method = "pca", *, pieces: bool = False) -> EmbeddingsView:
    """The view of a space; ``pieces``: its words are tokens.

    Raises:
        UserError: fewer than four words, or t-SNE without scikit-learn.
    """
    words, matrix = list(space.words), np.asarray(space.matrix, dtype=np.float64)
    if len(words) < FEWEST:
        raise UserError(
            tr(
                f"{len(words)} words are too few for a picture in three dimensions.",
                f"{len(words)} palavras são poucas para uma figura em três dimensões.",
            ),
            tr(f"Give at least {FEWEST} different ones.", f"Dê pelo menos {FEWEST} diferentes."),
        )
    likeness = cosines(matrix)
    near = [[(words[j], float(likeness[i, j])) for j in row] for i, row in enumerate(nearest(likeness, NEIGHBOURS))]
    if method == "tsne":
        return EmbeddingsView(model, words, method, tsne(matrix, 3), tsne(matrix, 2), None, near, pieces)
    points, shares = pca(matrix, 3)
    return EmbeddingsView(model, words, method, points, points[:, :2], shares.tolist(), near, pieces)
