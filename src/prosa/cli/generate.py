"""``prosa generate``."""

import sys

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, call, print: the text as it is made, or with ``--json`` one object a completion."""
    from prosa.pipeline.generate import generate

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    return run(
        generate,
        argv,
        prog="prosa generate",
        positional=("model",),
        show=lambda completions: None,
        as_json=lambda completions: (completion.to_json() for completion in completions),
        fixed={"write": write},
        examples="""
            prosa generate runs/mine --prompt "Era uma vez" --max-tokens 200 --temperature 0.8 --seed 7
            prosa generate runs/mine --prompt "Era uma vez" "Naquela noite" --samples 3 --json
            echo "Era uma vez" | prosa generate runs/mine --prompt -
        """,
    )
