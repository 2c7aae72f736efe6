"""``prosa ask``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print: the answer as it is made and its passages, or with ``--json`` one object."""
    from prosa.pipeline.ask import ask

    return run(
        ask,
        argv,
        prog="prosa ask",
        positional=("model", "question"),
        show=lambda asked: None,
        as_json=lambda asked: asked.to_json(),
        fixed={"live": True},
        examples="""
            prosa ask runs/mine --docs contratos/ "Qual é o prazo de entrega?"
            prosa ask runs/mine --docs contratos/ --mode both --passages 3 "Quem paga o frete?"
            prosa ask runs/mine --docs indice --by both --json "Qual é a multa?"
        """,
    )
