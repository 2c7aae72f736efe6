"""Several short documents in a row of fixed length, with an end-of-text id between them, so that none of it is padding.

A row holds ``length + 1`` ids: the inputs are the first ``length``, the targets the last. A document that does not fit
goes on in the next row. No row begins with an end-of-text id: the row's beginning already says that something begins.

Which document a position belongs to, for document masking: an end-of-text id belongs to the document that *follows* it.
It is the one id from which a text's first token is foreseen, and must not see the text before: a text generated from
nothing begins from that id alone.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pack_rows(documents: Iterable[Sequence[int]], length: int, end_of_text: int) -> Iterator[NDArray[np.int64]]:
    """Full rows of ``length + 1`` ids, int64, one after the other; what does not fill the last row is not returned.

    ``np.stack(rows)[:, :-1]`` are the inputs (B, T) and ``[:, 1:]`` the targets.

    Raises:
        ValueError: ``length`` is below 1.
    """
    if length < 1:
        raise ValueError(f"length = {length} must be at least 1")
    row: list[int] = []
    for document in documents:
        start = 0
        while start < len(document):
            piece = document[start : start + length + 1 - len(row)]
            row.extend(piece)
            start += len(piece)
            if len(row) == length + 1:
                yield np.array(row, dtype=np.int64)
                row = []
        if start and row:  # the document ended inside a row
            row.append(end_of_text)
            if len(row) == length + 1:
                yield np.array(row, dtype=np.int64)
                row = []


def document_numbers(inputs: ArrayLike, end_of_text: int) -> NDArray[np.int64]:
    """The document of each position, from 0 in each row: (B, T) ids -> (B, T) int64. ``[5 6 E 7]`` -> ``[0 0 1 1]``."""
    return np.cumsum(np.asarray(inputs) == end_of_text, axis=-1, dtype=np.int64)
