"""BERT's WordPiece from its ``vocab.txt``, and its input: ``[CLS] text [SEP]``, cut at a length.

Devlin et al. 2019; Wu et al. 2016 (WordPiece). A word is cut greedily into the longest pieces of the vocabulary, from
the left; pieces that continue a word start with ``##``. The text is not restored: blanks, and in uncased vocabularies
case and accents, are lost.
"""

from pathlib import Path
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.core.progress import warn
from prosa.tokenizers import bytelevel
from prosa.tokenizers.library import LibraryTokenizer, read_settings
from prosa.tokenizers.protocol import Tokenizer
from prosa.tokenizers.text import read_text

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
DECODER: dict[str, Any] = {"type": "WordPiece", "prefix": "##", "cleanup": True}


def normalizer(*, lowercase: bool) -> dict[str, Any]:
    """BERT's: control characters out, blanks to spaces, Chinese set apart; accents go with the case."""
    return {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": lowercase,
    }


def load_bert(path: Path) -> LibraryTokenizer:
    """The tokenizer of a vocab.txt, or of the folder it is in.

    Uncased or cased: ``do_lower_case`` of a tokenizer_config.json beside it, else uncased when no token of the
    vocabulary has a capital letter.

    Raises:
        UserError: no such file, a repeated token (its line is named), or no [UNK].
    """
    file = path / "vocab.txt" if path.is_dir() else path
    lines = read_text(file).split("\n")
    vocab: dict[str, int] = {}
    for index, line in enumerate(lines[:-1] if lines[-1] == "" else lines):
        token = line.rstrip("\r")
        if token in vocab:
            raise UserError(
                tr(
                    f"{file}, line {index + 1}: {token!r} is there already, on line {vocab[token] + 1}.",
                    f"{file}, linha {index + 1}: {token!r} já está na linha {vocab[token] + 1}.",
                )
            )
        vocab[token] = index
    if "[UNK]" not in vocab:
        raise UserError(
            tr(f"{file} is not a BERT vocabulary: it has no [UNK].", f"{file} não é vocabulário BERT: falta [UNK].")
        )
    settings = read_settings(file.parent)
    uncased = settings.get("do_lower_case", not any(token != token.lower() for token in vocab if token not in SPECIAL))
    special = {token: vocab[token] for token in SPECIAL if token in vocab}
    model = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": vocab,
    }
    return LibraryTokenizer(
        bytelevel.definition(
            model,
            special,
            normalizer=normalizer(lowercase=bool(uncased)),
            pre_tokenizer={"type": "BertPreTokenizer"},
            decoder=DECODER,
        ),
        where=str(file),
    )


def with_specials(tokenizer: Tokenizer, text: str, max_length: int | None = None) -> list[int]:
    """``[CLS] text [SEP]``, cut to ``max_length`` ids; a warning says how many tokens that drops.

    Raises:
        UserError: the tokenizer has no [CLS] and [SEP], or ``max_length`` is below 2.
    """
    special = tokenizer.special_tokens
    if "[CLS]" not in special or "[SEP]" not in special:
        raise UserError(tr("this tokenizer has no [CLS] and [SEP].", "este tokenizador não tem [CLS] e [SEP]."))
    if max_length is not None and max_length < 2:
        raise UserError(tr(f"max_length {max_length} is below 2.", f"max_length {max_length} é menor que 2."))
    ids = tokenizer.encode(text)
    total = len(ids) + 2
    if max_length is not None and total > max_length:
        warn(
            tr(
                f"truncating to {number(max_length)} drops {number(total - max_length)} of {number(total)} tokens.",
                f"cortar em {number(max_length)} descarta {number(total - max_length)} de {number(total)} tokens.",
            )
        )
        ids = ids[: max_length - 2]
    return [special["[CLS]"], *ids, special["[SEP]"]]
