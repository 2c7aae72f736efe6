"""What each rung writes: the same prompt, the same random numbers, bytes drawn one after the other."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

TEMPERATURE = 0.8
LENGTH = 300  # bytes

Distribution = Callable[[list[int]], NDArray[np.float64]]


def write(distribution: Distribution, prompt: str, *, end_of_text: int, seed: int, length: int = LENGTH) -> str:
    """``length`` bytes after ``prompt`` as text; what is no UTF-8 becomes U+FFFD.

    The n-th byte is where the n-th random number falls in the cumulative distribution, whatever the model; the end of
    a text is never drawn.

    Args:
        distribution: ids read so far, the mark of a document's beginning first -> probability of each next id, (V,).
    """
    ids = [end_of_text, *prompt.encode("utf-8")]
    given = len(ids)
    for draw in np.random.default_rng(seed).random(length):
        p = np.maximum(distribution(ids), 0.0) ** (1 / TEMPERATURE)
        p[end_of_text] = 0.0
        heap = np.cumsum(p)
        ids.append(min(int(np.searchsorted(heap, draw * heap[-1], side="right")), end_of_text - 1))
    return bytes(ids[given:]).decode("utf-8", errors="replace")


def of_network(model: Any) -> Distribution:
    """The distribution of a network, which sees its window's last bytes."""
    import torch

    @torch.no_grad()
    def distribution(ids: list[int]) -> NDArray[np.float64]:
        device = next(model.parameters()).device
        window = torch.tensor([ids[-model.config.context :]], device=device)
        logits = model.head(model.hidden(window)[0, -1]).double()
        p: NDArray[np.float64] = torch.softmax(logits, dim=-1).cpu().numpy()
        return p

    return distribution
