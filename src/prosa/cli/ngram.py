"""``prosa ngram``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.ngram import ngram
    from prosa.show.ngram import show_ngram

    return run(
        ngram,
        argv,
        prog="prosa ngram",
        positional=("paths",),
        show=show_ngram,
        as_json=lambda found: found.to_json(),
        examples="""
            prosa ngram my-folder/                                       (characters, Markov orders 0 to 5)
            prosa ngram my-folder/ --unit words --order 2 --json
            prosa ngram my-folder/ --order 6 --generate 300 --prompt "Era uma vez" --seed 7
        """,
    )
