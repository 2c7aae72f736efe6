"""``prosa doctor``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.doctor import as_json, doctor
    from prosa.show.terminal import show_checks

    return run(
        doctor,
        argv,
        prog="prosa doctor",
        show=show_checks,
        as_json=as_json,
        examples="""
            prosa doctor
            prosa doctor --json
        """,
    )
