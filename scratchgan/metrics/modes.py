"""Mode coverage for mixtures with known modes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import DataError
from scratchgan.metrics.distances import FARTHEST, matrices, measurable

__all__ = ["ModeCoverage", "mode_coverage"]


class ModeCoverage(NamedTuple):
    """The result of ``mode_coverage``."""

    captured: int  # modes with at least one high-quality sample
    modes: int
    high_quality: float  # share of samples within 3 σ of their nearest mode
    reverse_kl: float  # nats, KL(the samples' shares of the modes ‖ the data's shares)


def mode_coverage(
    samples: NDArray[Any],
    means: NDArray[Any],
    std: float,
    weights: NDArray[Any] | None = None,
) -> ModeCoverage:
    """
    Count the modes that the samples reach, and measure how evenly they do.

    This is the protocol of VEEGAN (Srivastava et al. 2017) and PacGAN (Lin et al. 2018), which
    use 2,500 samples. Each sample belongs to its nearest mode. For true data in the plane the
    share of high quality is 1 − e^(−4.5) = 98.89 %; a larger share means that the samples'
    modes are too narrow.

    Parameters
    ----------
    samples : array (n, dim)
    means : array (modes, dim)
    std : float
        σ of each mode, above 0.
    weights : array (modes,), optional
        The data's share of each mode, with sum 1. The default is equal shares.

    Returns
    -------
    ModeCoverage
        If a sample has a value that is NaN, infinite or beyond 1e150, no mode is captured and
        the shares are NaN. ``reverse_kl`` is infinite if samples belong to a mode of weight 0.

    Raises
    ------
    ShapeError
        If the arrays are not matrices with the same number of columns, or the weights are not
        one for each mode.
    DataError
        If a mean or a weight is not finite, or the weights do not sum to 1.
    ValueError
        If ``std`` is not a number above 0.

    Examples
    --------
    Two modes on the line. The samples reach only the first:

    >>> found = mode_coverage(np.array([[0.1], [-0.2], [9.0]]), np.array([[0.0], [20.0]]), std=1)
    >>> found.captured, found.modes, round(found.high_quality, 3), round(found.reverse_kl, 3)
    (1, 2, 0.667, 0.693)
    """
    samples, means = matrices(samples=samples, means=means)
    if not measurable(means):
        raise DataError(
            "mode_coverage: means has values that are NaN, infinite or beyond 1e150;"
            " expected finite numbers"
        )
    std = checks.number("mode_coverage", "std", std, 0, float(FARTHEST), above=True)
    expected = _shares(weights, len(means))
    if not measurable(samples):
        return ModeCoverage(0, len(means), math.nan, math.nan)
    distance = np.linalg.norm(samples[:, None, :] - means[None, :, :], axis=2)
    nearest = distance.argmin(axis=1)
    good = distance.min(axis=1) <= 3 * std
    modes = len(means)
    share = np.bincount(nearest, minlength=modes) / len(samples)
    present = share > 0
    with np.errstate(divide="ignore"):  # a weight of 0 makes reverse_kl infinite
        logs = np.log(share[present] / expected[present])
    return ModeCoverage(
        captured=int(np.unique(nearest[good]).size),
        modes=modes,
        high_quality=float(good.mean()),
        reverse_kl=float((share[present] * logs).sum()),
    )


def _shares(weights: object, modes: int) -> NDArray[np.float64]:
    if weights is None:
        return np.full(modes, 1 / modes)
    found = checks.array("mode_coverage", "weights", weights, (modes,), finite=True)
    total = float(found.sum(dtype=np.float64))
    if found.min() < 0 or not abs(total - 1) <= 1e-6:
        raise DataError(
            f"mode_coverage: weights are from {found.min():g} to {found.max():g} and their sum is"
            f" {total:g}; expected weights of 0 or more with sum 1 (divide them by their sum)"
        )
    return found.astype(np.float64)
