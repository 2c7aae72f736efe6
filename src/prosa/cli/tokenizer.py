"""``prosa tokenizer train|encode|decode|show|compare``."""

import dataclasses

from prosa.cli.command import run
from prosa.core.errors import unknown
from prosa.core.language import tr

SPEC = "SPEC: a run, a folder, tokenizer.json, X.tiktoken, gpt2:FOLDER, bert:FILE, word-v1:VOCAB, word-v2:VOCAB"
ACTIONS = {
    "train": "learn a vocabulary from text",
    "encode": "text -> ids",
    "decode": "ids -> text",
    "show": "the pieces of a text, in colour",
    "compare": "several tokenizers on one text",
}
USAGE = "usage: prosa tokenizer ACTION ...\n\n" + "".join(f"  {name:<8} {text}\n" for name, text in ACTIONS.items())


def main(argv: list[str]) -> int:
    """Dispatch on the action."""
    if not argv or argv[0] in ("-h", "--help"):
        print(f"{USAGE}\n{SPEC}\n\nprosa tokenizer ACTION --help tells more, with examples.")
        return 0
    action, *rest = argv
    if action not in ACTIONS:
        raise unknown(tr("action", "ação"), action, ACTIONS)
    prog = f"prosa tokenizer {action}"
    from prosa.pipeline import tokenizer as stage
    from prosa.show import terminal

    if action == "train":
        return run(
            stage.train,
            rest,
            prog=prog,
            positional=("paths",),
            show=terminal.show_tokenizer,
            as_json=lambda trained: trained.to_json(),
            examples="""
                prosa tokenizer train runs/mine/corpus --out runs/mine/tokenizer
                prosa tokenizer train my-folder/ --out tok --tokenizer.kind unigram --tokenizer.vocab-size 8000
            """,
        )
    if action == "encode":
        return run(
            stage.encode,
            rest,
            prog=prog,
            positional=("text",),
            show=lambda encoded: print(*encoded.ids),
            as_json=lambda encoded: encoded.to_json(),
            examples="""
                prosa tokenizer encode --tokenizer runs/mine --json "Era uma vez"
                prosa tokenizer encode --tokenizer word-v1:the-verdict.txt --json - < sentence.txt
            """,
        )
    if action == "decode":
        return run(
            stage.decode,
            rest,
            prog=prog,
            positional=("ids",),
            show=print,
            as_json=lambda text: {"text": text},
            examples="prosa tokenizer decode --tokenizer gpt2:vocab/gpt2 15496 11 995",
        )
    if action == "show":
        return run(
            stage.show,
            rest,
            prog=prog,
            positional=("text",),
            show=terminal.print_pieces,
            as_json=lambda pieces: [dataclasses.asdict(piece) for piece in pieces],
            examples="""
                prosa tokenizer show --tokenizer runs/mine "Não consultes dicionários."
                prosa tokenizer show --tokenizer runs/mine - < page.txt
            """,
        )
    return run(
        stage.compare,
        rest,
        prog=prog,
        positional=("specs",),
        show=terminal.show_comparison,
        as_json=lambda rows: [dataclasses.asdict(row) for row in rows],
        examples="""
            prosa tokenizer compare runs/mine gpt2:vocab/gpt2 --text page.txt
            prosa tokenizer compare runs/mine cl100k_base.tiktoken --text page.txt --price 0.0015
        """,
    )
