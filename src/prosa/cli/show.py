"""``prosa show attention|positions|embeddings|tokens|layers``."""

from typing import TYPE_CHECKING

from prosa.cli.command import run
from prosa.core.errors import unknown
from prosa.core.language import tr

if TYPE_CHECKING:
    from prosa.pipeline.inside import Shown

ACTIONS = {  # word: (what it shows, positional parameters, examples)
    "attention": (
        "every head of every layer over a sentence; or an attention computed by hand",
        ("run",),
        """
        prosa show attention runs/mine --text "O rei viu o mar." --png heads.png
        prosa show attention --worked
        """,
    ),
    "positions": (
        "how places are told apart: sinusoidal, rotary, learned",
        ("run",),
        """
        prosa show positions runs/mine --png positions.png
        prosa show positions                          (the sinusoidal matrix alone)
        """,
    ),
    "embeddings": (
        "words as points in two and three dimensions, with their nearest",
        ("run",),
        """
        prosa show embeddings runs/mine
        prosa show embeddings runs/mine --text "rei rainha homem mulher menino menina" --png words.png
        prosa show embeddings runs/mine --by tsne --most 1000
        """,
    ),
    "tokens": (
        "how a text is cut: pieces, ids, bytes",
        ("run",),
        """
        prosa show tokens runs/mine --text "Não consultes dicionários." --png tokens.png
        prosa show tokens gpt2:vocab/gpt2 --text - < page.txt
        """,
    ),
    "layers": (
        "how the prediction of each next token forms, layer by layer",
        ("run",),
        """
        prosa show layers runs/mine --text "Era uma vez um rei que" --png layers.png
        """,
    ),
}
USAGE = "usage: prosa show WHAT ...\n\n" + "".join(f"  {name:<11} {what}\n" for name, (what, _, _) in ACTIONS.items())


def main(argv: list[str]) -> int:
    """Dispatch on what is to be shown."""
    if not argv or argv[0] in ("-h", "--help"):
        print(f"{USAGE}\nprosa show WHAT --help tells more, with examples.")
        return 0
    word, *rest = argv
    if word not in ACTIONS:
        raise unknown(tr("view", "vista"), word, ACTIONS)
    from prosa.pipeline import inside

    _, positional, examples = ACTIONS[word]
    return run(
        getattr(inside, word),
        rest,
        prog=f"prosa show {word}",
        positional=positional,
        show=_show,
        as_json=lambda shown: shown.to_json(),
        examples=examples,
    )


def _show(shown: "Shown") -> None:
    from prosa.show.console import new_console, table

    found = shown.summary()
    rows = [[str(cell) for cell in row] for row in found.rows]
    new_console().print(table(found.title, found.heads, rows))
    for path in shown.files:
        print(path)
