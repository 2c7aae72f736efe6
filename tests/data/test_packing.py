import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prosa.data.packing import document_numbers, pack_rows
from prosa.data.windows import growing_pairs

EOT = 50256
# GPT-2 ids of these documents
DOCUMENTS = [
    [4342, 318, 281, 1672, 3188, 352, 4478, 617, 16326, 13],  # Here is an example document 1 showing some tokens.
    [16281, 3188, 362],  # Example document 2
    [16281, 3188, 513],  # Example document 3
    [16281, 3188, 604],  # Example document 4
    [1212, 318, 617, 4738, 2420, 655, 329, 1672],  # This is some random text just for example
    [1212, 1165],  # This too
    [16, 11, 17, 11, 18, 11, 19, 11, 20, 11, 21],  # 1,2,3,4,5,6
]


def test_the_published_batch() -> None:
    rows = np.stack(list(pack_rows(DOCUMENTS, 10, EOT)))
    assert rows[:, :-1].tolist() == [
        [4342, 318, 281, 1672, 3188, 352, 4478, 617, 16326, 13],
        [16281, 3188, 362, 50256, 16281, 3188, 513, 50256, 16281, 3188],
        [1212, 318, 617, 4738, 2420, 655, 329, 1672, 50256, 1212],
        [16, 11, 17, 11, 18, 11, 19, 11, 20, 11],
    ]
    assert rows[:, -1].tolist() == [50256, 604, 1165, 21]  # the last targets
    context, target = growing_pairs(rows[1].tolist())[5]
    assert (context, target) == ([16281, 3188, 362, 50256, 16281, 3188], 513)


def test_documents_of_the_published_batch() -> None:
    rows = np.stack(list(pack_rows(DOCUMENTS, 10, EOT)))
    numbers = document_numbers(rows[:, :-1], EOT)
    assert numbers.tolist() == [
        [0] * 10,
        [0, 0, 0, 1, 1, 1, 1, 2, 2, 2],
        [0] * 8 + [1, 1],
        [0] * 10,
    ]


@given(st.lists(st.integers(0, 25), max_size=15), st.integers(1, 12))
def test_packing_loses_and_invents_nothing(lengths: list[int], length: int) -> None:
    documents = [[number] * n for number, n in enumerate(lengths)]  # every token says which document it is of
    rows = [row.tolist() for row in pack_rows(documents, length, EOT)]
    assert all(len(row) == length + 1 for row in rows)
    packed = [i for row in rows for i in row if i != EOT]
    everything = [i for document in documents for i in document]
    assert packed == everything[: len(packed)]
    assert len(everything) - len(packed) <= length  # only an unfilled last row is left
    for row in rows:  # an end-of-text stands where one document meets the next inside a row, and only there
        assert row[0] != EOT
        for left, middle, right in zip(row, row[1:], row[2:], strict=False):
            assert (middle == EOT) == (left != right) or EOT in (left, right)
            assert (left, middle) != (EOT, EOT)
        assert all(a == b or EOT in (a, b) for a, b in itertools.pairwise(row))


def test_the_end_of_text_may_fill_the_last_row() -> None:
    assert [row.tolist() for row in pack_rows([[1, 2]], 2, EOT)] == [[1, 2, EOT]]
    assert [row.tolist() for row in pack_rows([[1, 2], [3, 4]], 2, EOT)] == [[1, 2, EOT], [3, 4, EOT]]


def test_a_row_needs_length() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        list(pack_rows(DOCUMENTS, 0, EOT))
