"""``prosa arena``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.arena import arena
    from prosa.show.arena import show_arena

    return run(
        arena,
        argv,
        prog="prosa arena",
        positional=("models",),
        show=show_arena,
        as_json=lambda found: found.to_json(),
        views={"answers": "Show ten prompts with every model's answer."},
        examples="""
            prosa arena runs/mine:base runs/mine:sft runs/mine:rl
            prosa arena runs/a runs/b --tasks arithmetic plurals --prompts 1000
            prosa arena runs/mine:sft runs/mine:rl --judge reward --answers
            prosa arena runs/a runs/b --prompts-file mine.jsonl --judge outside \\
              --judge-url http://localhost:8000/v1 --judge-model qwen3-8b --out a-b.json
        """,
    )
