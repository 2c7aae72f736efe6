"""Writes one split of one source: ids into shards of limited size, documents' ends and bytes into a ``.npy``."""

import hashlib
from array import array
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from prosa.core.files import sha256
from prosa.data.index import EndsFile, Shard, SplitIndex, token_dtype


class SplitWriter:
    """Takes documents in order; memory grows by 16 bytes a document (their ends), not with the tokens.

    Args:
        folder: where the files go; it must exist.
        stem: ``<source>-<split>``, how the files' names begin.
        shard_tokens: the most ids a shard holds.
    """

    def __init__(self, folder: Path, stem: str, vocab_size: int, shard_tokens: int) -> None:
        self.folder, self.stem, self.vocab_size, self.shard_tokens = folder, stem, vocab_size, shard_tokens
        self.dtype = token_dtype(vocab_size)
        self.shards: list[Shard] = []
        self.ends = array("q")  # end offset, bytes, end offset, bytes, ...
        self.tokens = self.bytes = 0
        self._all = hashlib.sha256()
        self._hashes = [self._all]  # of all ids and, last, of this shard's: for the first shard one and the same
        self._file: IO[bytes] | None = None
        self._room = 0

    def add(self, ids: NDArray[Any], lengths: NDArray[np.int64], n_bytes: list[int]) -> None:
        """Append documents.

        Args:
            ids: of all the documents, one after the other, shape (sum of ``lengths``,).
            lengths: ids of each document, its end-of-text among them, shape (documents,).
            n_bytes: UTF-8 bytes of each document's text.

        Raises:
            ValueError: an id is outside the vocabulary, or lengths do not match the ids.
        """
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < self.vocab_size:
            raise ValueError(f"ids {ids.min()}..{ids.max()} are outside a vocabulary of {self.vocab_size}")
        if int(lengths.sum()) != len(ids) or len(lengths) != len(n_bytes):
            raise ValueError(f"{len(ids)} ids, but documents' lengths sum to {lengths.sum()}")
        ends = self.tokens + np.cumsum(lengths)
        self.ends.frombytes(np.stack([ends, np.asarray(n_bytes, np.int64)], axis=1).astype(np.int64).tobytes())
        self.tokens += len(ids)
        self.bytes += sum(n_bytes)
        stored = np.ascontiguousarray(ids, dtype=self.dtype)
        while len(stored):
            if self._file is None:
                self._file = (self.folder / f"{self.stem}-{len(self.shards):05d}.bin").open("wb")
                self._hashes = [self._all, hashlib.sha256()] if self.shards else [self._all]
                self._room = self.shard_tokens
            piece, stored = stored[: self._room], stored[self._room :]
            self._file.write(piece.data)
            for sha in self._hashes:
                sha.update(piece.data)
            self._room -= len(piece)
            if self._room == 0:
                self._close_shard()

    def finish(self) -> SplitIndex:
        """Close the files and say what they hold."""
        self._close_shard()
        path = self.folder / f"{self.stem}.documents.npy"
        ends = np.frombuffer(self.ends, dtype=np.int64).reshape(-1, 2)
        np.save(path, ends.astype("<i8", copy=False), allow_pickle=False)
        file = EndsFile(path.name, path.stat().st_size, sha256(path))
        return SplitIndex(len(ends), self.tokens, self.bytes, self._all.hexdigest(), tuple(self.shards), file)

    def close(self) -> None:
        """Close the open file, if any (after an error; Windows removes no open file)."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _close_shard(self) -> None:
        if self._file is None:
            return
        name, n_bytes = Path(self._file.name).name, self._file.tell()
        self.close()
        self.shards.append(Shard(name, n_bytes // self.dtype.itemsize, n_bytes, self._hashes[-1].hexdigest()))
