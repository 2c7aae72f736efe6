"""Tokens as numbers: one-hot rows, bags of words, and what an embedding is.

A token is one of V, which no number says: id 7 is no more than id 3. So it is a row of V zeros with a single 1, and a
text without its order is the sum of its rows. Multiplied by a matrix (V, C) a one-hot row picks one row of it: an
embedding table *is* the first layer of a network, and looking a row up is that product without its zeros.

Shapes: V tokens, C width of a vector, N things, F features of a thing.
"""

import torch
from torch import Tensor


def one_hot(ids: Tensor, size: int) -> Tensor:
    """A row of V zeros with a 1 for each id: (...) int64 -> (..., V) float32.

    Raises:
        IndexError: an id that is not one of 0 to V - 1.
    """
    wrong = ids[(ids < 0) | (ids >= size)]
    if len(wrong):
        raise IndexError(f"id {int(wrong[0])} is not one of 0 to {size - 1}")
    return (ids[..., None] == torch.arange(size)).float()


def bag_of_words(ids_T: Tensor, size: int) -> Tensor:
    """How often each token occurs in a text, whatever its order: (T,) -> (V,), the sum of its one-hot rows."""
    return one_hot(ids_T, size).sum(0)


def embed(ids: Tensor, table_VC: Tensor) -> Tensor:
    """One-hot rows times the table: (...) -> (..., C). ``nn.Embedding`` gives the same without the zeros."""
    return one_hot(ids, len(table_VC)).to(table_VC.dtype) @ table_VC


def standardised(features_NF: Tensor) -> Tensor:
    """Every feature with mean 0 and deviation 1 over the things (z-scores), so that none outweighs by its unit."""
    return (features_NF - features_NF.mean(0)) / features_NF.std(0, correction=0)


def distances(points_NF: Tensor) -> Tensor:
    """Euclidean distances between all points: (N, F) -> (N, N)."""
    lengths_NN: Tensor = (points_NF[:, None] - points_NF[None]).norm(dim=-1)
    return lengths_NN
