"""``prosa build``."""

from prosa.cli.command import run, spelled_out_resume


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.build import build
    from prosa.show.terminal import show_build

    return run(
        build,
        spelled_out_resume(argv),
        prog="prosa build",
        positional=("paths",),
        show=show_build,
        as_json=lambda built: built.to_json(),
        examples="""
            prosa build my-folder/ --out runs/mine
            prosa build my-folder/ --out runs/mine --resume auto
            prosa build --recipe assistant --out runs/assistant
        """,
    )
