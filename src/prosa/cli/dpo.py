"""``prosa dpo``."""

from prosa.cli.command import run, spelled_out_resume


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.dpo import dpo
    from prosa.show.terminal import show_preferences

    return run(
        dpo,
        spelled_out_resume(argv),
        prog="prosa dpo",
        positional=("model",),
        show=show_preferences,
        as_json=lambda result: result.to_json(),
        examples="""
            prosa dpo runs/mine --data preferencias.jsonl
            prosa dpo runs/mine --data a.jsonl b.parquet --dpo.beta 0.3 --dpo.epochs 2 --resume auto
            prosa dpo runs/mine:sft --data preferencias.jsonl --lora.rank 16
        """,
    )
