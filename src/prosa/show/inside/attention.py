"""The attention page: every head of every layer small, the chosen one large, between tokens or whole words."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import language, number, tr
from prosa.show.frame import document
from prosa.show.inside.reading import Reading, by_words
from prosa.show.inside.view import Summary, heat
from prosa.show.markup import Html, join, tag
from prosa.show.parts import Figures, fold, plot, section, table
from prosa.show.picture import new_picture, plain, save_picture
from prosa.show.words import percent

MOST = 4_000_000  # weights: a page of some 15 MB
LABELLED = 40  # tokens of a picture whose axis can still be read
SCALE = 10_000  # weights are whole numbers in the page


@dataclass(frozen=True)
class AttentionView:
    """How a model's heads look at a text.

    Attributes:
        weights: (L, H, T, T) between tokens; rows sum to 1.
    """

    model: str
    reading: Reading
    weights: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.weights.size > MOST:
            tokens, heads = len(self.reading.ids), self.weights.shape[0] * self.weights.shape[1]
            most = int((MOST / heads) ** 0.5)
            raise UserError(
                tr(
                    f"{number(heads)} heads over {number(tokens)} tokens are more than a page can hold.",
                    f"{number(heads)} cabeças sobre {number(tokens)} tokens são mais do que cabe em uma página.",
                ),
                tr(f"Give at most {most} tokens.", f"Dê no máximo {most} tokens."),
            )

    @property
    def causal(self) -> bool:
        """Whether no token looks at a later one."""
        return not np.triu(self.weights, 1).any()

    @property
    def words(self) -> NDArray[np.float32]:
        """(L, H, W, W) between words."""
        return by_words(self.weights, self.reading.words)

    def heads(self) -> list[dict[str, float]]:
        """Each head on the mean of all tokens but the first: shares to the first token, the one before and itself,
        and the entropy of its rows in bits."""
        found = []
        for layer, heads in enumerate(self.weights):
            for head, rows in enumerate(heads):
                later = rows[1:] if len(rows) > 1 else rows
                sure = np.where(later > 0, later, 1)
                found.append(
                    {
                        "layer": layer + 1,
                        "head": head + 1,
                        "first": float(later[:, 0].mean()),
                        "previous": float(np.diagonal(rows, -1).mean()) if len(rows) > 1 else 0.0,
                        "itself": float(np.diagonal(rows)[1 if len(rows) > 1 else 0 :].mean()),
                        "entropy": float(-(later * np.log2(sure)).sum(axis=1).mean()),
                    }
                )
        return found

    def to_json(self) -> dict[str, Any]:
        """Tokens, words, weights between words, and what each head looks at."""
        return {
            "model": self.model,
            "tokens": self.reading.tokens,
            "ids": self.reading.ids,
            "words": [word.text for word in self.reading.words],
            "weights": np.round(self.weights.astype(float), 6).tolist(),
            "word_weights": np.round(self.words.astype(float), 6).tolist(),
            "heads": self.heads(),
        }

    def summary(self) -> Summary:
        """What each head looks at."""
        return Summary(
            tr(
                "What each head looks at (mean over all tokens but the first)",
                "Para onde cada cabeça olha (média de todos os tokens, menos o primeiro)",
            ),
            [
                tr("layer, head", "camada, cabeça"),
                tr("first token", "primeiro token"),
                tr("token before", "token anterior"),
                tr("itself", "ele mesmo"),
                tr("entropy (bits)", "entropia (bits)"),
            ],
            [
                [
                    f"{h['layer']}, {h['head']}",
                    *(percent(h[key]) for key in ("first", "previous", "itself")),
                    number(h["entropy"], 2),
                ]
                for h in self.heads()
            ],
        )

    def page(self) -> str:
        """The HTML file."""
        return document(
            tr("Attention", "Atenção"),
            self._main,
            generator="prosa show attention",
            shared={
                "words": {
                    "labels": [word.text for word in self.reading.words],
                    "weights": _rows(self.words, self.causal),
                },
                "tokens": {"labels": self.reading.tokens, "weights": _rows(self.weights, self.causal)},
                "scale": SCALE,
            },
            scripts=("attention.js",),
        )

    def _main(self, figures: Figures) -> Html:
        found = self.summary()
        layers, heads = self.weights.shape[:2]
        return tag(
            "main",
            tag("h1", tr("Attention", "Atenção")),
            tag("p", f"{self.model}: “{self.reading.text}”", class_="lead"),
            tag(
                "fieldset",
                tag("legend", tr("Between", "Entre")),
                *(
                    tag(
                        "label",
                        tag("input", type="radio", name=f"{language()}_level", value=value, checked=value == "words"),
                        name,
                    )
                    for value, name in (("words", tr("words", "palavras")), ("tokens", "tokens"))
                ),
                class_="choices",
            ),
            section(
                "heads",
                tr("Every head of every layer", "Todas as cabeças de todas as camadas"),
                tag(
                    "p",
                    tr(
                        "A row is who looks, a column what is looked at; dark is much. Choose one to see it large. ",
                        "A linha é quem olha, a coluna é o que é olhado; cor forte é muito. Escolha uma para vê-la "
                        "grande. ",
                    ),
                    *(
                        (
                            tag("span", class_="key", aria_hidden="true"),
                            tr(
                                " is what comes later, which the causal mask hides.",
                                " é o que vem depois, que a máscara causal esconde.",
                            ),
                        )
                        if self.causal
                        else (tr("There is no mask: both sides are read.", "Não há máscara: lê-se dos dois lados."),)
                    ),
                    class_="note",
                ),
                *(_layer(layer, heads) for layer in range(layers)),
            ),
            section(
                "head",
                tr("One head", "Uma cabeça"),
                tag("h3", "", class_="chosen", aria_live="polite"),
                plot("attention", self._large(), self._alternative(), figures),
            ),
            section(
                "numbers",
                tr("In numbers", "Em números"),
                table(found.title, found.heads, found.rows),
                tag(
                    "p",
                    tr(
                        "Entropy: 0 bits is one token only, log2(n) is all n alike. The first token often takes what a "
                        "head has no use for.",
                        "Entropia: 0 bit é um token só, log2(n) são todos os n por igual. O primeiro token costuma "
                        "receber o que a cabeça não tem onde pôr.",
                    ),
                    class_="note",
                ),
            ),
            section(
                "how",
                tr("How it is computed", "Como se calcula"),
                tag(
                    "p",
                    tr(
                        "Between tokens: the model's own weights, softmax(q·k / √D) over what a token may see, each "
                        "row sums to 100%. Between words: A[I, J] = 1/|I| Σ(i in I) Σ(j in J) a[i, j], what the tokens "
                        "of word I look at on the mean, summed over the tokens of word J; rows still sum to 100%. "
                        "Weights say where a head reads, not what it does with it.",
                        "Entre tokens: os pesos do próprio modelo, softmax(q·k / √D) sobre o que um token pode ver; "
                        "cada linha soma 100%. Entre palavras: A[I, J] = 1/|I| Σ(i em I) Σ(j em J) a[i, j], para onde "
                        "olham em média os tokens da palavra I, somado sobre os tokens da palavra J; as linhas "
                        "continuam somando 100%. Os pesos dizem de onde a cabeça lê, não o que faz com isso.",
                    ),
                ),
                fold(
                    tr("The tokens", "Os tokens"),
                    tag("p", join(*(tag("span", f"{token} ", class_=f"p{i % 5}") for i, token in _numbered(self))))
                    if self.reading.tokens
                    else None,
                ),
            ),
            lang=language(),
        )

    def _large(self) -> Any:
        figure = heat(
            tr("what is looked at", "o que é olhado"),
            tr("who looks", "quem olha"),
            height=560,
            z=[[0]],
            hovertemplate=tr("%{text}: %{z:.1%}", "%{text}: %{z:.1%}") + "<extra></extra>",
        )
        figure.update_layout(plot_bgcolor="var(--masked)")
        figure.update_xaxes(tickangle=-60, title=None, side="bottom")
        figure.update_yaxes(title=None)
        return figure

    def _alternative(self) -> str:
        layers, heads = self.weights.shape[:2]
        return tr(
            f"Attention weights of the chosen head ({layers} layers of {heads} heads). Rows look, columns are looked "
            "at; drag to zoom, double-click to go back. The table below has each head's habits in numbers.",
            f"Pesos de atenção da cabeça escolhida ({layers} camadas de {heads} cabeças). Linhas olham, colunas são "
            "olhadas; arraste para ampliar, clique duas vezes para voltar. A tabela abaixo tem os hábitos de cada "
            "cabeça em números.",
        )

    def draw(self, path: Path) -> None:
        """Every head between words, in a grid: rows are layers."""
        layers, heads = self.weights.shape[:2]
        labels = [plain(word.text) for word in self.reading.words]
        size = 3.0 if heads <= 4 else 2.0 if heads <= 8 else 1.5
        room = 1.2 if len(labels) <= LABELLED else 0.3
        picture = new_picture(size * heads + room, size * layers + room + 0.4)
        axes = picture.subplots(layers, heads, squeeze=False, sharex=True, sharey=True)
        words, hidden = self.words, self.causal & ~np.tri(len(labels), dtype=bool)
        for layer in range(layers):
            for head in range(heads):
                place = axes[layer, head]
                seen = np.ma.masked_where(hidden, np.sqrt(words[layer, head]))
                place.set_facecolor("#dcd6ca")
                place.imshow(seen, vmin=0, vmax=1, cmap="Blues", interpolation="nearest", aspect="equal")
                place.set_title(
                    tr(f"layer {layer + 1}, head {head + 1}", f"camada {layer + 1}, cabeça {head + 1}"), fontsize=8
                )
                place.tick_params(length=0)
                if len(labels) <= LABELLED:
                    size_of = max(4, min(8, 90 * size / 3 / len(labels)))
                    place.set_xticks(range(len(labels)), labels, rotation=90, fontsize=size_of)
                    place.set_yticks(range(len(labels)), labels, fontsize=size_of)
                else:
                    place.set_xticks([])
                    place.set_yticks([])
        picture.suptitle(
            tr(
                "Attention between words (rows look; colour by the root of the weight"
                + ("; grey: masked)" if self.causal else ")"),
                "Atenção entre palavras (linhas olham; cor pela raiz do peso"
                + ("; cinza: mascarado)" if self.causal else ")"),
            ),
            fontsize=9,
        )
        save_picture(picture, path)


def _numbered(view: AttentionView) -> list[tuple[int, str]]:
    return list(enumerate(view.reading.tokens))


def _layer(layer: int, heads: int) -> Html:
    name = tr(f"layer {layer + 1}", f"camada {layer + 1}")
    buttons = [
        tag(
            "button",
            tag("canvas"),
            type="button",
            aria_label=tr(f"layer {layer + 1}, head {head + 1}", f"camada {layer + 1}, cabeça {head + 1}"),
            aria_pressed="false",
            data_layer=layer,
            data_head=head,
        )
        for head in range(heads)
    ]
    return tag("div", tag("span", name), *buttons, class_="heads", role="group", aria_label=name)


def _rows(weights: NDArray[np.float32], causal: bool) -> list[list[list[list[int]]]]:
    """What may be seen, as whole numbers of 1 / SCALE: where there is a mask, row i has i + 1 of them."""
    whole = np.rint(weights * SCALE).astype(int)
    return [
        [[row[: i + 1 if causal else None].tolist() for i, row in enumerate(head)] for head in layer] for layer in whole
    ]
