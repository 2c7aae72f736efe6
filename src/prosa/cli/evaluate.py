"""``prosa evaluate``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.evaluate import evaluate
    from prosa.show.terminal import show_evaluation

    return run(
        evaluate,
        argv,
        prog="prosa evaluate",
        positional=("model",),
        show=show_evaluation,
        as_json=lambda found: found.to_json(),
        examples="""
            prosa evaluate runs/mine                        (its own held-out documents)
            prosa evaluate runs/mine --text new.txt --json
        """,
    )
