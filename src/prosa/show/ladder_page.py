"""``ladder.html``: picture, table and generated text of a ladder, in both languages, in one file without network."""

from collections.abc import Mapping
from typing import Any

from prosa.core.language import language, number, tr
from prosa.show.frame import document
from prosa.show.ladder import cells, heads, missing, notes, rung_name, title, verdict
from prosa.show.ladder_layout import alternative, layout
from prosa.show.ladder_picture import figure
from prosa.show.markup import Html, tag
from prosa.show.parts import Figures, plot, section, table

Found = Mapping[str, Any]


def page(plain: Found) -> str:
    """The whole HTML file."""
    return document(tr("The ladder", "A escada"), lambda figures: _main(plain, figures))


def _main(plain: Found, figures: Figures) -> Html:
    said, drawn = verdict(plain), layout(plain)
    comparable = [row for row in plain["rows"] if row["status"] == "done" and row["kind"] != "masked"]
    best = min((row["bits_per_byte"] for row in comparable), default=None)
    ours = next((i for i, row in enumerate(plain["rows"]) if row.get("bits_per_byte") == best), None)
    made = [row for row in plain["rows"] if row["status"] == "done"]
    return tag(
        "main",
        tag("h1", tr("The ladder", "A escada")),
        tag("p", _lead(plain), class_="lead"),
        tag("p", said, class_="verdict") if said else None,
        section(
            "picture",
            tr("What each step bought", "O que cada degrau comprou"),
            None if drawn is None else plot("ladder", figure(drawn), alternative(plain, drawn), figures),
        ),
        section(
            "table",
            tr("Every rung", "Todos os degraus"),
            table(title(plain), heads(plain), [cells(row) for row in plain["rows"]], ours=ours),
            *(tag("p", line) for line in missing(plain)),
            *(tag("p", line, class_="note") for line in notes(plain)),
        ),
        section(
            "texts",
            tr("What each writes", "O que cada um escreve"),
            tag(
                "p",
                tr(
                    "The same prompt and the same random numbers, temperature 0.8, first seed.",
                    "O mesmo começo e os mesmos números aleatórios, temperatura 0,8, primeira semente.",
                ),
                class_="note",
            ),
            *(
                tag(
                    "article",
                    tag(
                        "h3",
                        f"{rung_name(row['rung'])} · {number(row['bits_per_byte'], 3)} "
                        + tr("bits per byte", "bits por byte"),
                    ),
                    tag("p", tag("span", plain["prompt"], class_="prompt"), row["text"], class_="sample"),
                )
                for row in made
            ),
        ),
        lang=language(),
    )


def _lead(plain: Found) -> str:
    machine = plain["machine"]
    where = f"{machine['cpu']}, {machine['cores']} " + tr("cores", "núcleos")
    share = plain["share_seconds"]
    if share is None:
        how = tr(f"{number(plain['steps'])} steps each", f"{number(plain['steps'])} passos cada")
    else:
        how = tr(
            f"{number(share, 1)} seconds of training each, {plain['budget']} in all",
            f"{number(share, 1)} segundos de treino cada, {plain['budget']} ao todo",
        )
    return tr(
        f"Every language model from counting to Transformers, on the same bytes: {how}, on {where}.",
        f"Todos os modelos de linguagem, da contagem aos Transformers, nos mesmos bytes: {how}, em {where}.",
    )
