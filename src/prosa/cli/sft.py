"""``prosa sft``."""

from prosa.cli.command import run, spelled_out_resume


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.sft import sft
    from prosa.show.terminal import show_training

    return run(
        sft,
        spelled_out_resume(argv),
        prog="prosa sft",
        positional=("model",),
        show=show_training,
        as_json=lambda result: result.to_json(),
        examples="""
            prosa sft runs/mine --data conversas.jsonl
            prosa sft runs/mine --data a.jsonl b.parquet --sft.epochs 5 --sft.lr 5e-4 --resume auto
            prosa sft some/model --data conversas.jsonl --out runs/mine
        """,
    )
