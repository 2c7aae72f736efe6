"""Random numbers without a state, each named by its stream (seed, prompt, sample number) and a token position."""

import hashlib
from collections.abc import Sequence


def stream_key(seed: int, prompt: Sequence[int], sample: int) -> bytes:
    """What names a stream of random numbers: seed, the prompt's ids and the sample's number; nothing else."""
    return hashlib.sha256(repr((seed, sample, list(prompt))).encode()).digest()


def uniform(key: bytes, position: int) -> float:
    """The number in [0, 1) of a stream at a token position: 53 bits of a hash, a counter-based generator.

    It has no state, so a token's draw cannot depend on what else is in the batch or on what was drawn before
    (Salmon et al. 2011, Parallel Random Numbers: As Easy as 1, 2, 3).
    """
    digest = hashlib.blake2b(position.to_bytes(8, "little"), key=key, digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) * 2.0**-53
