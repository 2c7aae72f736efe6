"""``prosa chat``."""

import contextlib
import functools
import sys

from prosa.cli.command import run


def main(argv: list[str]) -> int:
    """Parse, then talk; or, with ``--prompt``, print the answers, with ``--json`` as one object."""
    from prosa.pipeline.chat import chat

    return run(
        chat,
        argv,
        prog="prosa chat",
        positional=("model",),
        show=lambda chatted: None,
        as_json=lambda chatted: chatted.to_json(),
        fixed={"read": read_line},
        examples="""
            prosa chat runs/mine
            prosa chat runs/mine:sft --system "Responda em uma frase." --save conversas.jsonl
            prosa chat runs/mine --prompt "Quanto é 3,5 × 2?" "E a metade?" --temperature 0 --json
            echo "Olá!" | prosa chat runs/mine --tools minhas_funcoes.py --prompt -
        """,
    )


def read_line(prompt: str) -> str:
    """A line of the standard input, asked for where a person types it: with arrow keys and history on a terminal.

    Raises:
        EOFError: there is none.
    """
    _prepare()
    if sys.stdin.isatty():
        if sys.stdout.isatty():
            return input(prompt)
        sys.stderr.write(prompt)
        sys.stderr.flush()
    return input()


@functools.cache
def _prepare() -> None:
    if hasattr(sys.stdin, "reconfigure"):  # what is not UTF-8 is refused where it can be told, not here
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    if sys.stdin.isatty() and sys.stdout.isatty():
        with contextlib.suppress(ImportError):  # Windows
            import readline  # noqa: F401
