"""``prosa``: finds the command by the first word and loads nothing else (only the standard library until then)."""

import importlib
import os
import sys

import prosa
from prosa.core import processes

# word: (module of prosa.cli, what it does)
COMMANDS = {
    "build": ("build", "a folder of text -> a pretrained model, its quality, generated text and a report"),
    "corpus": ("corpus", "read, repair, clean, deduplicate and split documents"),
    "tokenizer": ("tokenizer", "train, encode, decode, show, compare tokenizers"),
    "prepare": ("prepare", "documents -> token shards on disk"),
    "ngram": ("ngram", "what counting knows of a text: entropy by Markov order, and text written from counts"),
    "pretrain": ("pretrain", "token shards -> a base model"),
    "pretrain-bert": ("pretrain_bert", "text -> BERT, which reads both sides: fills blanks, is fine-tuned to classify"),
    "fill": ("fill", "what may stand where a text has [MASK]"),
    "sft": ("sft", "conversations -> a model that answers"),
    "reward": ("reward", "preferences -> a model that scores answers"),
    "dpo": ("dpo", "preferences -> a model that prefers likewise, without a reward model"),
    "rl": ("rl", "prompts and rewards -> a model that answers better (PPO, GRPO)"),
    "train-classifier": ("train_classifier", "labelled texts -> a classifier, and how good it is"),
    "train-images": ("train_images", "labelled pictures -> a classifier (CNN or Vision Transformer)"),
    "regress": ("regress", "a line through two columns of a table, by gradient descent"),
    "classify": ("classify", "which class a text or a picture is of"),
    "train-translation": ("train_translation", "pairs of sentences -> a translator, and how good it is"),
    "translate": ("translate", "sentences -> their translations, step by step, with what was looked at"),
    "word2vec": ("word2vec", "a folder of text -> vectors of its words: skip-gram, CBOW, subwords, GloVe"),
    "similar": ("similar", "a word's neighbours, rei - homem + mulher, and scores on a file of analogies"),
    "chat": ("chat", "talk with a model in the terminal"),
    "index": ("index", "a folder of documents -> an index of their passages"),
    "ask": ("ask", "a question answered from your own documents, with file and place"),
    "serve": ("serve", "models behind an address: OpenAI's API and a chat page"),
    "keys": ("keys", "who may use the server: keys, limits of tokens a day, usage, cost"),
    "evaluate": ("evaluate", "loss and bits per byte of held-out text beside n-grams; with --tasks what it gets right"),
    "gains": ("gains", "what each stage of a run gained: task scores, win rates, ratings, with intervals"),
    "probe": ("probe", "agreement with itself, moral self-correction: measured on any model, with intervals"),
    "arena": ("arena", "models against each other on the same prompts: win rates, Bradley-Terry, Elo"),
    "generate": ("generate", "continue a prompt"),
    "ladder": ("ladder", "every language model from n-grams to Transformers: same text, same time, one table"),
    "plan": ("plan", "what a training takes: parameters, memory, FLOPs, time, cost"),
    "show": ("show", "inside a model: attention, positions, embeddings, tokens, layers; pages and pictures"),
    "report": ("report", "the run's report.html"),
    "doctor": ("doctor", "what this machine has, and what is missing"),
}

IN_SEVERAL_PROCESSES = ("pretrain",)

EPILOG = """
Start here:
  prosa build my-folder/ --out runs/mine
  prosa generate runs/mine --prompt "Era uma vez" --max-tokens 200
  prosa sft runs/mine --data conversations.jsonl
  prosa chat runs/mine
  prosa ask runs/mine --docs my-folder/ "A question"
  prosa report runs/mine

`prosa COMMAND --help` tells a command's options, with examples. Messages are in English or Portuguese
(--lang pt-BR, or PROSA_LANG, or the locale). Exit codes: 0 done, 2 your mistake, 130 interrupted, 1 our fault.
"""


def usage() -> str:
    """The text of ``prosa --help``."""
    lines = [
        f"prosa {prosa.__version__}: your own text in, your own language model out.",
        "",
        "usage: prosa COMMAND ...",
        "",
    ]
    width = max(map(len, COMMANDS))
    lines += [f"  {name:<{width}} {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(lines) + "\n" + EPILOG


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # Portuguese on a Windows console or in a C locale
            stream.reconfigure(encoding="utf-8", errors="replace")
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        return _print(usage())
    if arguments[0] in ("-V", "--version"):
        return _print(f"{prosa.__version__}\n")
    word, *rest = arguments
    if processes.rank():  # of several: the first speaks
        processes.hush()
    from prosa.cli.command import guarded

    return guarded(lambda: _dispatch(word, rest))


def _print(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _dispatch(word: str, rest: list[str]) -> int:
    from prosa.cli.command import language_of
    from prosa.core.language import set_language, tr

    set_language(language_of(rest))
    if word not in COMMANDS:
        from prosa.core.errors import unknown

        raise unknown(tr("command", "comando"), word, COMMANDS)
    if processes.world() > 1 and word not in IN_SEVERAL_PROCESSES:
        raise _one_process_only(word)
    module = importlib.import_module(f"prosa.cli.{COMMANDS[word][0]}")
    code: int = module.main(rest)
    return code


def _one_process_only(word: str) -> Exception:
    from prosa.core.errors import UserError
    from prosa.core.language import tr

    return UserError(
        tr(
            f"prosa {word} runs in one process, and torchrun started {processes.world()}.",
            f"prosa {word} roda em um só processo, e o torchrun iniciou {processes.world()}.",
        ),
        tr(
            "Only pretrain runs in several. Make the tokens first (prosa prepare), then: "
            "torchrun --nproc-per-node N -m prosa pretrain --data TOKENS --out RUN",
            "Só o pretrain roda em vários. Faça antes os tokens (prosa prepare), depois: "
            "torchrun --nproc-per-node N -m prosa pretrain --data TOKENS --out RUN",
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
