"""The kernel distance (KID): an unbiased measure of how far two sets of features are apart."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.metrics.distances import Doubles, matrices, measurable

__all__ = ["KernelDistance", "kernel_distance"]

FARTHEST = np.float64(1e45)  # the sixth power of a feature, and a sum of many such, is a float64


class KernelDistance(NamedTuple):
    """What ``kernel_distance`` returns."""

    value: float  # unbiased, so it may be below 0 where the distributions are alike
    error: float  # standard error, from the spread over blocks; NaN with a single block

    def __str__(self) -> str:
        return f"{self.value:.3g} ± {self.error:.1g}"


def kernel_distance(
    features_a: NDArray[Any], features_b: NDArray[Any], block: int = 1000, seed: int = 0
) -> KernelDistance:
    """
    Unbiased estimate of MMD², the squared maximum mean discrepancy, with its standard error.

    MMD² = E k(a, a′) + E k(b, b′) − 2 E k(a, b) with k(x, y) = (x·y / features + 1)³, where a
    and a′ are different examples (Bińkowski, Sutherland, Arbel & Gretton 2018, "Demystifying
    MMD GANs", §4; the estimator is eq. 3 of Gretton et al. 2012). With the pairs a = a′ left
    out, its mean over draws is MMD² for any number of samples; FID's is not.

    The sets are dealt at random into blocks, value is the mean over blocks and error their
    standard deviation / √blocks. Blocks share no example, so the error is honest (Zaremba,
    Gretton & Blaschko 2013; TF-GAN does the same). The authors' own code draws overlapping
    subsets from the same examples, whose spread shows less than the whole uncertainty.

    Its failings. With this kernel it compares moments up to the third and no more: sets that
    agree in those are 0 apart, whatever they look like. The error takes the examples of each set
    to be drawn independently: where samples repeat, or were fitted to the other set, it is too
    small. And all depends on the network that the features come from.

    Parameters
    ----------
    features_a, features_b : array (n, features), (m, features)
        Computed in float64.
    block : int
        Examples of a set in a block, at most: 1,000, as the paper's subsets. Larger blocks give
        a smaller error, in more time: it grows as n · block.
    seed : int
        Of the dealing.

    Returns
    -------
    KernelDistance
        NaN where a feature is NaN or infinite, or beyond 1e45.

    Raises
    ------
    ShapeError
        If the arrays are no matrices of one width, or have too few rows to put two in a block.
    ValueError
        If ``block`` is no whole number of at least 2, or ``seed`` is no seed.

    Examples
    --------
    On the line k compares 3 (mean of x)², 3 (mean of x²)² and (mean of x³)². These two sets
    differ in the mean alone, by 2, but have few examples:

    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(0, 1, (5000, 1)), rng.normal(2, 1, (5000, 1))
    >>> exact = 3 * (2 - 0)**2 + 3 * (5 - 1)**2 + (14 - 0)**2
    >>> found = kernel_distance(a, b)
    >>> exact, abs(found.value - exact) <= 3 * found.error
    (256, True)
    """
    block = checks.whole("kernel_distance", "block", block, 2)  # to have a pair in it
    seed = checks.seed("kernel_distance", "seed", seed)
    features_a, features_b = matrices(features_a=features_a, features_b=features_b)
    blocks = -(-max(len(features_a), len(features_b)) // block)
    if min(len(features_a), len(features_b)) < 2 * blocks:
        raise ShapeError(
            f"features_a {features_a.shape}, features_b {features_b.shape} make {blocks} blocks"
            f" of at most {block}; expected 2 examples or more of each set in every block:"
            " take sets of like size, or larger blocks"
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
    """Mean of k over the pairs of different rows."""
    k, n = _kernel(a, a), len(a)
    return float((k.sum() - np.trace(k)) / (n * (n - 1)))


def _kernel(a: Doubles, b: Doubles) -> Doubles:
    root: Doubles = a @ b.T / a.shape[1] + 1
    return root * root * root
