"""The nearest training example of each sample, to see whether a generator copies examples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan.metrics.distances import (
    FARTHEST,
    Doubles,
    matrices,
    measurable,
    squared_distances,
    squares,
)

__all__ = ["Nearest", "nearest"]

BLOCK = 500  # training examples at a time; their distances to 10,000 samples take 40 MB


class Nearest(NamedTuple):
    """The result of ``nearest``."""

    indices: NDArray[np.intp]  # (n,), rows of x
    distances: Doubles  # (n,), L2


def nearest(samples: NDArray[Any], x: NDArray[Any]) -> Nearest:
    """
    Find the nearest example of each sample in L2, as in Fig. 2 of Goodfellow et al. 2014.

    Every pair is compared, so the result is exact (where two examples are equally near,
    rounding decides). The distance is computed from the differences, so a copy has distance 0.

    Large distances do not prove that a generator does not memorise. In pixels, an image shifted
    by one pixel is far from the original (Theis, van den Oord & Bethge 2016), so a slightly
    changed copy goes unnoticed. Compare with the distances of real held-out examples.

    Parameters
    ----------
    samples : array (n, features)
    x : array (m, features)
        The training examples. They are read in blocks, each in float64.

    Returns
    -------
    Nearest
        A distance is NaN if its sample has a value that is NaN, infinite or beyond 1e150. If
        any example has one, all distances are NaN.

    Raises
    ------
    ShapeError
        If the arrays are not matrices with the same number of features, or are empty.

    Examples
    --------
    >>> found = nearest(np.array([[0.9], [2.2]]), np.array([[3.0], [2.0], [1.0]]))
    >>> found.indices.tolist(), found.distances.round(3).tolist()
    ([2, 1], [0.1, 0.2])
    """
    samples, x = matrices(samples=samples, x=x)
    indices = np.zeros(len(samples), np.intp)
    if not measurable(x):
        return Nearest(indices, np.full(len(samples), np.nan))
    good = (np.abs(samples) <= FARTHEST).all(axis=1)
    middle = x.mean(axis=0, dtype=np.float64)  # centring reduces the rounding of the expansion
    rows = np.where(good[:, None], samples, 0) - middle
    row_squares = squares(rows)
    distances = np.full(len(rows), np.inf)
    for start in range(0, len(x), BLOCK):
        block = x[start : start + BLOCK] - middle
        candidate = squared_distances(rows, block, row_squares).argmin(axis=1)
        distance = np.sqrt(np.sum((rows - block[candidate]) ** 2, axis=1))
        closer = distance < distances
        indices[closer] = start + candidate[closer]
        distances[closer] = distance[closer]
    distances[~good] = np.nan
    return Nearest(indices, distances)
