"""``prosa corpus``."""

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.corpus import corpus
    from prosa.show.corpus_table import show_corpus

    return run(
        corpus,
        argv,
        prog="prosa corpus",
        positional=("paths",),
        show=show_corpus,
        as_json=lambda report: report.to_json(),
        views={"report": "Show for each rule examples of what it removed or changed, and every problem."},
        examples="""
            prosa corpus my-folder/ --out runs/mine/corpus
            prosa corpus a.pdf b.jsonl.gz texts/ --out corpus --corpus.languages pt --report
            prosa corpus my-folder/ --out corpus --corpus.min-chars 200 --json
        """,
    )
