"""``index.json`` of a token folder: what the ids are, and every file with its size and SHA-256.

{"format": "prosa-tokens", "dtype": "uint16", "vocab_size": 50257, "end_of_text": 50256,
 "tokenizer": {"kind": "bpe", "fingerprint": "<SHA-256>"},
 "sources": [{"name": "contos", "weight": 1.0, "splits": {"train": {
     "documents": 9, "tokens": 5145, "bytes": 20479, "sha256": "<of all its ids, whatever the shards>",
     "shards": [{"file": "contos-train-00000.bin", "tokens": 5145, "bytes": 10290, "sha256": "..."}],
     "ends": {"file": "contos-train.documents.npy", "bytes": 272, "sha256": "..."}}, "held_out": {...}}}],
 "splits": {"train": {"documents": 9, "tokens": 5145, "bytes": 20479}, "held_out": {...}}}
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from prosa.core.config import to_mapping
from prosa.core.errors import UserError
from prosa.core.files import read_json
from prosa.core.language import tr

INDEX = "index.json"
FORMAT = "prosa-tokens"
Split = Literal["train", "held_out"]
SPLITS: tuple[Split, ...] = get_args(Split)


def token_dtype(vocab_size: int) -> "np.dtype[Any]":
    """Little-endian uint16 while every id fits in it (vocab_size <= 65,536), else uint32."""
    return np.dtype("<u2" if vocab_size <= 2**16 else "<u4")


@dataclass(frozen=True)
class Shard:
    """A file of raw ids."""

    file: str
    tokens: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class EndsFile:
    """A ``.npy`` of int64 (documents, 2): where each document ends in the stream, and its UTF-8 bytes."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class SplitIndex:
    """One split of one source. ``bytes`` are of the documents' UTF-8 text; ``sha256`` is of all ids in a row."""

    documents: int
    tokens: int
    bytes: int
    sha256: str
    shards: tuple[Shard, ...]
    ends: EndsFile


@dataclass(frozen=True)
class Source:
    """A named source of documents and its weight in the mixture (only the ratios of weights matter)."""

    name: str
    weight: float
    splits: dict[str, SplitIndex]


@dataclass(frozen=True)
class Index:
    """All of ``index.json``."""

    vocab_size: int
    end_of_text: int | None
    tokenizer_kind: str
    tokenizer_fingerprint: str
    sources: tuple[Source, ...]

    def totals(self, split: str) -> dict[str, int]:
        """Documents, tokens and UTF-8 bytes of a split, all sources together."""
        parts = [source.splits[split] for source in self.sources]
        return {key: sum(getattr(part, key) for part in parts) for key in ("documents", "tokens", "bytes")}

    def to_json(self) -> dict[str, Any]:
        """The mapping that ``index.json`` holds."""
        return {
            "format": FORMAT,
            "dtype": token_dtype(self.vocab_size).name,
            "vocab_size": self.vocab_size,
            "end_of_text": self.end_of_text,
            "tokenizer": {"kind": self.tokenizer_kind, "fingerprint": self.tokenizer_fingerprint},
            "sources": [to_mapping(source) for source in self.sources],
            "splits": {split: self.totals(split) for split in SPLITS},
        }


def read_index(folder: Path) -> Index:
    """The index of a token folder.

    Raises:
        UserError: the folder has none, or it cannot be understood.
    """
    path = folder / INDEX
    if not path.is_file():
        raise UserError(
            tr(
                f"{folder} is not a token folder: it has no {INDEX}.",
                f"{folder} não é uma pasta de tokens: falta {INDEX}.",
            ),
            tr("Make one with `prosa prepare`.", "Crie uma com `prosa prepare`."),
        )
    value = read_json(path)
    try:
        if value["format"] != FORMAT:
            raise ValueError(value["format"])
        return Index(
            vocab_size=int(value["vocab_size"]),
            end_of_text=value["end_of_text"],
            tokenizer_kind=value["tokenizer"]["kind"],
            tokenizer_fingerprint=value["tokenizer"]["fingerprint"],
            sources=tuple(
                Source(s["name"], float(s["weight"]), {split: _split(s["splits"][split]) for split in SPLITS})
                for s in value["sources"]
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            tr(
                f"{path} is not a token folder's index ({error!r}).",
                f"{path} não é o índice de uma pasta de tokens ({error!r}).",
            ),
            tr("Prepare the tokens again with `prosa prepare`.", "Prepare os tokens de novo com `prosa prepare`."),
        ) from error


def _split(value: dict[str, Any]) -> SplitIndex:
    shards = tuple(Shard(**shard) for shard in value["shards"])
    return SplitIndex(**{**value, "shards": shards, "ends": EndsFile(**value["ends"])})
