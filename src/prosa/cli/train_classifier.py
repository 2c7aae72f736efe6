"""``prosa train-classifier``."""

from prosa.cli.command import run, spelled_out_resume


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.classify import train_classifier
    from prosa.show.classify import show_classifier

    return run(
        train_classifier,
        spelled_out_resume(argv),
        prog="prosa train-classifier",
        positional=("data",),
        show=show_classifier,
        as_json=lambda result: result.to_json(),
        examples="""
            prosa train-classifier resenhas.csv --out runs/c
            prosa train-classifier sms.tsv --out runs/spam --classify.epochs 5 --shape.size small
            prosa train-classifier resenhas.csv --out runs/c --compare
            prosa train-classifier resenhas.csv --out runs/c --classify.method svm
            prosa train-classifier ToLD-BR.csv --out runs/toxic --columns.label insult --model runs/mine --lora.rank 16
        """,
    )
