from collections.abc import Callable
from pathlib import Path

import pytest
from data_helpers import ByteTokenizer, Text

from prosa.data.prepare import DataConfig, prepare_tokens
from prosa.data.shards import TokenFolder


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., TokenFolder]:
    """A token folder of sources name -> (training documents, held-out documents, weight)."""

    def make(
        sources: dict[str, tuple[list[Text], list[Text], float]],
        tokenizer: ByteTokenizer | None = None,
        shard_tokens: int = 100,
        name: str = "tokens",
    ) -> TokenFolder:
        given = {key: ({"train": train, "held_out": held}, w) for key, (train, held, w) in sources.items()}
        prepare_tokens(given, tokenizer or ByteTokenizer(), tmp_path / name, DataConfig(shard_tokens, 300))
        return TokenFolder(tmp_path / name)

    return make
