"""Mode coverage on mixtures whose modes are known."""

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
    """What ``mode_coverage`` returns."""

    captured: int  # modes with at least one high-quality sample
    modes: int
    high_quality: float  # share of samples within 3 σ of their nearest mode
    reverse_kl: float  # nats, KL(samples' shares of the modes ‖ the data's)


def mode_coverage(
    samples: NDArray[Any],
    means: NDArray[Any],
    std: float,
    weights: NDArray[Any] | None = None,
) -> ModeCoverage:
    """
    Count the modes that samples reach, and how evenly.

    The protocol of VEEGAN (Srivastava et al. 2017) and PacGAN (Lin et al. 2018),
    which use 2,500 samples. Each sample belongs to its nearest mode. True data in
    the plane score 1 − e^(−4.5) = 98.89 % high quality; more means modes that are
    too narrow.

    Parameters
    ----------
    samples : array (n, dim)
    means : array (modes, dim)
    std : float
        σ of each mode, above 0.
    weights : array (modes,), optional
        The data's share of each mode, all together 1; equal unless given.

    Returns
    -------
    ModeCoverage
        Where a sample is NaN or infinite, or beyond 1e150: no mode is captured, and the shares
        are NaN. ``reverse_kl`` is infinite where samples belong to a mode of weight 0.

    Raises
    ------
    ShapeError
        If the arrays are no matrices of one width, or the weights do not fit them.
    DataError
        If a mean or a weight is not finite, or the weights are no shares.
    ValueError
        If ``std`` is no number above 0.

    Examples
    --------
    Two modes on the line, one of which is reached by all samples:

    >>> found = mode_coverage(np.array([[0.1], [-0.2], [9.0]]), np.array([[0.0], [20.0]]), std=1)
    >>> found.captured, found.modes, round(found.high_quality, 3), round(found.reverse_kl, 3)
    (1, 2, 0.667, 0.693)
    """
    samples, means = matrices(samples=samples, means=means)
    if not measurable(means):
        raise DataError("mode_coverage: means has values that are NaN, infinite or beyond 1e150")
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
    with np.errstate(divide="ignore"):  # where a weight is 0, and the distance ∞
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
            f"mode_coverage: weights lie from {found.min():g} to {found.max():g} and sum to"
            f" {total:g}; expected shares of 0 or more that sum to 1 (divide them by their sum)"
        )
    return found.astype(np.float64)
