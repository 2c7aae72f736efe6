"""The vocabulary of bytes alone: every byte is its own token, its id is its value, and 256 ends a document.

Nothing is learnt from any text, so that models trained on different texts, or in different ways, predict the same thing
and can be compared a byte (Shannon 1951 did so with letters).
"""

from prosa.tokenizers import bytelevel
from prosa.tokenizers.config import END_OF_TEXT
from prosa.tokenizers.library import LibraryTokenizer

BYTES = 256


def byte_tokenizer() -> LibraryTokenizer:
    """The tokenizer of 256 bytes and the end of a text, the id 256."""
    vocab = {character: byte for byte, character in enumerate(bytelevel.BYTE_CHARACTERS)}
    return LibraryTokenizer(
        bytelevel.definition(
            bytelevel.bpe_model(vocab, [], ignore_merges=False),
            {END_OF_TEXT: BYTES},
            pre_tokenizer=bytelevel.pre_tokenizer(bytelevel.QWEN2_PATTERN),
            decoder=bytelevel.DECODER,
        )
    )
