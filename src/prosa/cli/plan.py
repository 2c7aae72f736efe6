"""``prosa plan``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.plan import plan
    from prosa.show.plan import show_plan

    return run(
        plan,
        _spelled_out(argv),
        prog="prosa plan",
        show=show_plan,
        as_json=lambda made: made.to_json(),
        examples="""
            prosa plan
            prosa plan assistant --train.minutes 30
            prosa plan --model.size gpt2-124m --train.batch-size 64 --tokens 2.5e9 --machine a100
            prosa plan --model.size gpt3-175b --tokens 300e9 --machine h100 --devices 1024 --price 2.5
            prosa plan --model.size llama-7b --tokens 1e12 --machine h100 --devices 64 --json
        """,
    )


def _spelled_out(argv: list[str]) -> list[str]:
    """``plan assistant`` means ``--recipe assistant``; without a recipe a published model has its own context."""
    from prosa.models.sizes import PUBLISHED

    if argv and not argv[0].startswith("-"):
        return ["--recipe", *argv]
    flags = {word.partition("=")[0].replace("_", "-") for word in argv}
    named = any(word.partition("=")[2] in PUBLISHED or word in PUBLISHED for word in argv)
    return [*argv, "--model.context", "0"] if named and not flags & {"--recipe", "--model.context"} else argv
