"""fastokens: byte-level BPE encoded tens of times as fast as by ``tokenizers``, into arrays (FACTS 6).

It is trusted only after it gave the same ids as the reference on hard texts and on a sample of the caller's own.
"""

import itertools
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from prosa.core.language import tr
from prosa.core.progress import warn

if TYPE_CHECKING:
    import fastokens
    import tokenizers

SAMPLE_TEXTS, SAMPLE_CHARACTERS = 64, 2000

HARD_TEXTS = (
    "Não há ação sem coração: o ‘pão-de-ló’ custou R$ 1.234,56 — às 10h45 de 2026!",
    "It's they'RE we'll I'D don't; someunknownPlace <|endoftext|><|user|>[CLS] </s>",
    "  two  spaces\t\ttabs\r\n\r\nlines \n  \n\nend   ",
    "def f(x):\n    return x ** 2  # ²³½\n",
    "e\u0301 a\u0303 c\u0327 NFD, \u00a0nbsp \u200b zero \ufeff bom \x00 nul \u2028 line \ue000 private",
    "日本語 한국어 العربية हिन्दी ไทย 👩‍👩‍👧‍👦🇧🇷 𝔘𝔫𝔦 ǅ ẞ ſ İ",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * 8,
)


def split(flat: NDArray[np.uint32], offsets: NDArray[np.int64]) -> list[list[int]]:
    """Flat ids (n,) and offsets (texts + 1,) as a list of ids for each text."""
    return [flat[a:b].tolist() for a, b in itertools.pairwise(offsets)]


def encode_flat(fast: "fastokens.Tokenizer", texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Ids of ``texts`` as flat ids (n,) and offsets (texts + 1,); special tokens are plain text.

    Raises:
        UnicodeEncodeError: a lone surrogate.
    """
    ids, offsets = fast.encode_batch_flat(list(texts), add_special_tokens=False, split_special_tokens=True)
    return (
        np.frombuffer(ids, dtype="<u4").astype(np.uint32, copy=False),
        np.frombuffer(offsets, dtype="<u8").astype(np.int64),
    )


def open_fast(
    definition: dict[str, Any], reference: "tokenizers.Tokenizer", texts: Sequence[str]
) -> "fastokens.Tokenizer | None":
    """The fast encoder of a tokenizer.json, or None, with a warning, when it cannot be trusted with it.

    Args:
        definition: a tokenizer.json without special tokens.
        reference: the same tokenizer in ``tokenizers``, with ``encode_special_tokens`` set.
        texts: what is about to be encoded; a sample of it is compared, beside ``HARD_TEXTS``.
    """
    added = " a".join(token["content"] for token in definition["added_tokens"])
    sample = [*HARD_TEXTS, added, *(text[:SAMPLE_CHARACTERS] for text in texts[:SAMPLE_TEXTS])]
    try:
        import fastokens

        fast = fastokens.Tokenizer.from_json_str(json.dumps(definition, ensure_ascii=False))
        ours = split(*encode_flat(fast, sample))
    except UnicodeEncodeError:
        raise
    except Exception as error:  # a tokenizer.json that it lacks a part for, or no wheel for this machine
        _warn(tr(f"it cannot open this tokenizer ({error})", f"não abre este tokenizador ({error})"))
        return None
    for text, found in zip(sample, ours, strict=True):
        if found != reference.encode(text, add_special_tokens=False).ids:
            _warn(tr(f"its ids differ on {text[:40]!r}", f"os ids dele diferem em {text[:40]!r}"))
            return None
    return fast


def _warn(why: str) -> None:
    warn(tr(f"fastokens is not used: {why}; encoding is slower.", f"fastokens não será usado: {why}; será mais lento."))
