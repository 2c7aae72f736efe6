"""Word vectors on the terminal: what was learnt, neighbours, and scores on analogies."""

from typing import Any, Protocol

from rich.text import Text

from prosa.core.language import number, tr
from prosa.show.console import Jsonable, new_console, table
from prosa.show.words import percent


class Found(Jsonable, Protocol):
    """What ``prosa similar`` found."""

    analogies: Any


def show_vectors(made: Jsonable) -> None:
    """What was learnt, how fast, and where it lies."""
    plain = made.to_json()
    rows = [
        [tr("folder", "pasta"), plain["folder"]],
        [tr("words", "palavras"), number(plain["vocab_size"])],
        [tr("numbers a vector", "números por vetor"), number(plain["dim"])],
        [tr("loss", "perda"), number(plain["loss"], 3)],
        [tr("words a second", "palavras por segundo"), number(plain["words_per_second"])],
    ]
    new_console().print(table(tr("Word vectors", "Vetores de palavras"), ["", ""], rows))


def show_similar(found: Found) -> None:
    """A line a neighbour, or a line a section of analogies."""
    console = new_console()
    if found.analogies is None:
        plain = found.to_json()
        title = " + ".join(plain["plus"]) + "".join(f" − {word}" for word in plain["minus"])
        rows = [[n["word"], number(n["cosine"], 3)] for n in plain["neighbours"]]
        console.print(table(title, [tr("word", "palavra"), tr("cosine", "cosseno")], rows))
        return
    plain = found.to_json()
    heads = [
        tr("section", "seção"),
        tr("asked", "perguntadas"),
        tr("coverage", "cobertura"),
        tr("right", "certas"),
        tr("accuracy", "acerto"),
        tr("95% interval", "intervalo de 95%"),
    ]
    rows = []
    for s in (*plain["sections"], {**plain["total"], "section": tr("all", "todas")}):
        low, high = (percent(end) for end in s["interval"])
        asked = s["asked"] > 0
        rows.append(
            [
                s["section"],
                f"{number(s['asked'])} / {number(s['there'])}",
                percent(s["coverage"]),
                number(s["right"]),
                percent(s["accuracy"]) if asked else "-",
                f"{low} – {high}" if asked else "-",
            ]
        )
    console.print(table(tr("Analogies", "Analogias"), heads, rows))
    console.print(
        Text(
            tr(
                f"Answers are among the {number(plain['among'])} most frequent words; an analogy with another word "
                "is not asked.",
                f"As respostas estão entre as {number(plain['among'])} palavras mais frequentes; uma analogia com "
                "outra palavra não é perguntada.",
            )
        )
    )
