"""``prosa train-translation``."""

from prosa.cli.command import run, spelled_out_resume


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.translation import train_translation
    from prosa.show.translation import show_translator

    return run(
        train_translation,
        spelled_out_resume(argv),
        prog="prosa train-translation",
        positional=("data",),
        show=show_translator,
        as_json=lambda result: result.to_json(),
        examples="""
            prosa train-translation pares.tsv --out runs/t
            prosa train-translation pares.tsv --out runs/r --model rnn --minutes 8
            prosa train-translation pairs.jsonl --columns.source en --columns.target pt --out runs/t --shape.size small
            prosa train-translation pares.tsv --out runs/b --shape.size base --translation.schedule noam
                --translation.warmup-steps 4000 --translation.lr 7e-4
        """,
    )
