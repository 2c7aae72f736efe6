"""Attention computed by hand, number by number, as it should come out of anyone's paper and pencil.

    scores = q·k;  scaled = scores / √D;  weights = exp(scaled) / Σ exp(scaled);  context = Σ weights · v

Two examples that are widely printed. The first's published weights (.88 .10 .02) are not what softmax gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from prosa.core.language import language, number, tr
from prosa.nn.attention import attention_weights
from prosa.show.frame import document
from prosa.show.inside.view import Summary
from prosa.show.markup import Html, tag
from prosa.show.parts import Figures, section, table
from prosa.show.picture import new_picture, save_picture

SCORES, WIDTH = (112.0, 96.0, 24.0), 64
PUBLISHED = (0.88, 0.10, 0.02)
WORDS = ("v1", "v2", "v3", "v4", "v5", "v6")
VECTORS = (
    (0.43, 0.15, 0.89),
    (0.55, 0.87, 0.66),
    (0.57, 0.85, 0.64),
    (0.22, 0.58, 0.33),
    (0.77, 0.25, 0.10),
    (0.05, 0.80, 0.55),
)
QUERY = 1  # the second looks


@dataclass(frozen=True)
class Scaled:
    """A row of scores, scaled and softmaxed."""

    scores: list[float]
    scaled: list[float]
    exponentials: list[float]
    weights: list[float]


def scaled_example(scores: Sequence[float] = SCORES, width: int = WIDTH) -> Scaled:
    """Scores of one query with three keys, from the products to the weights, each step."""
    products = torch.tensor(scores, dtype=torch.float64)
    scaled = products / width**0.5
    exponentials = (scaled - scaled.max()).exp()  # less the greatest: the same weights, and no overflow
    return Scaled(
        products.tolist(), scaled.tolist(), exponentials.tolist(), (exponentials / exponentials.sum()).tolist()
    )


@dataclass(frozen=True)
class Plain:
    """Plain dot-product attention of one vector: scores, weights and their mix of the vectors."""

    scores: list[float]
    weights: list[float]
    context: list[float]


def plain_example(vectors: Sequence[Sequence[float]] = VECTORS, query: int = QUERY) -> Plain:
    """How one vector looks at all, by the same function as the models use, without projections or scale."""
    all_: Tensor = torch.tensor(vectors, dtype=torch.float64)
    weights = attention_weights(all_[query : query + 1], all_, scale=1.0)[0]
    return Plain((all_ @ all_[query]).tolist(), weights.tolist(), (weights @ all_).tolist())


@dataclass(frozen=True)
class WorkedView:
    """The page and picture of both examples."""

    scaled: Scaled = field(default_factory=scaled_example)
    plain: Plain = field(default_factory=plain_example)

    def to_json(self) -> dict[str, Any]:
        """Every number."""
        return {
            "scaled": {"width": WIDTH, **vars(self.scaled), "published": list(PUBLISHED)},
            "plain": {"vectors": [list(vector) for vector in VECTORS], "query": QUERY, **vars(self.plain)},
        }

    def summary(self) -> Summary:
        """The first example, beside what was published."""
        s = self.scaled
        return Summary(
            tr(
                f"softmax(scores / √{WIDTH}); the published weights are wrong",
                f"softmax(pontuações / √{WIDTH}); os pesos publicados estão errados",
            ),
            [
                tr("key", "chave"),
                tr("score q·k", "pontuação q·k"),
                tr("scaled: / 8", "escalada: / 8"),
                "exp",
                tr("weight", "peso"),
                tr("published", "publicado"),
            ],
            [
                [
                    str(i + 1),
                    number(s.scores[i]),
                    number(s.scaled[i]),
                    number(s.exponentials[i], 7),
                    number(s.weights[i], 7),
                    number(PUBLISHED[i], 2),
                ]
                for i in range(len(s.scores))
            ],
        )

    def page(self) -> str:
        """The HTML file."""
        return document(tr("Attention by hand", "Atenção à mão"), self._main, generator="prosa show attention")

    def _main(self, figures: Figures) -> Html:
        first, plain = self.summary(), self.plain
        vectors = [
            [WORDS[i], *(number(x, 2) for x in VECTORS[i]), number(plain.scores[i], 4), number(plain.weights[i], 4)]
            for i in range(len(VECTORS))
        ]
        mix = tr("context = Σ weight · vector", "contexto = Σ peso · vetor")
        vectors.append([mix, *(number(x, 4) for x in plain.context), "", number(sum(plain.weights), 4)])
        return tag(
            "main",
            tag("h1", tr("Attention by hand", "Atenção à mão")),
            tag(
                "p",
                tr(
                    "Two examples small enough for pencil and paper, every step with its numbers.",
                    "Dois exemplos que cabem em lápis e papel, cada passo com os seus números.",
                ),
                class_="lead",
            ),
            section(
                "scaled",
                tr("From scores to weights", "Das pontuações aos pesos"),
                tag(
                    "p",
                    tr(
                        "A query of width 64 and three keys. Scores are divided by √64 = 8, so that wide vectors do "
                        "not make softmax choose one key alone; exp is taken of each less the greatest (14), which "
                        "changes no weight; the weights are the exponentials by their sum.",
                        "Uma consulta de largura 64 e três chaves. As pontuações são divididas por √64 = 8, para que "
                        "vetores largos não façam o softmax escolher uma chave só; toma-se exp de cada uma menos a "
                        "maior (14), o que não muda os pesos; os pesos são as exponenciais sobre a sua soma.",
                    ),
                ),
                table(first.title, first.heads, first.rows),
                tag(
                    "p",
                    tr(
                        "This example is often printed with .88 .10 .02. That is not softmax of 14, 12 and 3: the "
                        "second is e² = 7.39 times less than the first (.119), and the third e¹¹ = 59,874 times "
                        "(.0000147), not 44 times.",
                        "Este exemplo costuma aparecer impresso com 0,88 0,10 0,02. Isso não é o softmax de 14, 12 e "
                        "3: o segundo é e² = 7,39 vezes menor que o primeiro (0,119), e o terceiro e¹¹ = 59.874 vezes "
                        "(0,0000147), não 44 vezes.",
                    ),
                    class_="verdict bad",
                ),
            ),
            section(
                "plain",
                tr("From weights to a context vector", "Dos pesos ao vetor de contexto"),
                tag(
                    "p",
                    tr(
                        "Six vectors of width 3; the second (v2) looks at all of them, itself among them. Here there "
                        "are no projections and no scale: score = v2 · v.",
                        "Seis vetores de largura 3; o segundo (v2) olha para todos, ele mesmo entre eles. Aqui não há "
                        "projeções nem escala: pontuação = v2 · v.",
                    ),
                ),
                table(
                    tr("How the second vector looks at all", "Como o segundo vetor olha para todos"),
                    [tr("vector", "vetor"), "x", "y", "z", tr("score", "pontuação"), tr("weight", "peso")],
                    vectors,
                    ours=len(vectors) - 1,
                ),
            ),
            lang=language(),
        )

    def draw(self, path: Path) -> None:
        """Both rows of weights as bars."""
        picture = new_picture(8, 3)
        left, right = picture.subplots(1, 2)
        n = len(SCORES)
        left.bar([i - 0.2 for i in range(n)], self.scaled.weights, 0.4, label="softmax", color="#1f6fb2")
        left.bar([i + 0.2 for i in range(n)], PUBLISHED, 0.4, label=tr("published", "publicado"), color="#c2570c")
        left.set_xticks(range(n), [f"{score:g} / 8" for score in SCORES])
        left.set_title(tr("Weights of scores 112, 96, 24", "Pesos das pontuações 112, 96, 24"), fontsize=10)
        left.legend(frameon=False)
        right.bar(range(len(VECTORS)), self.plain.weights, color="#1f6fb2")
        right.set_xticks(range(len(VECTORS)), WORDS)
        right.set_title(tr("How v2 looks at six vectors", "Como v2 olha para seis vetores"), fontsize=10)
        for place in (left, right):
            place.spines[["top", "right"]].set_visible(False)
        save_picture(picture, path)
