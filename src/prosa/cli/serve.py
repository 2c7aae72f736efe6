"""``prosa serve``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, then serve until Ctrl-C."""
    from prosa.pipeline.serve import serve

    return run(
        serve,
        argv,
        prog="prosa serve",
        positional=("run",),
        show=lambda ended: None,
        as_json=lambda ended: ended.to_json(),
        examples="""
            prosa serve runs/mine
            prosa serve runs/mine:sft --port 8080 --keys team.sqlite
            prosa serve runs/mine --docs contratos/
            prosa serve --model a=runs/a --model b=runs/b
            prosa keys add maria --limit 100000/day
        """,
    )
