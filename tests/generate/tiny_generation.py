"""Tiny models on random weights, drawn wide so that their texts vary, and a tiny byte-level tokenizer."""

from typing import Any, Literal

import torch

from prosa.models.gpt import GPT, GPTConfig
from prosa.tokenizers import bytelevel
from prosa.tokenizers.library import LibraryTokenizer

MERGES = ["a o", "Ġ a", "Ã £", "Ã£ o", "Ġ d", "Ġd e", "e r", "Ġa o", "ð Ł", "r a"]
SPECIAL = ("<|endoftext|>", "<|user|>", "<|end|>")
CONTEXT = 64


def byte_level(special: tuple[str, ...] = SPECIAL) -> LibraryTokenizer:
    """256 bytes, ten merges, special tokens."""
    pieces = [*bytelevel.BYTE_CHARACTERS, *(merge.replace(" ", "") for merge in MERGES)]
    vocab = {piece: id for id, piece in enumerate(pieces)}
    return LibraryTokenizer(
        bytelevel.definition(
            bytelevel.bpe_model(vocab, MERGES, ignore_merges=False),
            {token: len(vocab) + n for n, token in enumerate(special)},
            pre_tokenizer=bytelevel.pre_tokenizer(bytelevel.QWEN2_PATTERN),
            decoder=bytelevel.DECODER,
        )
    )


def random_model(
    shape: Literal["classic", "modern"], vocab_size: int, *, seed: int = 0, context: int = CONTEXT, **options: Any
) -> GPT:
    """Two layers, logits with a standard deviation near 2."""
    torch.manual_seed(seed)
    sizes = {"n_layer": 2, "n_head": 4, "n_kv_head": 2 if shape == "modern" else 4, "d_model": 32, "tied": False}
    model = GPT(GPTConfig(vocab_size, context, shape=shape, **{**sizes, **options}))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name and not name.endswith("bias"):
                parameter.normal_(std=0.35)
    return model.eval()
