import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prosa.data.windows import count_windows, growing_pairs, sliding_windows

VERDICT = np.load(Path(__file__).parent / "samples" / "the-verdict.gpt2-ids.npy")


@pytest.mark.parametrize(
    ("length", "stride", "count"), [(4, 1, 5141), (4, 4, 1286), (256, 128, 39), (256, 256, 20), (8, 2, 2569)]
)
def test_window_counts_of_the_verdict(length: int, stride: int, count: int) -> None:
    assert len(VERDICT) == 5145
    assert len(np.unique(VERDICT)) == 1416
    assert count_windows(len(VERDICT), length, stride) == count
    inputs, targets = sliding_windows(VERDICT, length, stride)
    assert inputs.shape == targets.shape == (count, length)


def test_first_batch_of_the_verdict() -> None:
    inputs, targets = sliding_windows(VERDICT, 4, 4)
    assert inputs[:8].tolist() == [
        [40, 367, 2885, 1464],
        [1807, 3619, 402, 271],
        [10899, 2138, 257, 7026],
        [15632, 438, 2016, 257],
        [922, 5891, 1576, 438],
        [568, 340, 373, 645],
        [1049, 5975, 284, 502],
        [284, 3285, 326, 11],
    ]
    assert targets[0].tolist() == [367, 2885, 1464, 1807]
    assert targets[7].tolist() == [3285, 326, 11, 287]
    assert inputs.dtype == targets.dtype == np.int64


@given(n=st.integers(0, 60), length=st.integers(1, 12), stride=st.integers(1, 12))
def test_agrees_with_the_plain_loop(n: int, length: int, stride: int) -> None:
    ids = np.arange(100, 100 + n)
    expected = [(ids[s : s + length], ids[s + 1 : s + length + 1]) for s in range(0, n - length, stride)]
    inputs, targets = sliding_windows(ids, length, stride)
    assert count_windows(n, length, stride) == len(expected) == len(inputs)
    for row, (x, y) in enumerate(expected):
        assert inputs[row].tolist() == x.tolist()
        assert targets[row].tolist() == y.tolist()


def test_growing_pairs() -> None:
    words = re.findall(r"\w+", "O rato roeu a roupa do rei de Roma")
    pairs = growing_pairs(words)
    assert len(pairs) == 8
    assert pairs[0] == (["O"], "rato")
    assert pairs[2] == (["O", "rato", "roeu"], "a")
    assert pairs[-1] == (words[:-1], "Roma")
    assert growing_pairs(["só"]) == growing_pairs([]) == []


def test_impossible_sizes_are_refused() -> None:
    for length, stride in ((0, 1), (4, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            sliding_windows(VERDICT, length, stride)
    with pytest.raises(ValueError, match="one dimension"):
        sliding_windows(VERDICT.reshape(5, -1), 4, 1)
