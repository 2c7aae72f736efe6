"""``prosa regress``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.regress import regress
    from prosa.show.regression import show_regression

    return run(
        regress,
        argv,
        prog="prosa regress",
        positional=("data",),
        show=show_regression,
        as_json=lambda result: result.to_json(),
        examples="""
            prosa regress docs/examples/colheita.csv --x chuva_mm --y safra_kg_ha
            prosa regress dados.csv --x chuva --y safra --picture reta.html
            prosa regress dados.csv --x chuva --y safra --rate 1.1   # too large: it diverges
        """,
    )
