"""``prosa fill``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print: the candidates of each blank, or with ``--json`` an object a text."""
    from prosa.pipeline.pretrain_bert import fill
    from prosa.show.masked import show_filled

    return run(
        fill,
        argv,
        prog="prosa fill",
        positional=("model", "text"),
        show=show_filled,
        as_json=lambda filled: (one.to_json() for one in filled),
        examples="""
            prosa fill runs/b "O [MASK] roeu a roupa"
            prosa fill runs/b "Capitu tinha olhos de [MASK] e [MASK]." --top 10 --json
        """,
    )
