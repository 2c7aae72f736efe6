"""``prosa index``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print what the index holds and what could not be read."""
    from prosa.pipeline.index import index
    from prosa.show.ask import show_indexed

    return run(
        index,
        argv,
        prog="prosa index",
        positional=("folder",),
        show=show_indexed,
        as_json=lambda done: done.to_json(),
        examples="""
            prosa index contratos/ --out indice
            prosa index contratos/ --out indice --model runs/mine
            prosa ask runs/mine --docs indice "Qual é o prazo de entrega?"
        """,
    )
