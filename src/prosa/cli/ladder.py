"""``prosa ladder``."""

from prosa.cli.command import run, spelled_out_resume


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.ladder import ladder
    from prosa.show.ladder import show_ladder

    return run(
        ladder,
        spelled_out_resume(argv),
        prog="prosa ladder",
        positional=("paths",),
        show=show_ladder,
        as_json=lambda found: found.to_json(),
        examples="""
            prosa ladder my-folder/ --budget 10m
            prosa ladder my-folder/ --budget 1h --out runs/ladder-1h --resume auto
            prosa ladder story.txt --budget 2m --rungs unigram,kn5,lstm,gpt-modern --seeds 1 --json
        """,
    )
