"""``prosa rl``."""

from prosa.cli.command import run, spelled_out_resume


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.rl import rl
    from prosa.show.rl import show_rl

    return run(
        rl,
        spelled_out_resume(argv),
        prog="prosa rl",
        positional=("model",),
        show=show_rl,
        as_json=lambda result: result.to_json(),
        examples="""
            prosa rl runs/mine --tasks plurals letter-count --rl.minutes 5
            prosa rl runs/mine --method ppo --data prompts.jsonl --reward runs/mine/reward
            prosa rl runs/mine --tasks 3D+ --tools --rl.group 16 --resume auto
        """,
    )
