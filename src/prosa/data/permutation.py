"""A pseudo-random permutation of 0..n-1 that needs no memory: position i is computed alone, whatever n is.

A balanced Feistel network (Luby and Rackoff 1988, "How to construct pseudorandom permutations from pseudorandom
functions") permutes the 2^2h numbers of two h-bit halves, L, R -> R, L xor F(R, key), for any function F. Numbers that
fall outside 0..n-1 are sent through again until they fall inside ("cycle walking", Black and Rogaway 2002, "Ciphers
with arbitrary finite domains"), which keeps it a bijection of 0..n-1; as 2^2h < 4n, fewer than 4 passes are expected.
F is the finalizer of SplitMix64 (Steele, Lea and Flood 2014). Luby and Rackoff need 4 rounds; 6 are used here, since
the halves of a small domain hold only a few bits.
"""

import hashlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_N = 2**48
_ROUNDS = 6
_LEAST_HALF = 3  # bits: below this the network's rounds could not mix well


def derive_seed(*parts: int | str) -> int:
    """A 64-bit seed from several values (BLAKE2b of their ``repr``): near inputs give unrelated seeds."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode("utf-8"), digest_size=8).digest(), "little")


def permute(i: ArrayLike, n: int, seed: int) -> NDArray[np.int64]:
    """Where the permutation ``seed`` of 0..n-1 sends each ``i``.

    Args:
        i: numbers in 0..n-1, any shape.
        n: how many numbers are permuted, 1..2**48.
        seed: any integer.

    Returns:
        int64, the shape of ``i``.

    Raises:
        ValueError: ``n`` or some ``i`` is out of range.
    """
    index = np.asarray(i, dtype=np.int64)
    if not 1 <= n <= MAX_N:
        raise ValueError(f"n = {n} is not in 1..2**48")
    if index.size and (int(index.min()) < 0 or int(index.max()) >= n):
        raise ValueError(f"i is not in 0..{n - 1}")
    half = max(_LEAST_HALF, ((n - 1).bit_length() + 1) // 2)
    keys = [np.uint64(derive_seed(seed, r)) for r in range(_ROUNDS)]
    value = _feistel(index.reshape(-1).astype(np.uint64), half, keys)
    outside = np.flatnonzero(value >= n)
    while outside.size:
        value[outside] = _feistel(value[outside], half, keys)
        outside = outside[value[outside] >= n]
    return value.astype(np.int64).reshape(index.shape)


def drawn(step: int, batch_size: int, n: int, seed: int, rank: int = 0, world: int = 1) -> NDArray[np.int64]:
    """Which of ``n`` rows the batch of a step holds: in each epoch every row once, in an order of its own.

    Returns:
        (batch_size / world,) int64: rank r has the r-th part of what one rank alone would have.

    Raises:
        ValueError: a negative step, a rank outside 0..world-1, or rows that cannot be shared equally.
    """
    if step < 0 or not 0 <= rank < world or batch_size % world:
        raise ValueError(f"step = {step}, rank = {rank}, world = {world}, batch_size = {batch_size}")
    rows = batch_size // world
    first = step * batch_size + rank * rows
    epochs, places = np.divmod(np.arange(first, first + rows, dtype=np.int64), n)
    chosen = np.empty_like(places)
    for epoch in np.unique(epochs):
        now = epochs == epoch
        chosen[now] = permute(places[now], n, derive_seed(seed, "rows", int(epoch)))
    return chosen


def _feistel(value: NDArray[np.uint64], half: int, keys: list[np.uint64]) -> NDArray[np.uint64]:
    bits, mask = np.uint64(half), np.uint64(2**half - 1)
    left, right = value >> bits, value & mask
    for key in keys:
        left, right = right, left ^ (_scramble(right ^ key) & mask)
    return (left << bits) | right


def _scramble(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finalizer, modulo 2**64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
