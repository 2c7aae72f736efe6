"""``prosa reward``."""

from prosa.cli.command import run, spelled_out_resume


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.reward import reward
    from prosa.show.reward import show_reward

    return run(
        reward,
        spelled_out_resume(argv),
        prog="prosa reward",
        positional=("model",),
        show=show_reward,
        as_json=lambda result: result.to_json(),
        examples="""
            prosa reward runs/mine --data preferencias.jsonl
            prosa reward runs/mine --data pairs.jsonl.gz more.parquet --reward.epochs 1 --reward.lr 3e-4 --resume auto
            prosa reward runs/mine:base --data preferencias.jsonl --out runs/other
        """,
    )
