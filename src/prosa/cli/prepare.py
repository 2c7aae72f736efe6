"""``prosa prepare``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.prepare import prepare
    from prosa.show.terminal import show_tokens

    return run(
        prepare,
        argv,
        prog="prosa prepare",
        positional=("corpora",),
        show=show_tokens,
        as_json=lambda index: index,
        examples="""
            prosa prepare runs/mine/corpus --tokenizer runs/mine/tokenizer --out runs/mine/data
            prosa prepare novels news --weights 0.7 0.3 --tokenizer gpt2:vocab/gpt2 --out tokens
        """,
    )
