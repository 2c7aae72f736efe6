"""``prosa word2vec``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.word2vec import word2vec
    from prosa.show.word_vectors import show_vectors

    return run(
        word2vec,
        argv,
        prog="prosa word2vec",
        positional=("paths",),
        show=show_vectors,
        as_json=lambda made: made.to_json(),
        examples="""
            prosa word2vec my-folder/ --out runs/v
            prosa word2vec runs/mine --out runs/v --subwords --epochs 10 --workers 2
            prosa word2vec my-folder/ --out runs/g --method glove --dim 50 --epochs 15 --export
        """,
    )
