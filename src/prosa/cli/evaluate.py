"""``prosa evaluate``."""

from typing import TYPE_CHECKING

from prosa.cli.command import run

if TYPE_CHECKING:
    from prosa.evaluate.evaluation import Evaluation
    from prosa.pipeline.tasks import TaskScores


def main(argv: list[str]) -> int:
    """Parse, call, print."""
    from prosa.pipeline.evaluate import evaluate

    return run(
        evaluate,
        argv,
        prog="prosa evaluate",
        positional=("model",),
        show=_show,
        as_json=lambda found: found.to_json(),
        views={"examples": "With --tasks: show right and wrong answers."},
        examples="""
            prosa evaluate runs/mine                        (its own held-out documents)
            prosa evaluate runs/mine --text new.txt --json
            prosa evaluate runs/mine --tasks plurals letters arithmetic --problems 500 --examples
            prosa evaluate runs/mine:base --tasks all --language en
            prosa evaluate runs/mine --tasks plurals --prompting zero few cot expert
            prosa evaluate runs/mine --problems-file gsm8k.jsonl --prompting cot
        """,
    )


def _show(found: "Evaluation | TaskScores", *, examples: bool) -> None:
    from prosa.pipeline.tasks import TaskScores
    from prosa.show.tasks import show_tasks
    from prosa.show.terminal import show_evaluation

    if isinstance(found, TaskScores):
        show_tasks(found, examples=examples)
    else:
        show_evaluation(found)
