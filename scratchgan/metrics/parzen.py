"""The Parzen-window log-likelihood, with which the 2014 papers measured their generators."""

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

FIRST = 1000  # validation examples that choose the width, as in the paper's code
BLOCK = 250  # examples at a time; their distances to 10,000 samples take 20 MB


class Parzen(NamedTuple):
    """The result of ``parzen_log_likelihood``."""

    mean: float  # mean over the examples, in nats
    error: float  # standard error of that mean
    sigma: float  # the width
    samples: int  # number of centres; always state it, because the mean depends on it
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
    Return the mean log-likelihood of real examples under Gaussians around generated samples.

    This is the protocol of Goodfellow et al. 2014 (§5 and their published code). The density is
    the mean of Gaussians of width σ, one around each sample. σ is the width in the grid with
    the highest mean log-likelihood on the first 1,000 validation examples.

    Its limitations (Theis, van den Oord & Bethge 2016, "A note on the evaluation of generative
    models"): in many dimensions it depends more on the number of samples than on their
    quality; it prefers blurred images to sharp ones; and k-means centres score higher than real
    images. It is offered because the papers' tables report it.

    Parameters
    ----------
    samples : array (m, features)
        Samples of the generator; the paper drew 10,000.
    x : array (n, features)
        Real examples that had no other use: the test set, or validation examples if the result
        chooses an epoch.
    x_validation : array (k, features)
        Examples that choose σ; the first 1,000 are used.
    sigmas : sequence of float
        The grid of widths, in the data's units.

    Returns
    -------
    Parzen
        The mean is NaN if a sample or an example has a value that is NaN, infinite or beyond
        1e150.

    Raises
    ------
    ShapeError
        If the arrays are not matrices with the same number of features, or are empty.
    ValueError
        If there is no width, or a width is not from 1e-100 to 1e100.

    Examples
    --------
    Two centres on the line, and one example at the first centre:

    >>> p = parzen_log_likelihood(np.array([[0.0], [10.0]]), np.zeros((1, 1)), np.zeros((1, 1)))
    >>> p.sigma, round(p.mean, 4)                         # log ½ − log 0.1 √(2π)
    (0.1, 0.6905)
    """
    grid = _checked(sigmas)
    samples, x, x_validation = matrices(samples=samples, x=x, x_validation=x_validation)
    by_width = parzen_log_likelihoods(samples, x_validation[:FIRST], grid).mean(axis=1)
    best = int(np.argmax(by_width))  # argmax returns a NaN if there is one
    each = parzen_log_likelihoods(samples, x, [grid[best]])[0]
    if np.isnan(by_width[best]):  # no width could be chosen, so there is no result
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
    Return the log-density of each example for each width, (widths, n), in nats.

    log p(x) = log (1/m) Σⱼ exp(−‖x − sⱼ‖² / 2σ²) − features · log(σ √(2π)), in float64 and in
    blocks of examples, so memory does not grow with n. An example that is not finite gives NaN.
    If a sample is not finite, all results are NaN.
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
        distances -= nearest[:, None]  # makes the largest exponent 0, so the sum cannot underflow
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
    # Within these bounds σ² and 1/σ² are float64 numbers.
    if not grid or not all(1e-100 <= sigma <= 1e100 for sigma in grid):
        raise ValueError(f"sigmas are {grid}; expected one or more widths from 1e-100 to 1e100")
    return grid
