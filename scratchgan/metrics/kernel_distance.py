"""The kernel distance (KID): an unbiased measure of the difference between sets of features."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.metrics.distances import Doubles, matrices, measurable

__all__ = ["KernelDistance", "kernel_distance"]

FARTHEST = np.float64(1e45)  # a sum of many sixth powers of it does not overflow float64


class KernelDistance(NamedTuple):
    """The result of ``kernel_distance``."""

    value: float  # unbiased, so it may be below 0 for nearly equal distributions
    error: float  # standard error, from the spread over blocks; NaN with a single block

    def __str__(self) -> str:
        return f"{self.value:.3g} ± {self.error:.1g}"


def kernel_distance(
    features_a: NDArray[Any], features_b: NDArray[Any], block: int = 1000, seed: int = 0
) -> KernelDistance:
    """
    Return an unbiased estimate of MMD², the squared maximum mean discrepancy, with its error.

    MMD² = E k(a, a′) + E k(b, b′) − 2 E k(a, b) with k(x, y) = (x·y / features + 1)³, where a
    and a′ are different examples (Bińkowski, Sutherland, Arbel & Gretton 2018, "Demystifying
    MMD GANs", §4; the estimator is eq. 3 of Gretton et al. 2012). Because the pairs a = a′ are
    left out, the mean of the estimate is MMD² for any number of samples. FID does not have this
    property.

    The sets are split at random into blocks. The value is the mean over the blocks, and the
    error is their standard deviation / √blocks. Blocks share no example, so the error is valid
    (Zaremba, Gretton & Blaschko 2013; TF-GAN does the same). The authors' own code draws
    overlapping subsets of the same examples, and their spread is smaller than the true error.

    Its limitations:

    - With this kernel it compares only the first three moments. Sets that agree in these have
      distance 0, even if they look different.
    - The error assumes independent examples in each set. It is too small if samples repeat, or
      were fitted to the other set.
    - It depends on the network that computes the features.

    Parameters
    ----------
    features_a, features_b : array (n, features), (m, features)
        Computed in float64.
    block : int
        Largest number of examples of a set in a block: 1,000, like the paper's subsets. Larger
        blocks give a smaller error but take more time, which grows as n · block.
    seed : int
        Seed for the random split.

    Returns
    -------
    KernelDistance
        NaN if a feature is NaN, infinite or beyond 1e45.

    Raises
    ------
    ShapeError
        If the arrays are not matrices with the same number of features, or have too few rows
        for two in each block.
    ValueError
        If ``block`` is not a whole number of at least 2, or ``seed`` is not a seed.

    Examples
    --------
    On the line k compares 3 (mean of x)², 3 (mean of x²)² and (mean of x³)². The distributions
    of these two sets differ only in the mean, by 2:

    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(0, 1, (5000, 1)), rng.normal(2, 1, (5000, 1))
    >>> exact = 3 * (2 - 0)**2 + 3 * (5 - 1)**2 + (14 - 0)**2
    >>> found = kernel_distance(a, b)
    >>> exact, abs(found.value - exact) <= 3 * found.error
    (256, True)
    """
    block = checks.whole("kernel_distance", "block", block, 2)  # a block needs a pair
    seed = checks.seed("kernel_distance", "seed", seed)
    features_a, features_b = matrices(features_a=features_a, features_b=features_b)
    blocks = -(-max(len(features_a), len(features_b)) // block)
    if min(len(features_a), len(features_b)) < 2 * blocks:
        raise ShapeError(
            f"features_a {features_a.shape}, features_b {features_b.shape} make {blocks} blocks"
            f" of at most {block}; expected at least 2 examples of each set in every block:"
            " use sets of similar size, or larger blocks"
        )
    if not (measurable(features_a, FARTHEST) and measurable(features_b, FARTHEST)):
        return KernelDistance(math.nan, math.nan)
    rng = np.random.default_rng(seed)
    dealt = [np.array_split(rng.permutation(len(x)), blocks) for x in (features_a, features_b)]
    each = np.array([
        _mmd2(features_a[i].astype(np.float64), features_b[j].astype(np.float64))
        for i, j in zip(*dealt, strict=True)
    ])  # fmt: skip
    error = each.std(ddof=1) / math.sqrt(blocks) if blocks > 1 else math.nan
    return KernelDistance(float(each.mean()), float(error))


def _mmd2(a: Doubles, b: Doubles) -> float:
    return _mean_of_pairs(a) + _mean_of_pairs(b) - 2 * float(_kernel(a, b).mean())


def _mean_of_pairs(a: Doubles) -> float:
    """Return the mean of k over all pairs of different rows."""
    k, n = _kernel(a, a), len(a)
    return float((k.sum() - np.trace(k)) / (n * (n - 1)))


def _kernel(a: Doubles, b: Doubles) -> Doubles:
    root: Doubles = a @ b.T / a.shape[1] + 1
    return root * root * root
