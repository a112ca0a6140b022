"""The Parzen-window log-likelihood, by which the 2014 papers measured their generators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.metrics.distances import (
    FARTHEST,
    Doubles,
    matrices,
    measurable,
    squared_distances,
    squares,
)

__all__ = ["SIGMAS", "Parzen", "parzen_log_likelihood", "parzen_log_likelihoods"]

SIGMAS = tuple(float(sigma) for sigma in np.logspace(-1, 0, 10))
"""The grid of Goodfellow et al. 2014: ten widths from 0.1 to 1, evenly on a log scale."""

FIRST = 1000  # validation examples by which the width is chosen, as in the paper's code
BLOCK = 250  # examples at a time: their distances to 10,000 samples take 20 MB


class Parzen(NamedTuple):
    """What ``parzen_log_likelihood`` returns."""

    mean: float  # nats, over the examples
    error: float  # standard error of that mean over the examples
    sigma: float  # the width
    samples: int  # centres: the figure means nothing without their number
    curve: tuple[tuple[float, float], ...]  # (width, mean on the validation examples)

    def __str__(self) -> str:
        where = f"σ {self.sigma:.3f}, {self.samples:,} samples"
        return f"{self.mean:.1f} ± {self.error:.1f} nats ({where})"


def parzen_log_likelihood(
    samples: NDArray[np.floating],
    x: NDArray[np.floating],
    x_validation: NDArray[np.floating],
    sigmas: Sequence[float] = SIGMAS,
) -> Parzen:
    """
    Mean log-likelihood of real examples under normals around generated samples.

    The protocol of Goodfellow et al. 2014 (§5, and the code that they published): a
    normal of width σ around each sample makes a density; σ is the one of the grid that
    gives the first 1,000 validation examples the highest mean.

    Its failings (Theis, van den Oord & Bethge 2016, "A note on the evaluation of
    generative models"): in many dimensions it depends on the number of samples more than
    on their quality, it prefers blurred images to sharp ones, and the centres of k-means
    beat real images. It is here since the papers' tables are made of it.

    Parameters
    ----------
    samples : array (m, features)
        Drawn from the generator: the paper took 10,000.
    x : array (n, features)
        Real examples that were used for nothing else: the test set, or validation examples
        where an epoch is to be chosen.
    x_validation : array (k, features)
        To choose σ by; the first 1,000 are used.
    sigmas : sequence of float
        The grid, in the data's units.

    Returns
    -------
    Parzen
        The figure is NaN where a sample or an example is NaN or infinite, or beyond 1e150.

    Raises
    ------
    ShapeError
        If the arrays are no matrices of one width, or empty.
    ValueError
        If there is no width, or one is not from 1e-100 to 1e100.

    Examples
    --------
    Two centres on the line, and one example that lies on the first:

    >>> p = parzen_log_likelihood(np.array([[0.0], [10.0]]), np.zeros((1, 1)), np.zeros((1, 1)))
    >>> p.sigma, round(p.mean, 4)                         # log ½ − log 0.1 √(2π)
    (0.1, 0.6905)
    """
    grid = _checked(sigmas)
    samples, x, x_validation = matrices(samples=samples, x=x, x_validation=x_validation)
    by_width = parzen_log_likelihoods(samples, x_validation[:FIRST], grid).mean(axis=1)
    best = int(np.argmax(by_width))  # NaN counts as the highest, so it is not passed over
    each = parzen_log_likelihoods(samples, x, [grid[best]])[0]
    if np.isnan(by_width[best]):  # no width could be chosen: no figure can be given
        each[:] = np.nan
    return Parzen(
        mean=float(each.mean()),
        error=float(each.std() / math.sqrt(len(each))),
        sigma=grid[best],
        samples=len(samples),
        curve=tuple(zip(grid, map(float, by_width), strict=True)),
    )


def parzen_log_likelihoods(
    samples: NDArray[np.floating], x: NDArray[np.floating], sigmas: Sequence[float]
) -> Doubles:
    """
    Log-density of each example for each width: (widths, n), nats.

    log p(x) = log (1/m) Σⱼ exp(−‖x − sⱼ‖² / 2σ²) − features · log(σ √(2π)), in float64 and in
    blocks of examples, so memory does not grow with n. NaN for an example that is not finite,
    and for all of them if a sample is not.
    """
    grid = _checked(sigmas)
    samples, x = matrices(samples=samples, x=x)
    if not measurable(samples):
        return np.full((len(grid), len(x)), np.nan)
    centres = np.ascontiguousarray(samples, np.float64)
    centre_squares = squares(centres)
    features = centres.shape[1]
    result = np.empty((len(grid), len(x)))
    for start in range(0, len(x), BLOCK):
        rows = np.array(x[start : start + BLOCK], np.float64)
        bad = ~(np.abs(rows) <= FARTHEST).all(axis=1)
        rows[bad] = 0
        distances = squared_distances(rows, centres, b_squares=centre_squares)
        nearest = distances.min(axis=1)
        distances -= nearest[:, None]  # the largest exponent is then 0: nothing underflows
        terms = np.empty_like(distances)
        for i, sigma in enumerate(grid):
            scale = -0.5 / sigma**2
            np.exp(np.multiply(distances, scale, out=terms), out=terms)
            result[i, start : start + BLOCK] = (
                np.log(terms.mean(axis=1)) + scale * nearest
                - features * math.log(sigma * math.sqrt(2 * math.pi))
            )  # fmt: skip
        result[:, start : start + BLOCK][:, bad] = np.nan
    return result


def _checked(sigmas: Sequence[float]) -> list[float]:
    grid: list[float] = checks.array("", "sigmas", sigmas, (None,)).astype(float).tolist()
    # the square of a width, and its reciprocal, are float64 numbers
    if not grid or not all(1e-100 <= sigma <= 1e100 for sigma in grid):
        raise ValueError(f"sigmas are {grid}; expected one or more widths above 0, 1e-100 … 1e100")
    return grid
