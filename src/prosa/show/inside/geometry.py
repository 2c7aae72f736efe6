"""Distances between vectors, and ways to draw many dimensions in two or three.

PCA (Pearson 1901): the directions along which centred points vary most, by the singular value decomposition
t-SNE (van der Maaten & Hinton 2008): near points stay near; distances between groups mean little
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr

Points = NDArray[np.float64]


def standardised(points: ArrayLike) -> Points:
    """Each column less its mean, by its standard deviation (of the population): (N, C). A constant column becomes 0."""
    wide = np.asarray(points, dtype=np.float64)
    spread = wide.std(axis=0)
    found: Points = (wide - wide.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return found


def distances(points: ArrayLike) -> Points:
    """Euclidean distance between any two of (N, C): (N, N)."""
    wide = np.asarray(points, dtype=np.float64)
    found: Points = np.linalg.norm(wide[:, None] - wide[None], axis=-1)
    return found


def cosines(points: ArrayLike) -> Points:
    """Cosine of the angle between any two of (N, C): (N, N); 0 with a vector of zeros."""
    wide = np.asarray(points, dtype=np.float64)
    unit = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    found: Points = unit @ unit.T
    return found


def nearest(likeness: Points, n: int) -> list[list[int]]:
    """Of each row of (N, N), the ``n`` others that are most like it, the likest first."""
    apart = likeness.copy()
    np.fill_diagonal(apart, -np.inf)
    order = np.argsort(-apart, axis=1, kind="stable")[:, : min(n, len(apart) - 1)]
    return [[int(i) for i in row] for row in order]


def pca(points: ArrayLike, dimensions: int) -> tuple[Points, Points]:
    """The points in their first directions, (N, dimensions), and the share of the variance along each.

    A direction's sign is such that its greatest entry is positive. Directions that do not exist are zeros.
    """
    wide = np.asarray(points, dtype=np.float64)
    centred = wide - wide.mean(axis=0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    found = centred @ (directions * signs[:, None])[:dimensions].T
    total = float((lengths**2).sum())
    shares = lengths[:dimensions] ** 2 / (total or 1.0)
    lacking = dimensions - found.shape[1]
    return np.pad(found, ((0, 0), (0, lacking))), np.pad(shares, (0, lacking))


def tsne(points: ArrayLike, dimensions: int, *, seed: int = 0) -> Points:
    """The points by t-SNE on their directions (cosines), (N, dimensions).

    Raises:
        UserError: scikit-learn is not installed.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise UserError(
            tr("t-SNE needs scikit-learn, which is not installed.", "t-SNE precisa do scikit-learn, não instalado."),
            "pip install 'prosa[eval]'",
        ) from error
    wide = np.asarray(points, dtype=np.float64)
    start = pca(wide, dimensions)[0]
    start = start / (start[:, 0].std() or 1.0) * 1e-4
    perplexity = max(1.0, min(30.0, (len(wide) - 1) / 3))
    unit = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    made = TSNE(dimensions, perplexity=perplexity, init=start, random_state=seed).fit_transform(unit)
    return np.asarray(made, dtype=np.float64)
