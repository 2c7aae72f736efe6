"""``prosa train-images``."""

from prosa.cli.command import run, spelled_out_resume


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.images import train_images
    from prosa.show.classify import show_image_classifier

    return run(
        train_images,
        spelled_out_resume(argv),
        prog="prosa train-images",
        positional=("data",),
        show=show_image_classifier,
        as_json=lambda result: result.to_json(),
        examples="""
            prosa train-images mnist/ --out runs/digits
            prosa train-images mnist/ --out runs/digits-vit --model vit --train.minutes 3
            prosa train-images pictures/ --out runs/animals --model vit --shape.patch 8
        """,
    )
