"""``prosa gains``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.gains import gains
    from prosa.show.gains import show_gains

    return run(
        gains,
        argv,
        prog="prosa gains",
        positional=("run",),
        show=show_gains,
        as_json=lambda found: found.to_json(),
        views={"answers": "Show ten prompts with every stage's answer."},
        examples="""
            prosa gains runs/mine
            prosa gains runs/mine --tasks arithmetic plurals --problems 500 --seed 1
            prosa gains runs/mine --problems-file my-test.jsonl --answers --json
        """,
    )
