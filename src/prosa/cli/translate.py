"""``prosa translate``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print: a line a sentence, or with ``--json`` an object a sentence."""
    from prosa.pipeline.translation import translate
    from prosa.show.translation import show_translations

    return run(
        translate,
        argv,
        prog="prosa translate",
        positional=("model", "texts"),
        show=show_translations,
        as_json=lambda found: found.to_json(),
        examples="""
            prosa translate runs/t "Eu amo aprender"
            prosa translate runs/t "Eu amo aprender" --beam 8 --length-penalty 1 --show steps
            prosa translate runs/t "Eu amo aprender" --show attention --out attention.html
            cat frases.txt | prosa translate runs/t - > sentences.txt
        """,
    )
