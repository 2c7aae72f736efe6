"""Ranges never meet, memory is never exceeded, and what is given is what was asked for."""

import random

import pytest
import torch

from prosa.generate.room import KEPT, Room, common
from prosa.nn.arena import Arena


def room_of(places):
    return Room(Arena(1, 1, places, 1))


def write(room, range, tokens):
    """Stand in for the model: the key of a token is the token."""
    at = range.start + len(range.tokens)
    room.arena.keys[0][0, at : at + len(tokens), 0] = torch.tensor(tokens, dtype=torch.float32)
    range.tokens += tokens


def holds(room, range):
    return room.arena.keys[0][0, range.start : range.start + len(range.tokens), 0].tolist() == range.tokens


def test_common_is_the_plain_loop():
    draw = random.Random(0)
    for _ in range(500):
        a, b = ([draw.choice([1, 1, 1, 1, 2]) for _ in range(draw.randrange(12))] for _ in "ab")
        expected = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        assert common(a, b) == expected


@pytest.mark.parametrize("seed", range(8))
def test_random_texts(seed):
    """Texts with common beginnings come, are read and leave at random; every key is where it belongs, always."""
    draw = random.Random(seed)
    room, busy = room_of(100), []
    for _ in range(400):
        if draw.random() < 0.5:
            text = [draw.choice([7, 7, 7, 8]) for _ in range(draw.randrange(1, 30))]
            size = len(text) + draw.randrange(20)
            before = list(room.ranges)
            new = room.take(text, size)
            if new is None:  # only where those that are busy leave no gap
                edges = [0, *(e for r in before if r.busy for e in (r.start, r.end)), 100]
                assert all(b - a < size for a, b in zip(edges[::2], edges[1::2], strict=True))
                assert room.ranges == before
            else:
                assert new.size == size
                best = max((common(r.tokens, text) for r in before), default=0)
                assert new.tokens == text[:best]
                assert new.reused == best
                busy.append((new, text))
        elif busy:
            new, text = draw.choice(busy)
            room.look_again(new, text)
            write(room, new, text[len(new.tokens) :][: draw.randrange(1, 9)])
            if draw.random() < 0.4:
                busy.remove((new, text))
                room.leave(new) if draw.random() < 0.9 else room.drop(new)
        edges = [0, *(e for r in room.ranges for e in (r.start, r.end)), 100]
        assert edges == sorted(edges)
        assert all(holds(room, r) for r in room.ranges)
        assert room.taken == sum(r.size for r, _ in busy) <= 100
    for new, _ in busy:
        room.leave(new)
    assert room.taken == 0
    assert room.take([1], 100).size == 100
    assert len(room.ranges) == 1


def test_what_was_used_longest_ago_goes_first():
    room = room_of(30)
    for text in ([1] * 10, [2] * 10, [3] * 10):
        write(room, range_ := room.take(text, 10), text)
        room.leave(range_)
    room.take([1] * 5, 5)  # in place of the second; from the first
    held = [r.tokens[:1] for r in room.ranges]
    assert held == [[1], [1], [3]]
    assert room.copied == 5


def test_only_so_many_stay_that_a_new_text_is_soon_compared_with_all():
    room = room_of(10_000)
    for token in range(KEPT + 20):
        text = room.take([token, 0], 2)
        write(room, text, [token, 0])
        room.leave(text)
        if token % 10 == 0:  # the first one is used again and again
            again = room.take([0, 0], 2)
            assert again.tokens == [0, 0]
            room.leave(again)
    assert len(room.ranges) == KEPT
    assert {r.tokens[0] for r in room.ranges} == {0, *range(21, KEPT + 20)}


def test_a_conversation_goes_on_in_a_memory_of_one_text():
    room = room_of(20)
    first = room.take([1, 2, 3], 20)
    write(room, first, [1, 2, 3, 4, 5])
    room.leave(first)
    assert room.take([9], 21) is None
    second = room.take([1, 2, 3, 4, 5, 6], 20)
    assert (second.tokens, second.reused, room.ranges) == ([1, 2, 3, 4, 5], 5, [second])
    assert holds(room, second)


def test_forget():
    room = room_of(20)
    write(room, room.take([1, 2], 5), [1, 2])
    room.forget()
    assert room.take([1, 2], 20).tokens == []
