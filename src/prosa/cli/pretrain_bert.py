"""``prosa pretrain-bert``."""

from prosa.cli.command import run, spelled_out_resume


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.pretrain_bert import pretrain_bert
    from prosa.show.masked import show_masked

    return run(
        pretrain_bert,
        spelled_out_resume(argv),
        prog="prosa pretrain-bert",
        positional=("data",),
        show=show_masked,
        as_json=lambda result: result.to_json(),
        examples="""
            prosa pretrain-bert my-folder/ --out runs/b
            prosa pretrain-bert my-folder/ --out runs/b --bert.size tiny --mask.whole-words --train.minutes 5
            prosa pretrain-bert runs/b/data --out runs/b2 --resume auto
        """,
    )
