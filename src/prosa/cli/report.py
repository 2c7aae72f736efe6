"""``prosa report``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.report import report

    return run(
        report,
        argv,
        prog="prosa report",
        positional=("run",),
        show=lambda path: print(path),
        as_json=lambda path: {"report": str(path)},
        examples="""
            prosa report runs/mine
            prosa report runs/mine --out page.html --no-open --lang pt-BR
        """,
    )
