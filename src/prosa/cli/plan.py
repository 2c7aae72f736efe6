"""``prosa plan``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print; a first word that is no flag names the recipe."""
    from prosa.pipeline.plan import plan
    from prosa.show.plan import show_plan

    if argv and not argv[0].startswith("-"):
        argv = ["--recipe", *argv]
    return run(
        plan,
        argv,
        prog="prosa plan",
        show=show_plan,
        as_json=lambda found: found.to_json(),
        examples="""
            prosa plan demo
            prosa plan --model.size gpt2-124m --tokens 2.5e9 --machine h100 --price 2.5
            prosa plan --model.size gpt3-175b --tokens 300e9 --machine h100 --devices 1024 --train.micro-batch 1
        """,
    )
