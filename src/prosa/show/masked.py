"""A masked language model on the terminal: what it learnt, and what it puts in blanks."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from prosa.core.language import number, tr
from prosa.show.console import Jsonable, new_console, table
from prosa.show.terminal import show_figures
from prosa.show.words import percent


def show_masked(result: Jsonable) -> None:
    """The training, and what it says of masked held-out tokens."""
    plain = result.to_json()
    show_figures(
        plain,
        (
            ("train", "loss"),
            tr("training loss (nats per masked token)", "perda de treino (nats por token mascarado)"),
            3,
        ),
        (("held_out", "loss"), tr("held out: loss", "reservado: perda"), 3),
    )
    found = plain["held_out"]
    if found is None:
        return
    accuracy, n = percent(found["accuracy"]), number(found["tokens"])
    low, high = (percent(end) for end in found["interval"])
    new_console().print(
        Text(
            tr(
                f"{accuracy} of {n} masked held-out tokens are right (95% interval {low} to {high}).",
                f"{accuracy} de {n} tokens reservados mascarados estão certos (intervalo de 95%: {low} a {high}).",
            ),
            style="bold",
        )
    )


def show_filled(results: Sequence[Jsonable]) -> None:
    """Each text with its blanks filled, and a table a blank."""
    console = new_console()
    for result in results:
        plain: dict[str, Any] = result.to_json()
        console.print(Text(plain["best"], style="bold"))
        for n, blank in enumerate(plain["blanks"], 1):
            title = tr(f"[MASK] {n}", f"[MASK] {n}") if len(plain["blanks"]) > 1 else ""
            heads = [tr("token", "token"), tr("probability", "probabilidade")]
            rows = [[c["token"].strip() or repr(c["token"]), percent(c["probability"])] for c in blank]
            console.print(table(title, heads, rows))
