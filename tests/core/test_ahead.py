"""The next items are made while the caller works; order, errors and the end are as without it."""

import threading

import pytest

from prosa.core.ahead import ahead


def test_same_items_in_the_same_order() -> None:
    assert list(ahead(range(100), 3)) == list(range(100))
    assert list(ahead([], 3)) == []


def test_items_are_made_before_they_are_asked_for_but_no_more_than_the_number() -> None:
    made: list[int] = []
    third = threading.Event()

    def items():
        for i in range(10):
            made.append(i)
            if i == 2:
                third.set()
            yield i

    coming = ahead(items(), 2)
    assert next(coming) == 0
    assert third.wait(10)  # 1 and 2 are made although only 0 was asked for
    assert made == [0, 1, 2]
    coming.close()
    assert made == [0, 1, 2]


def test_an_error_comes_out_at_its_place() -> None:
    def items():
        yield 1
        raise KeyError("two")

    coming = ahead(items())
    assert next(coming) == 1
    with pytest.raises(KeyError, match="two"):
        next(coming)
