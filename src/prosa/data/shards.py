"""A folder of tokens, memory-mapped: opening it reads the index and checks the files, not the tokens into memory.

Checked on opening: the size of every file always; its SHA-256 when the folder holds at most 1 GB (about a second), or
when asked with ``verify=True``. A bigger one would take minutes to read at each start.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prosa.core.errors import UserError, unknown
from prosa.core.files import COMPLETE, MANIFEST, is_complete, read_json, sha256
from prosa.core.language import tr
from prosa.data.index import INDEX, SPLITS, EndsFile, Shard, Source, SplitIndex, read_index, token_dtype

VERIFY_BELOW = 1_000_000_000  # bytes


class TokenStream:
    """All ids of one split of one source in a row, read from the disk as they are asked for.

    Args:
        parts: the ids, one array a shard, one-dimensional.
        end_of_text: the id that ends every document, if there is one.
        ends: (documents, 2) int64: each document's end in the stream and its UTF-8 bytes; None when not known.
    """

    def __init__(
        self, parts: list[NDArray[np.unsignedinteger]], end_of_text: int | None, ends: NDArray[np.int64] | None
    ) -> None:
        self.parts, self.end_of_text, self.ends = parts, end_of_text, ends
        self._starts = np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)])

    @classmethod
    def of_array(cls, ids: ArrayLike, end_of_text: int | None = None) -> "TokenStream":
        """A stream of ids in memory, shape (n,), with nothing known of its documents but their ``end_of_text``."""
        array = np.asarray(ids)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(f"ids must be integers of one dimension, not {array.dtype} {array.shape}")
        return cls([array], end_of_text, None)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def tokens(self, start: int, stop: int) -> NDArray[np.int64]:
        """The ids at start..stop-1, int64 (stop - start,), across shards if need be.

        Raises:
            IndexError: some of them are not in the stream.
        """
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"tokens {start}..{stop} of {len(self)}")
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        result = np.empty(stop - start, np.int64)
        filled, shard = 0, first
        while filled < len(result):
            begin = start + filled - int(self._starts[shard])
            piece = self.parts[shard][begin : begin + len(result) - filled]
            result[filled : filled + len(piece)] = piece
            filled += len(piece)
            shard += 1
        return result

    def document_of(self, places: ArrayLike) -> NDArray[np.int64]:
        """The number of the document that each place of the stream is in; an end-of-text is in the one that it ends.

        Raises:
            ValueError: the stream does not know its documents.
        """
        if self.ends is None:
            raise ValueError("this stream does not know where its documents end")
        return np.searchsorted(self.ends[:, 0], np.asarray(places), side="right").astype(np.int64)


class TokenFolder:
    """A token folder opened for reading.

    Attributes:
        vocab_size, end_of_text, tokenizer_kind, tokenizer_fingerprint: of the tokenizer that made the ids.
        sources: names, weights and what each split holds.
        fingerprint: what a resumed run compares (``batches.check_same``): tokenizer, ids and weights.

    Args:
        verify: True checks every SHA-256, False only sizes, None checks them up to 1 GB.

    Raises:
        UserError: not a token folder, unfinished, or a file is missing, truncated or altered; the file is named.
    """

    def __init__(self, folder: Path, *, verify: bool | None = None) -> None:
        self.folder = Path(folder)
        self.index = read_index(self.folder)
        if not is_complete(self.folder):
            raise UserError(
                tr(
                    f"{self.folder} is unfinished: it has no {COMPLETE}.",
                    f"{self.folder} está incompleta: falta {COMPLETE}.",
                ),
                tr("Prepare the tokens again with `prosa prepare`.", "Prepare os tokens de novo com `prosa prepare`."),
            )
        self.vocab_size, self.end_of_text = self.index.vocab_size, self.index.end_of_text
        self.tokenizer_kind, self.tokenizer_fingerprint = self.index.tokenizer_kind, self.index.tokenizer_fingerprint
        self.sources: list[Source] = list(self.index.sources)
        self._check(verify)
        self._streams: dict[tuple[str, str], TokenStream] = {}

    @property
    def fingerprint(self) -> str:
        corpus = [(s.name, [s.splits[split].sha256 for split in SPLITS]) for s in self.sources]
        mixture = [(s.name, s.weight) for s in self.sources]
        return ";".join(
            f"{part}={hashlib.sha256(repr(value).encode('utf-8')).hexdigest()[:16]}"
            for part, value in (
                ("tokenizer", (self.tokenizer_fingerprint, self.vocab_size, self.end_of_text)),
                ("corpus", corpus),
                ("mixture", mixture),
            )
        )

    def totals(self, split: str) -> dict[str, int]:
        """``{"documents", "tokens", "bytes"}`` of a split, all sources together; bytes are of the UTF-8 text."""
        return self.index.totals(_known_split(split))

    def stream(self, split: str, source: str) -> TokenStream:
        """The ids of one split of one source.

        Raises:
            UserError: there is no such split or source; the nearest is suggested.
        """
        key = (_known_split(split), source)
        if key not in self._streams:
            named = {s.name: s for s in self.sources}
            if source not in named:
                raise unknown(tr("source", "fonte"), source, named)
            part, dtype = named[source].splits[split], token_dtype(self.vocab_size)
            shards = [np.memmap(self.folder / shard.file, dtype=dtype, mode="r") for shard in part.shards]
            ends = np.load(self.folder / part.ends.file, mmap_mode="r" if part.documents else None, allow_pickle=False)
            self._streams[key] = TokenStream([np.asarray(shard) for shard in shards], self.end_of_text, ends)
        return self._streams[key]

    def documents(self, split: str, source: str | None = None) -> Iterator[tuple[NDArray[np.int64], int]]:
        """Every document's ids (int64, without the end-of-text after it) and UTF-8 bytes, source by source."""
        for name in [s.name for s in self.sources] if source is None else [source]:
            stream = self.stream(split, name)
            begin, ending = 0, 0 if self.end_of_text is None else 1
            for end, n_bytes in stream.ends if stream.ends is not None else ():
                yield stream.tokens(begin, int(end) - ending), int(n_bytes)
                begin = int(end)

    def _check(self, verify: bool | None) -> None:
        files: list[Shard | EndsFile] = []
        for part in self._parts():
            files += [*part.shards, part.ends]
        if verify is None:
            verify = sum(file.bytes for file in files) <= VERIFY_BELOW
        if verify and _listed(self.folder) != sha256(self.folder / INDEX):
            raise _damaged(self.folder / INDEX, _altered())
        for file in files:
            path = self.folder / file.file
            if not path.is_file():
                raise _damaged(path, tr("is missing", "não existe"))
            size = path.stat().st_size
            if size != file.bytes:
                raise _damaged(path, tr(f"has {size} bytes, not {file.bytes}", f"tem {size} bytes, e não {file.bytes}"))
            if verify and sha256(path) != file.sha256:
                raise _damaged(path, _altered())

    def _parts(self) -> Iterator[SplitIndex]:
        for source in self.sources:
            yield from source.splits.values()


def _listed(folder: Path) -> str:
    """The SHA-256 that the manifest has for the index."""
    try:
        return str(read_json(folder / MANIFEST)["files"][INDEX]["sha256"])
    except (KeyError, TypeError) as error:
        raise _damaged(
            folder / MANIFEST,
            tr(f"is not the manifest of a token folder ({error!r})", f"não é de uma pasta de tokens ({error!r})"),
        ) from error


def _altered() -> str:
    return tr("was altered (checksum differs)", "foi alterado (a soma de verificação não confere)")


def _damaged(path: Path, why: str) -> UserError:
    return UserError(
        f"{path} {why}.",
        tr("Prepare the tokens again with `prosa prepare`.", "Prepare os tokens de novo com `prosa prepare`."),
    )


def _known_split(split: str) -> str:
    if split not in SPLITS:
        raise unknown(tr("split", "divisão"), split, SPLITS)
    return split
