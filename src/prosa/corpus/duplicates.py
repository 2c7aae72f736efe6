"""Exact duplicates by hash, near-duplicates by MinHash (Broder 1997) with banding (Leskovec et al., MMDS, ch. 3).

A document is the set of its word 5-grams. 120 minima under random permutations estimate the Jaccard similarity of two
such sets with a standard error of at most sqrt(J(1-J)/120), 0.037 at J = 0.8. Documents that agree in one of b bands of
r minima are candidates, with probability 1 - (1 - J^r)^b; b = 20, r = 6 find 0.998 of pairs at J = 0.8. A candidate is
dropped only when the estimate from all 120 minima reaches the threshold.

Memory: about 2.5 kB a document that is kept (480 B of minima, 20 band keys, its source), whatever its length.
"""

import hashlib
from array import array

import numpy as np

from prosa.core.language import number, tr
from prosa.corpus.rules import Words

SHINGLE = 5
PERMUTATIONS = 120
_SEED = 20_210_607
_MIN_RECALL = 0.99
_MOST_IN_BAND = 100  # documents kept under one band: thousands of pages of one template must not be compared all to all


def signature(words: Words) -> bytes:
    """120 minima of the document's word 5-grams as little-endian uint32; empty for a text without words."""
    from rensa import RMinHash

    hashes = np.unique(words.ngrams(SHINGLE))
    if not len(hashes):
        return b""
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, [0, len(hashes)], PERMUTATIONS, _SEED)
    return np.array(matrix.to_rows()[0], dtype="<u4").tobytes()


def similarity(a: bytes, b: bytes) -> float:
    """Estimated Jaccard similarity of two signatures' documents."""
    return float((np.frombuffer(a, "<u4") == np.frombuffer(b, "<u4")).mean())


def rows_for(threshold: float) -> int:
    """The most rows a band (so the fewest false candidates) that still find 0.99 of the pairs at the threshold."""
    options = (r for r in (10, 8, 6, 5, 4, 3) if 1 - (1 - threshold**r) ** (PERMUTATIONS // r) >= _MIN_RECALL)
    return next(options, 2)


class Duplicates:
    """The documents seen so far. Ask ``find``, then ``add`` what is kept."""

    def __init__(self, threshold: float) -> None:
        """``threshold``: Jaccard similarity from which a document is a near-duplicate; 1 looks for none."""
        self.threshold = threshold
        self._rows = rows_for(threshold)
        self._exact: dict[int, int] = {}
        self._bands: dict[int, int | list[int]] = {}
        self._signatures = array("B")
        self._sources: list[str] = []

    def find(self, id: str, signature: bytes) -> tuple[str, str] | None:
        """(rule, why) when the document repeats one that was added, else None."""
        exact = self._exact.get(int(id, 16))
        if exact is not None:
            return "exact_duplicates", tr(f"same as {self._sources[exact]}", f"igual a {self._sources[exact]}")
        near = self.nearest(signature)
        if near is None:
            return None
        source, share = self._sources[near[0]], number(100 * near[1])
        return "near_duplicates", tr(f"{share} % the same as {source}", f"{share} % igual a {source}")

    def twin(self, id: str, signature: bytes) -> int | None:
        """The number of the added document that this one repeats, exactly or nearly."""
        exact = self._exact.get(int(id, 16))
        if exact is not None:
            return exact
        near = self.nearest(signature)
        return None if near is None else near[0]

    def nearest(self, signature: bytes) -> tuple[int, float] | None:
        """(number, similarity) of the most similar added document at or above the threshold."""
        if self.threshold >= 1 or not signature:
            return None
        candidates: set[int] = set()
        for key in self._keys(signature):
            there = self._bands.get(key)
            if isinstance(there, list):
                candidates.update(there)
            elif there is not None:
                candidates.add(there)
        width = 4 * PERMUTATIONS
        scored = (
            (similarity(signature, self._signatures[n * width : (n + 1) * width].tobytes()), -n) for n in candidates
        )
        best = max(scored, default=(0.0, 0))
        return (-best[1], best[0]) if best[0] >= self.threshold else None

    def add(self, id: str, signature: bytes, source: str) -> int:
        """Remember a kept document; returns its number."""
        n = len(self._sources)
        self._sources.append(source)
        self._exact[int(id, 16)] = n
        if self.threshold < 1:
            self._signatures.frombytes(signature or bytes(4 * PERMUTATIONS))
            for key in self._keys(signature) if signature else ():
                there = self._bands.get(key)
                if there is None:
                    self._bands[key] = n
                elif isinstance(there, list):
                    if len(there) < _MOST_IN_BAND:
                        there.append(n)
                else:
                    self._bands[key] = [there, n]
        return n

    def _keys(self, signature: bytes) -> list[int]:
        """One 64-bit key a band: its place and its minima."""
        width = 4 * self._rows
        return [
            int.from_bytes(hashlib.blake2b(signature[at : at + width], digest_size=8, salt=at.to_bytes(8)).digest())
            for at in range(0, len(signature) - width + 1, width)
        ]
