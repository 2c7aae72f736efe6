"""GPT-2's two files: ``encoder.json`` (token → id) and ``vocab.bpe`` (merges), or vocab.json and merges.txt."""

from pathlib import Path

from prosa.core.errors import UserError
from prosa.core.files import read_json
from prosa.core.language import tr
from prosa.tokenizers import bytelevel
from prosa.tokenizers.config import END_OF_TEXT
from prosa.tokenizers.library import LibraryTokenizer
from prosa.tokenizers.text import read_text

PAIRS = (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt"))

# Radford et al. 2019; ByteLevel with use_regex applies this very pattern:
# 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
GPT2_SPLIT = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True}


def gpt2_files(folder: Path) -> tuple[Path, Path] | None:
    """The vocabulary and the merges in ``folder``, or None."""
    for names in PAIRS:
        vocab, merges = (folder / name for name in names)
        if vocab.is_file() and merges.is_file():
            return vocab, merges
    return None


def load_gpt2(folder: Path) -> LibraryTokenizer:
    """The tokenizer of GPT-2's files in ``folder``.

    Raises:
        UserError: a file is missing or damaged (file and line are named).
    """
    files = gpt2_files(folder)
    if files is None:
        raise UserError(
            tr(
                f"{folder} has no GPT-2 vocabulary: encoder.json and vocab.bpe (or vocab.json and merges.txt).",
                f"{folder} não tem vocabulário GPT-2: encoder.json e vocab.bpe (ou vocab.json e merges.txt).",
            )
        )
    vocab_path, merges_path = files
    vocab = read_json(vocab_path)
    if not isinstance(vocab, dict) or not all(isinstance(id, int) for id in vocab.values()):
        raise UserError(tr(f"{vocab_path}: expected token: id pairs.", f"{vocab_path}: esperava pares token: id."))
    merges = []
    for number, line in enumerate(read_text(merges_path).split("\n"), 1):
        if not line.strip() or (number == 1 and line.startswith("#version")):
            continue
        parts = line.split()
        if len(parts) != 2 or not vocab.keys() >= {*parts, "".join(parts)}:
            raise UserError(
                tr(
                    f"{merges_path}, line {number}: {line!r} is not a merge of two tokens of {vocab_path.name}.",
                    f"{merges_path}, linha {number}: {line!r} não é a junção de dois tokens de {vocab_path.name}.",
                )
            )
        merges.append(" ".join(parts))
    special = {END_OF_TEXT: vocab[END_OF_TEXT]} if END_OF_TEXT in vocab else {}
    model = bytelevel.bpe_model(vocab, merges, ignore_merges=False)
    return LibraryTokenizer(
        bytelevel.definition(model, special, pre_tokenizer=GPT2_SPLIT, decoder=bytelevel.DECODER),
        where=str(vocab_path),
    )
