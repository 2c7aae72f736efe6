"""``prosa pretrain``."""

from prosa.cli.command import run, spelled_out_resume


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.pretrain import pretrain
    from prosa.show.terminal import show_training

    return run(
        pretrain,
        spelled_out_resume(argv),
        prog="prosa pretrain",
        show=show_training,
        as_json=lambda result: result.to_json(),
        examples="""
            prosa pretrain --data runs/mine/data --out runs/mine
            prosa pretrain --recipe assistant --data tokens --out runs/x --resume auto
            prosa pretrain --data tokens --out runs/x --model.depth 6 --train.steps 2000 --train.lr 1e-3
        """,
    )
