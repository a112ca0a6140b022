"""Precision and recall of samples, density and coverage: by balls around the examples."""

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

BLOCK = 250  # rows at a time: their distances to 10,000 others take 20 MB


class PrecisionRecall(NamedTuple):
    """What ``precision_recall`` returns."""

    precision: float  # share of samples that lie in a ball of some real example
    recall: float  # share of real examples that lie in a ball of some sample
    density: float  # in how many balls of real examples a sample lies, over k: it may pass 1
    coverage: float  # share of real examples whose ball has a sample in it
    k: int

    @property
    def f(self) -> float:
        """Harmonic mean of precision and recall; 0 where both are."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both != 0 else 0.0


def precision_recall(real: NDArray[Any], samples: NDArray[Any], k: int = 3) -> PrecisionRecall:
    """
    How many samples look real, and how much of the real is reached.

    Around each example of a set stands a ball that reaches to its k-th nearest other example of
    the set; their union stands for where the set lives. Precision and recall are those of
    Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative
    models", eqs. 1 and 2, with their k = 3. Density and coverage are those of Naeem et al. 2020,
    "Reliable fidelity and diversity metrics for generative models", §3, who took k = 5.

    Their failings. One outlier far off has a huge ball: in the real set it calls bad samples
    precise, among the samples it calls the real recalled. Density and coverage suffer less: they
    trust the balls of the real examples alone and count how many of them. Precision and recall
    of two draws of one distribution are below 1; density's mean is then 1, coverage's is
    1 − Π_{j=1..k} (n − j) / (n + m − j), some 1 − 2^(−k) for sets of one size. All depend on the
    numbers of examples, and on what the features are: in pixels, nearness is not likeness, and a
    classifier may put images of a kind that it has never seen amid the real ones. Averages of
    real examples lie in many balls, and so cover more than real examples do.

    Parameters
    ----------
    real : array (n, features)
    samples : array (m, features)
        As many as the real examples, for figures to compare. Computed in float64.
    k : int
        Below the number of examples in either set.

    Returns
    -------
    PrecisionRecall
        All NaN where a feature is NaN or infinite, or beyond 1e150.

    Raises
    ------
    ShapeError
        If the arrays are no matrices of one width.
    ValueError
        If ``k`` is no whole number of at least 1, or a set has too few examples to have k
        neighbours.

    Notes
    -----
    A point on the edge of a ball is inside, as in the authors' code of 2019 (that of 2020 leaves
    it out, which matters where examples repeat). So that rounding cannot push it out, distances
    between the sets are shortened by the most that rounding can add.

    Examples
    --------
    Two of four places are sampled, with k = 1:

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
    middle = real.mean(axis=0, dtype=np.float64)  # centred, the expansion loses less to rounding
    real, samples = real - middle, samples - middle
    real_radii, sample_radii = _squared_radii(real, k), _squared_radii(samples, k)

    shorter = 1 - 4 * real.shape[1] * np.finfo(np.float64).eps
    real_squares, sample_squares = shorter * squares(real), shorter * squares(samples)
    balls = np.zeros(len(samples), np.int64)  # of real examples, around each sample
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
    """Squared distance from each row to its k-th nearest other, (n,)."""
    x_squares = squares(x)
    radii = np.empty(len(x))
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        distances = squared_distances(x[rows], x, x_squares[rows], x_squares)
        own = np.arange(len(distances))
        distances[own, start + own] = math.inf  # itself is no neighbour
        radii[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return radii
