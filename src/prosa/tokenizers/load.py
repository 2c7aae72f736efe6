"""Open any tokenizer from a SPEC: a run, model or tokenizer folder, ``run:stage``, a file, or ``kind:PATH``."""

import re
from collections.abc import Callable
from pathlib import Path

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.tokenizers.bert import load_bert
from prosa.tokenizers.char import CharTokenizer, is_char
from prosa.tokenizers.gpt2 import gpt2_files, load_gpt2
from prosa.tokenizers.library import LibraryTokenizer, read_library_files
from prosa.tokenizers.protocol import Tokenizer
from prosa.tokenizers.tiktoken_file import load_tiktoken
from prosa.tokenizers.word import WORD_FILE, load_word, saved_kind

LOADERS: dict[str, Callable[[Path], Tokenizer]] = {
    "bert": load_bert,
    "gpt2": load_gpt2,
    "tiktoken": load_tiktoken,
    "word-v1": lambda path: load_word(path, "word-v1"),
    "word-v2": lambda path: load_word(path, "word-v2"),
}
STAGES = (
    "tokenizer",
    "base",
    "sft",
    "dpo",
    "reward",
    "rl",
    "bert",
)  # of a run folder, in the order they are looked into
PREFIX = re.compile(r"([A-Za-z][\w.-]+):(.+)", re.DOTALL)  # two letters at least: C:\ is a Windows drive


def load(spec: str | Path) -> Tokenizer:
    """The tokenizer that ``spec`` names.

    Forms: a run folder, a stage of it (``runs/mine:base``), a model or tokenizer folder, a ``tokenizer.json``, a
    ``NAME.tiktoken``, a BERT ``vocab.txt``, or ``gpt2:FOLDER``, ``bert:FILE|FOLDER``, ``tiktoken:FILE``,
    ``word-v1:VOCAB``, ``word-v2:VOCAB``.

    Raises:
        UserError: nothing there, or nothing that can be read; the forms are listed, the nearest kind suggested.
    """
    if not str(spec).strip():
        raise UserError(tr("no tokenizer is named.", "nenhum tokenizador foi indicado."), forms())
    prefixed = PREFIX.fullmatch(str(spec))
    run, _, stage = str(spec).rpartition(":")
    if run not in ("", *LOADERS) and not _exists(Path(spec)) and _is_folder(Path(run)):
        if stage not in STAGES:
            raise unknown(tr("stage", "etapa"), stage, STAGES)
        if not _is_folder(Path(run) / stage):
            raise UserError(tr(f"{run} has no stage {stage!r}.", f"{run} não tem a etapa {stage!r}."), forms())
        return _load_folder(Path(run) / stage)
    if prefixed and not _exists(Path(spec)):
        kind, path = prefixed.group(1), Path(prefixed.group(2))
        if kind not in LOADERS:
            error = unknown(tr("tokenizer kind", "tipo de tokenizador"), kind, LOADERS)
            raise UserError(error.what, forms())
        if not _exists(path):
            raise _missing(path)
        return LOADERS[kind](path)
    path = Path(spec)
    if not _exists(path):
        raise _missing(path)
    if path.is_dir():
        return _load_folder(path)
    if path.name.endswith(".tiktoken"):
        return load_tiktoken(path)
    if path.name == WORD_FILE:
        return load_word(path, saved_kind(path.parent))
    if path.suffix == ".json":
        return _load_json(path)
    if path.name == "vocab.txt":
        return load_bert(path)
    raise UserError(
        tr(f"{path} is not a tokenizer that can be told by its name.", f"{path}: não dá para saber que tokenizador é."),
        forms(),
    )


def _load_folder(folder: Path) -> Tokenizer:
    for place in (folder, *(folder / stage for stage in STAGES)):
        if (place / WORD_FILE).is_file():
            return load_word(place, saved_kind(place))
        if (place / "tokenizer.json").is_file():
            return _load_json(place / "tokenizer.json")
        if gpt2_files(place):
            return load_gpt2(place)
        if (place / "vocab.txt").is_file():
            return load_bert(place)
        ranks = sorted(path for path in place.glob("*.tiktoken") if path.is_file())
        if len(ranks) == 1:
            return load_tiktoken(ranks[0])
    raise UserError(
        tr(f"there is no tokenizer in {folder}.", f"não há tokenizador em {folder}."),
        tr("Looked there and in its ", "Procurei ali e em ")
        + ", ".join(f"{stage}/" for stage in STAGES)
        + ".\n"
        + forms(),
    )


def _load_json(path: Path) -> LibraryTokenizer:
    definition, settings, template = read_library_files(path)
    family = CharTokenizer if is_char(definition) else LibraryTokenizer
    return family(definition, settings, template, str(path))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long, such as a whole text
        return False


def _is_folder(path: Path) -> bool:
    return _exists(path) and path.is_dir()


def _missing(path: Path) -> UserError:
    return UserError(tr(f"there is no {path}.", f"não existe {path}."), forms())


def forms() -> str:
    """The forms that a SPEC can have, for messages and help."""
    return tr(
        "A tokenizer is a run, model or tokenizer folder; RUN:STAGE; a tokenizer.json, NAME.tiktoken or vocab.txt "
        "file; or gpt2:FOLDER, bert:FILE, tiktoken:FILE, word-v1:VOCAB, word-v2:VOCAB.",
        "Um tokenizador é uma pasta de execução, de modelo ou de tokenizador; EXECUÇÃO:ETAPA; um arquivo "
        "tokenizer.json, NOME.tiktoken ou vocab.txt; ou gpt2:PASTA, bert:ARQUIVO, tiktoken:ARQUIVO, word-v1:VOCAB, "
        "word-v2:VOCAB.",
    )
