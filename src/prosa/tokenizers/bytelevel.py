"""Byte-level tokenizers: the 256 bytes written as 256 printable characters (GPT-2), and the split patterns.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners". Since every byte is in the vocabulary, any
text can be written and nothing is unknown; since nothing normalizes, ``decode(encode(t)) == t``.
"""

from collections.abc import Sequence
from typing import Any

# Qwen2's pattern, to the letter: one digit a token (arithmetic needs it), and every accelerator knows it.
QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _byte_characters() -> list[str]:
    """The character that stands for each byte: itself when printable in Latin-1, else from U+0100 on."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    characters, following = [], 256
    for byte in range(256):
        if byte in printable:
            characters.append(chr(byte))
        else:
            characters.append(chr(following))
            following += 1
    return characters


BYTE_CHARACTERS = _byte_characters()
CHARACTER_BYTES = {character: byte for byte, character in enumerate(BYTE_CHARACTERS)}


def to_characters(token: bytes) -> str:
    """A token's bytes as GPT-2's printable characters (``b" a"`` → ``"Ġa"``)."""
    return "".join([BYTE_CHARACTERS[byte] for byte in token])


def to_bytes(token: str) -> bytes:
    """The bytes that a token written in GPT-2's characters stands for; any other text is its own UTF-8."""
    try:
        return bytes([CHARACTER_BYTES[character] for character in token])
    except KeyError:
        return token.encode("utf-8")


def pre_tokenizer(pattern: str) -> dict[str, Any]:
    """Split by ``pattern``, then write bytes as characters (the ``pre_tokenizer`` of a tokenizer.json)."""
    return {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        ],
    }


DECODER: dict[str, Any] = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": False,
    "use_regex": False,
}


def added_token(content: str, id: int) -> dict[str, Any]:
    """A special token, as tokenizer.json writes it."""
    return {
        "id": id,
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


def definition(
    model: dict[str, Any],
    special_tokens: dict[str, int],
    *,
    pre_tokenizer: dict[str, Any] | None,
    decoder: dict[str, Any] | None,
    normalizer: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A whole tokenizer.json."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added_token(content, id) for content, id in special_tokens.items()],
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": decoder,
        "model": model,
    }


def bpe_model(vocab: dict[str, int], merges: Sequence[str], *, ignore_merges: bool) -> dict[str, Any]:
    """A BPE ``model`` of a tokenizer.json; ``merges`` are ``"left right"``, the first to be applied first."""
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": ignore_merges,
        "vocab": vocab,
        "merges": list(merges),
    }
