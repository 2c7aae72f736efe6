"""A classifier on the terminal: what it learnt, what it confuses, and what it says of texts."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.text import Text

from prosa.core.language import duration, number, size, tr
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
    if "comparison" in plain:
        show_comparison(plain["comparison"])
        return
    _measured(plain, tr("texts", "textos"))


def show_image_classifier(result: Jsonable) -> None:
    """The same of a classifier of images."""
    plain = result.to_json()
    figures = {name: value for name, value in plain.items() if name != "tokens"}
    show_figures(
        figures,
        (("images",), tr("images seen", "imagens vistas"), 0),
        (("train", "loss"), tr("training loss (nats per image)", "perda de treino (nats por imagem)"), 3),
        (("validation", "loss"), tr("held out: loss", "reservado: perda"), 3),
        (("images_per_second",), tr("classified per second", "classificadas por segundo"), 0),
    )
    _measured(plain, tr("images", "imagens"))


def _measured(plain: Mapping[str, Any], what: str) -> None:
    """Each class's figures, the confusion matrix, and the accuracy with its interval."""
    console, found = new_console(), plain["held_out"]
    if found is None:
        console.print(Text(tr("Nothing was held out to measure it on.", "Nada foi reservado para medi-lo.")))
        return
    heads = [tr("class", "classe"), what, tr("precision", "precisão"), tr("recall", "cobertura"), "F1"]
    rows = [
        [c["label"], number(c["n"]), *(percent(c[name]) for name in ("precision", "recall", "f1"))]
        for c in found["classes"]
    ]
    console.print(table(tr(f"Held-out {what}", f"Reservados: {what}"), heads, rows))
    labels = plain["labels"]
    if len(labels) <= SHOWN_CLASSES:
        rows = [[label, *map(number, row)] for label, row in zip(labels, found["confusion"], strict=True)]
        console.print(table(tr("Confusion", "Confusão"), [tr("is \\ said", "é \\ dito"), *labels], rows))
    low, high = (percent(end) for end in found["interval"])
    accuracy, n, commonest = percent(found["accuracy"]), number(found["n"]), percent(found["commonest"])
    console.print(
        Text(
            tr(
                f"{accuracy} of {n} held-out {what} are right (95% interval {low} to {high}); always saying the "
                f"commonest class: {commonest}. Macro F1 {percent(found['macro_f1'])}.",
                f"Acertos: {accuracy} de {n} {what} (intervalo de 95%: {low} a {high}); dizer sempre a "
                f"classe mais comum: {commonest}. F1 macro {percent(found['macro_f1'])}.",
            ),
            style="bold",
        )
    )


def show_comparison(plain: Mapping[str, Any]) -> None:
    """The table that tells which classifier to choose, best first, and the choice with its reason."""
    heads = [
        tr("classifier", "classificador"),
        tr("accuracy", "acurácia"),
        tr("95% interval", "intervalo de 95%"),
        tr("macro F1", "F1 macro"),
        tr("95% interval", "intervalo de 95%"),
        tr("training", "treino"),
        tr("on disk", "em disco"),
        tr("texts/s", "textos/s"),
    ]
    good = [row for row in plain["rows"] if "problem" not in row]
    rows = [
        [
            ("→ " if row["name"] == plain["chosen"] else "  ") + row["name"],
            percent(row["accuracy"]),
            _ends(row["interval"]),
            percent(row["macro_f1"]),
            _ends(row["macro_f1_interval"]),
            duration(row["seconds"]),
            size(row["bytes"]),
            number(row["texts_per_second"]),
        ]
        for row in sorted(good, key=lambda row: -row["accuracy"])
    ]
    rows += [["  " + row["name"], *["–"] * 7] for row in plain["rows"] if "problem" in row]
    folds, n = number(plain["folds"]), number(plain["n"])
    times = number(plain["repeats"])
    often = tr(f", {times} times", f", {times} vezes") if plain["repeats"] > 1 else ""
    title = tr(
        f"Cross-validated: {n} texts in {folds} folds{often}; intervals are over texts",
        f"Validação cruzada: {n} textos em {folds} partes{often}; os intervalos são sobre os textos",
    )
    console = new_console()
    console.print(table(title, heads, rows))
    for row in plain["rows"]:
        if "problem" in row:
            console.print(Text(f"{row['name']}: {row['problem']}"), soft_wrap=True)
    chosen = next(row for row in good if row["name"] == plain["chosen"])
    reason = (
        tr("the best", "o melhor")
        if plain["chosen"] == plain["best"]
        else tr(
            f"the smallest of those that are not clearly worse than the best, {plain['best']} (which is ahead by "
            f"{_ends(chosen['behind_best'])} on the same texts)",
            f"o menor dos que não são claramente piores que o melhor, {plain['best']} (que está à frente por "
            f"{_ends(chosen['behind_best'])} nos mesmos textos)",
        )
    )
    commonest = percent(chosen["commonest"])
    console.print(
        Text(
            tr(
                f"Kept: {plain['chosen']}, {reason}. Always saying the commonest class: {commonest}.",
                f"Ficou: {plain['chosen']}, {reason}. Dizer sempre a classe mais comum: {commonest}.",
            ),
            style="bold",
        ),
        soft_wrap=True,
    )


def _ends(interval: Sequence[float]) -> str:
    low, high = (percent(end) for end in interval)
    return tr(f"{low} to {high}", f"{low} a {high}")


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
