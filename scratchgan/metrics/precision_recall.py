"""Precision, recall, density and coverage of samples, from balls around the examples."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.metrics.distances import (
    Doubles,
    matrices,
    measurable,
    squared_distances,
    squares,
)

__all__ = ["PrecisionRecall", "precision_recall"]

BLOCK = 250  # rows at a time; their distances to 10,000 others take 20 MB


class PrecisionRecall(NamedTuple):
    """The result of ``precision_recall``."""

    precision: float  # share of samples in the ball of at least one real example
    recall: float  # share of real examples in the ball of at least one sample
    density: float  # mean number of real examples' balls around a sample, over k; may exceed 1
    coverage: float  # share of real examples whose ball holds at least one sample
    k: int

    @property
    def f(self) -> float:
        """Harmonic mean of precision and recall; 0 if both are 0."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both != 0 else 0.0


def precision_recall(real: NDArray[Any], samples: NDArray[Any], k: int = 3) -> PrecisionRecall:
    """
    Measure how many samples look real, and how much of the real set the samples cover.

    Each example of a set has a ball whose radius is the distance to its k-th nearest other
    example of the set. The union of the balls stands for the region of the set. Precision and
    recall are those of Kynkäänniemi et al. 2019, "Improved precision and recall metric for
    assessing generative models", eqs. 1 and 2, with their k = 3. Density and coverage are those
    of Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", §3,
    who used k = 5.

    Their limitations:

    - A distant outlier has a huge ball. In the real set it makes bad samples count as precise;
      among the samples it makes real examples count as recalled. Density and coverage suffer
      less, because they use only the balls of real examples and count them.
    - For two draws from one distribution, precision and recall are below 1. The mean of density
      is then 1, and that of coverage is 1 − Π_{j=1..k} (n − j) / (n + m − j), about 1 − 2^(−k)
      for sets of equal size.
    - All four depend on the numbers of examples and on the features. In pixels, similar images
      may be far apart. A classifier may place images of a kind that it never saw among the real
      ones.
    - Averages of real examples lie in many balls, so they cover more than real examples do.

    Parameters
    ----------
    real : array (n, features)
    samples : array (m, features)
        As many as the real examples, if results are to be compared. Computed in float64.
    k : int
        Smaller than the number of examples in either set.

    Returns
    -------
    PrecisionRecall
        All values are NaN if a feature is NaN, infinite or beyond 1e150.

    Raises
    ------
    ShapeError
        If the arrays are not matrices with the same number of features.
    ValueError
        If ``k`` is not a whole number of at least 1, or a set has too few examples for k
        neighbours.

    Notes
    -----
    A point on the surface of a ball is inside, as in the authors' code of 2019. (The code of
    2020 leaves it outside, which matters if examples repeat.) Distances between the sets are
    shortened by a bound on their rounding error, so that rounding cannot move such a point
    outside.

    Examples
    --------
    The samples reach two of four places, with k = 1:

    >>> real = np.array([[0.0], [1.0], [100.0], [101.0]])
    >>> found = precision_recall(real, real[:2], k=1)
    >>> found.precision, found.recall, round(found.f, 3)
    (1.0, 0.5, 0.667)
    """
    real, samples = matrices(real=real, samples=samples)
    fewest = min(len(real), len(samples))
    try:
        k = checks.whole("precision_recall", "k", k, 1, fewest - 1)
    except ValueError as error:
        why = f"the smaller set has {fewest} examples, and each needs k others"
        raise ValueError(f"{error}: {why}") from None
    if not (measurable(real) and measurable(samples)):
        return PrecisionRecall(math.nan, math.nan, math.nan, math.nan, k)
    middle = real.mean(axis=0, dtype=np.float64)  # centring reduces the rounding of the expansion
    real, samples = real - middle, samples - middle
    real_radii, sample_radii = _squared_radii(real, k), _squared_radii(samples, k)

    shorter = 1 - 4 * real.shape[1] * np.finfo(np.float64).eps
    real_squares, sample_squares = shorter * squares(real), shorter * squares(samples)
    balls = np.zeros(len(samples), np.int64)  # how many balls of real examples hold each sample
    covered, recalled = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for start in range(0, len(real), BLOCK):
        rows = slice(start, start + BLOCK)
        distances = squared_distances(real[rows], samples, real_squares[rows], sample_squares)
        inside = distances <= real_radii[rows, None]
        balls += inside.sum(axis=0)
        covered[rows] = inside.any(axis=1)
        recalled[rows] = (distances <= sample_radii).any(axis=1)
    return PrecisionRecall(
        precision=float((balls > 0).mean()),
        recall=float(recalled.mean()),
        density=float(balls.mean() / k),
        coverage=float(covered.mean()),
        k=k,
    )


def _squared_radii(x: Doubles, k: int) -> Doubles:
    """Return the squared distance from each row to its k-th nearest other row, (n,)."""
    x_squares = squares(x)
    radii = np.empty(len(x))
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        distances = squared_distances(x[rows], x, x_squares[rows], x_squares)
        own = np.arange(len(distances))
        distances[own, start + own] = math.inf  # a row is not its own neighbour
        radii[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return radii
