import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prosa.data.permutation import MAX_N, derive_seed, permute


@pytest.mark.parametrize("n", [*range(1, 70), 127, 128, 129, 255, 256, 257, 1000, 4096, 4097, 65536, 65537, 200_003])
def test_every_number_comes_once(n: int) -> None:
    assert np.array_equal(np.sort(permute(np.arange(n), n, seed=n)), np.arange(n))


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, MAX_N), seed=st.integers(-(2**70), 2**70), data=st.data())
def test_stays_in_range_without_collisions_and_each_alone(n: int, seed: int, data: st.DataObject) -> None:
    i = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=50, unique=True)))
    images = permute(i, n, seed)
    assert images.dtype == np.int64
    assert int(images.min()) >= 0
    assert int(images.max()) < n
    assert len(set(images.tolist())) == len(i)
    assert [int(permute(int(x), n, seed)) for x in i[:5]] == images[:5].tolist()


def test_keeps_the_shape() -> None:
    i = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(permute(i, 24, 1), permute(np.arange(24), 24, 1).reshape(2, 3, 4))


def test_seeds_give_different_orders_with_few_fixed_points() -> None:
    n = 10_000
    orders = [permute(np.arange(n), n, seed) for seed in range(8)]
    for a in range(8):
        assert np.sum(orders[a] == np.arange(n)) < 12  # Poisson(1): 12 or more once in 10^9
        for b in range(a):
            assert np.sum(orders[a] == orders[b]) < 12


@pytest.mark.parametrize("n", [3, 16, 20])
def test_over_seeds_each_number_goes_to_each_place_equally_often(n: int) -> None:
    trials = 300
    counts = np.zeros((n, n))
    for seed in range(trials):
        counts[np.arange(n), permute(np.arange(n), n, seed)] += 1
    expected = trials / n
    chi2 = ((counts - expected) ** 2 / expected).sum() * (n - 1) / n  # of a doubly constrained table
    degrees = (n - 1) ** 2
    assert abs(chi2 / degrees - 1) < 5 * np.sqrt(2 / degrees)


def test_neighbours_are_uncorrelated_and_halves_are_mixed() -> None:
    n = 100_000
    order = permute(np.arange(n), n, 5).astype(float)
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(order, np.arange(n))[0, 1]) < 0.02
    assert abs(order[: n // 2].mean() / n - 0.5) < 0.01


def test_a_far_position_costs_what_a_near_one_does() -> None:
    n = 2**47 + 12345
    start = time.perf_counter()
    image = permute(np.arange(10**12, 10**12 + 64), n, 3)
    assert time.perf_counter() - start < 0.5
    assert len(np.unique(image)) == 64


def test_out_of_range_is_refused() -> None:
    for i, n in ((5, 5), (-1, 5), (0, 0), (0, MAX_N + 1)):
        with pytest.raises(ValueError):
            permute(i, n, 0)


def test_derived_seeds_depend_on_every_part() -> None:
    seeds = {
        derive_seed(*parts) for parts in [(1, "a", 0), (1, "a", 1), (2, "a", 0), (1, "b", 0), ("1", "a", 0), (1, "a0")]
    }
    assert len(seeds) == 6
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_orders_do_not_change_between_versions() -> None:
    """A resumed run must see the order it began with: these values are fixed."""
    assert permute(np.arange(10), 10, 42).tolist() == [9, 8, 1, 4, 7, 5, 2, 3, 6, 0]
