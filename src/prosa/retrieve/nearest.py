"""The vectors nearest to one: all compared, or above ``LARGE`` by a graph where the ``search`` extra is installed.

exact    cosine of every row, the file memory-mapped: 100,000 rows of 128 take some 10 ms
graph    HNSW (Malkov & Yashunin 2016); its candidates' cosines are exact, a few of the best may not be among them
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from prosa.retrieve.vectors import Vectors

LARGE = 100_000
"""So many vectors are compared one by one."""
_EXPANSION = 256  # candidates that a search of the graph keeps


def build_graph(path: Path, ids: Sequence[int], vectors: "Vectors", before: Path | None) -> bool:
    """Write the graph of ``vectors`` (a row an id) where there are enough of them and ``usearch`` is installed.

    Args:
        before: an earlier graph, gone on from: what is no longer in ``ids`` goes, what is new comes.
    """
    made = _new_graph(vectors.shape[1]) if len(ids) > LARGE else None
    if made is None:
        return False
    known: set[int] = set()
    if before is not None:
        made.load(str(before))
        known = set(map(int, made.keys))
        gone = known - set(ids)
        if gone:
            made.remove(np.fromiter(sorted(gone), dtype=np.uint64))
    rows = [row for row, id in enumerate(ids) if id not in known]
    if rows:
        made.add(np.array([ids[row] for row in rows], dtype=np.uint64), np.asarray(vectors[rows]))
    made.save(str(path))
    return True


def open_graph(path: Path, width: int) -> Any | None:
    """The graph of a file, memory-mapped; None where ``usearch`` is not installed."""
    graph = _new_graph(width)
    if graph is not None:
        graph.view(str(path))
    return graph


def nearest(
    query: "Vectors", n: int, ids: NDArray[np.int64], vectors: "Vectors", graph: Any | None = None
) -> list[tuple[int, float]]:
    """(id, cosine) of the ``n`` vectors nearest to ``query``, best first, of equals the smaller id.

    Args:
        ids: of the rows of ``vectors``, growing.
    """
    if graph is None:
        rows = np.arange(len(ids))
        cosines = vectors @ query
    else:
        found = np.sort(graph.search(query, max(n, _EXPANSION)).keys.astype(np.int64))
        rows = np.searchsorted(ids, found)
        cosines = vectors[rows] @ query
    best = np.argsort(-cosines, kind="stable")[:n]
    return [(int(ids[rows[at]]), float(cosines[at])) for at in best]


def _new_graph(width: int) -> Any | None:
    try:
        from usearch.index import Index as Graph
    except ImportError:
        return None
    return Graph(ndim=width, metric="cos", dtype="f32", expansion_search=_EXPANSION)
