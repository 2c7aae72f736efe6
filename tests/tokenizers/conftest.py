from pathlib import Path

import pytest

from prosa.tokenizers.bert import load_bert
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.gpt2 import load_gpt2
from prosa.tokenizers.library import LibraryTokenizer
from prosa.tokenizers.tiktoken_file import load_tiktoken
from prosa.tokenizers.train import train


@pytest.fixture(scope="session")
def samples() -> Path:
    return Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="session")
def verdict(samples: Path) -> str:
    return (samples / "the-verdict.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def gpt2(samples: Path) -> LibraryTokenizer:
    return load_gpt2(samples / "gpt2")


@pytest.fixture(scope="session")
def cl100k(samples: Path) -> LibraryTokenizer:
    return load_tiktoken(samples / "cl100k_base.tiktoken")


@pytest.fixture(scope="session")
def bert(samples: Path) -> LibraryTokenizer:
    return load_bert(samples / "bert-base-uncased")


@pytest.fixture(scope="session")
def trained(verdict: str) -> LibraryTokenizer:
    """Byte-level BPE learnt from the story: 600 tokens, the last seven special."""
    tokenizer = train([verdict], TokenizerConfig(vocab_size=600))
    assert isinstance(tokenizer, LibraryTokenizer)
    return tokenizer
