"""A classifier on the terminal: what it learnt, what it confuses, and what it says of texts."""

from collections.abc import Sequence
from typing import Protocol

from rich.text import Text

from prosa.core.language import number, tr
from prosa.corpus.repair import excerpt
from prosa.show.console import Jsonable, new_console, table
from prosa.show.terminal import show_figures
from prosa.show.words import percent

SHOWN_CLASSES = 12  # of a confusion matrix: no terminal is wider


class Predicted(Protocol):
    """A text and what a classifier says of it."""

    @property
    def text(self) -> str:
        """The text."""
        ...

    @property
    def label(self) -> str:
        """The likeliest class."""
        ...

    @property
    def probabilities(self) -> dict[str, float] | None:
        """Of every class; None of an svm."""
        ...

    @property
    def margins(self) -> dict[str, float] | None:
        """Of an svm: how far inside each class the text is."""
        ...

    @property
    def cut(self) -> bool:
        """Whether only its beginning was read."""
        ...


def show_classifier(result: Jsonable) -> None:
    """The training, each class's figures, the confusion matrix, and the accuracy with its interval."""
    plain = result.to_json()
    show_figures(
        plain,
        (("trained_parameters",), tr("trained", "treinados"), 0),
        (("terms",), tr("n-grams counted", "n-gramas contados"), 0),
        (("data", "texts"), tr("texts learnt from", "textos aprendidos"), 0),
        (("train", "loss"), tr("training loss (nats per text)", "perda de treino (nats por texto)"), 3),
        (("validation", "loss"), tr("held out: loss", "reservado: perda"), 3),
    )
    console, found = new_console(), plain["held_out"]
    if found is None:
        console.print(Text(tr("Nothing was held out to measure it on.", "Nada foi reservado para medi-lo.")))
        return
    heads = [tr("class", "classe"), tr("texts", "textos"), tr("precision", "precisão"), tr("recall", "cobertura"), "F1"]
    rows = [
        [c["label"], number(c["n"]), *(percent(c[name]) for name in ("precision", "recall", "f1"))]
        for c in found["classes"]
    ]
    console.print(table(tr("Held-out texts", "Textos reservados"), heads, rows))
    labels = plain["labels"]
    if len(labels) <= SHOWN_CLASSES:
        rows = [[label, *map(number, row)] for label, row in zip(labels, found["confusion"], strict=True)]
        console.print(table(tr("Confusion", "Confusão"), [tr("is \\ said", "é \\ dito"), *labels], rows))
    low, high = (percent(end) for end in found["interval"])
    accuracy, n, commonest = percent(found["accuracy"]), number(found["n"]), percent(found["commonest"])
    console.print(
        Text(
            tr(
                f"{accuracy} of {n} held-out texts are right (95% interval {low} to {high}); always saying the "
                f"commonest class: {commonest}. Macro F1 {percent(found['macro_f1'])}.",
                f"{accuracy} de {n} textos reservados estão certos (intervalo de 95%: {low} a {high}); dizer sempre a "
                f"classe mais comum: {commonest}. F1 macro {percent(found['macro_f1'])}.",
            ),
            style="bold",
        )
    )


def show_predictions(predictions: Sequence[Predicted]) -> None:
    """A line a text: its class, how probable that is, and the text."""
    rows = []
    for p in predictions:
        shown = excerpt(p.text) + (tr(" (cut)", " (cortado)") if p.cut else "")
        sure = number((p.margins or {})[p.label], 2) if p.probabilities is None else percent(p.probabilities[p.label])
        rows.append([p.label, sure, shown])
    margins = any(p.probabilities is None for p in predictions)
    how = tr("margin", "margem") if margins else tr("probability", "probabilidade")
    heads = [tr("class", "classe"), how, tr("text", "texto")]
    new_console().print(table("", heads, rows, left=(0, 2)))
