"""``prosa classify``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print: a line a text, or with ``--json`` an object a text."""
    from prosa.pipeline.classify import classify
    from prosa.show.classify import show_predictions

    return run(
        classify,
        argv,
        prog="prosa classify",
        positional=("model", "texts"),
        show=show_predictions,
        as_json=lambda predictions: (prediction.to_json() for prediction in predictions),
        examples="""
            prosa classify runs/c "Gostei muito, recomendo!"
            prosa classify runs/spam "Ok lar..." "You have won a prize" --json
            prosa classify runs/digits seven.png --resize
            cat messages.txt | prosa classify runs/spam -
        """,
    )
