"""A tiktoken rank file (``base64(token) rank`` a line) as a byte-level BPE.

tiktoken merges, again and again, the adjacent pair whose joined bytes have the lowest rank. A list of merges says the
same: for each token, the pair that tiktoken itself would join to make it, which is what is left when the token's bytes
are merged by lower ranks only.
"""

import base64
import binascii
import itertools
from pathlib import Path

from prosa.core.errors import UserError, unknown
from prosa.core.files import read_json
from prosa.core.language import tr
from prosa.tokenizers import bytelevel
from prosa.tokenizers.library import LibraryTokenizer

_R50K = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Name of the file → split pattern and special tokens, as OpenAI publishes them.
ENCODINGS: dict[str, tuple[str, dict[str, int]]] = {
    "r50k_base": (_R50K, {"<|endoftext|>": 50256}),
    "p50k_base": (_R50K, {"<|endoftext|>": 50256}),
    "cl100k_base": (
        _CL100K,
        {
            "<|endoftext|>": 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
    ),
    "o200k_base": (_O200K, {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}),
}


def load_tiktoken(path: Path) -> LibraryTokenizer:
    """The tokenizer of a rank file.

    The split pattern and the special tokens come from the file's name (``cl100k_base.tiktoken``) or from
    ``NAME.config.json`` beside it (``{"pat_str": …, "special_tokens": {…}}``).

    Raises:
        UserError: a damaged file (the line is named) or a name without a known pattern.
    """
    pattern, special = _pattern(path)
    ranks = read_ranks(path)
    # Special tokens are in the vocabulary too, or ``tokenizers`` would number them anew, right after the ranks.
    vocab = {bytelevel.to_characters(token): rank for token, rank in ranks.items()} | special
    model = bytelevel.bpe_model(vocab, merges_of(ranks), ignore_merges=True)
    return LibraryTokenizer(
        bytelevel.definition(model, special, pre_tokenizer=bytelevel.pre_tokenizer(pattern), decoder=bytelevel.DECODER),
        where=str(path),
    )


def _pattern(path: Path) -> tuple[str, dict[str, int]]:
    name = path.name.removesuffix(".tiktoken")
    if name in ENCODINGS:
        return ENCODINGS[name]
    beside = path.with_name(f"{name}.config.json")
    if not beside.is_file():
        error = unknown(tr("tiktoken encoding", "codificação do tiktoken"), name, ENCODINGS)
        raise UserError(
            error.what,
            error.hint
            + tr(
                f". For another, put its pat_str and special_tokens in {beside}.",
                f". Para outra, ponha pat_str e special_tokens dela em {beside}.",
            ),
        )
    settings = read_json(beside)
    try:
        return str(settings["pat_str"]), {str(k): int(v) for k, v in settings["special_tokens"].items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            tr(f"{beside}: needs pat_str and special_tokens.", f"{beside}: precisa de pat_str e special_tokens.")
        ) from error


def read_ranks(path: Path) -> dict[bytes, int]:
    """Token bytes → rank.

    Raises:
        UserError: unreadable, a line that is not ``base64 rank`` (it is named), or a byte without a token.
    """
    ranks: dict[bytes, int] = {}
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(tr(f"cannot read {path}: {error}", f"não consigo ler {path}: {error}")) from error
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise UserError(
                tr(
                    f"{path}, line {number}: expected a token in base64 and its rank, found {line[:60]!r}.",
                    f"{path}, linha {number}: esperava um token em base64 e seu posto, achei {line[:60]!r}.",
                )
            ) from error
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        raise UserError(
            tr(
                f"{path}: {len(missing)} of the 256 single bytes have no rank (the first: {missing[0]:#04x}).",
                f"{path}: {len(missing)} dos 256 bytes não têm posto (o primeiro: {missing[0]:#04x}).",
            )
        )
    return ranks


def merges_of(ranks: dict[bytes, int]) -> list[str]:
    """``"left right"`` of each token of two bytes or more, in the order of ranks."""
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) > 1:
            parts = _merge_below(token, rank, ranks)
            if len(parts) == 2:  # else merging never makes it: it is only ever a whole piece (ignore_merges)
                merges.append(f"{bytelevel.to_characters(parts[0])} {bytelevel.to_characters(parts[1])}")
    return merges


def _merge_below(token: bytes, limit: int, ranks: dict[bytes, int]) -> list[bytes]:
    """The pieces of ``token`` when only pairs of rank below ``limit`` are joined, the lowest first."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 2:
        lowest, place = limit, -1
        for i, (left, right) in enumerate(itertools.pairwise(parts)):
            rank = ranks.get(left + right, limit)
            if rank < lowest:
                lowest, place = rank, i
        if place < 0:
            break
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts
