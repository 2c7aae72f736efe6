"""``prosa similar``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.similar import similar
    from prosa.show.word_vectors import show_similar

    return run(
        similar,
        argv,
        prog="prosa similar",
        positional=("vectors", "words"),
        show=show_similar,
        as_json=lambda found: found.to_json(),
        examples="""
            prosa similar runs/v rei
            prosa similar runs/v rei --minus homem --plus mulher --k 5
            prosa similar GoogleNews-vectors.bin king --json
            prosa similar runs/v --analogies questions-words.txt
        """,
    )
