"""The Fréchet distance between two sets of features, each treated as a normal distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.metrics.distances import Doubles, matrices, measurable

__all__ = ["FORMS", "frechet_distance"]

FORMS = ("full", "diagonal", "mean")


def frechet_distance(
    features_a: NDArray[Any], features_b: NDArray[Any], form: str = "full"
) -> float:
    """
    Return the squared Fréchet distance between normal distributions fitted to the two sets.

    It is ‖μ_a − μ_b‖² + Tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½), with the means μ and covariances Σ of
    the sets: Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a
    local Nash equilibrium", eq. 6; the formula is from Dowson & Landau 1982. On the features
    of an Inception network it is called FID.

    Its limitations:

    - It compares only two moments. Sets of different shapes with the same mean and covariance
      have distance 0.
    - It is biased upwards. The bias grows as the number of samples falls, and it depends on the
      generator (Chong & Forsyth 2020). So compare only distances from equal numbers of samples,
      and give the distance between two sets of real examples beside them.
    - With fewer samples than features the covariances are singular. The distance still exists,
      but most of it may be bias.
    - It depends on the network that computes the features.

    Parameters
    ----------
    features_a, features_b : array (n, features), (m, features)
        At least two examples each; computed in float64.
    form : str
        ``"full"``; ``"diagonal"``, which treats the features as uncorrelated; or ``"mean"``,
        only ‖μ_a − μ_b‖². The last two are cheap with many features.

    Returns
    -------
    float
        In squared units of the features; NaN if a feature is NaN, infinite or beyond 1e150.

    Raises
    ------
    ShapeError
        If the arrays are not matrices with the same number of features, or have fewer than
        two rows.
    UnknownNameError
        If there is no such form.

    Examples
    --------
    On the line the distance is (μ_a − μ_b)² + (σ_a − σ_b)²; here σ is √2 and 3√2:

    >>> round(frechet_distance(np.array([[-1.0], [1.0]]), np.array([[1.0], [7.0]])), 12)
    24.0
    """
    form = checks.one_of("form of the Fréchet distance", form, FORMS)
    features_a, features_b = matrices(features_a=features_a, features_b=features_b)
    if min(len(features_a), len(features_b)) < 2:
        raise ShapeError(
            f"features_a {features_a.shape}, features_b {features_b.shape};"
            " expected at least 2 examples in each, because a covariance needs 2"
        )
    if not (measurable(features_a) and measurable(features_b)):
        return math.nan
    mean_a, a = _centred(features_a)
    mean_b, b = _centred(features_b)
    distance = np.sum((mean_a - mean_b) ** 2)
    if form == "full":
        distance += np.sum(a**2) + np.sum(b**2) - 2 * _trace_of_root(a, b)
    elif form == "diagonal":
        distance += np.sum((np.sqrt(np.sum(a**2, axis=0)) - np.sqrt(np.sum(b**2, axis=0))) ** 2)
    return float(np.maximum(distance, 0))  # rounding may give a value below 0


def _centred(features: NDArray[Any]) -> tuple[Doubles, Doubles]:
    """Return the mean, and A = (features − mean) / √(n − 1); AᵀA is the covariance Σ."""
    rows = features.astype(np.float64)
    mean: Doubles = rows.mean(axis=0)
    rows -= mean
    rows /= math.sqrt(len(rows) - 1)
    return mean, rows


def _trace_of_root(a: Doubles, b: Doubles) -> float:
    """
    Return Tr (Σ_a Σ_b)^½ for Σ_a = AᵀA and Σ_b = BᵀB.

    Σ_a Σ_b is not symmetric, but it has the eigenvalues of (A Bᵀ)(A Bᵀ)ᵀ, so the trace of its
    root is the sum of the singular values of A Bᵀ. This avoids the root of a covariance, which
    would turn rounding errors of 1e-16 into 1e-8.

    A Bᵀ has one row for each sample. With A = Q R the factor Q is left out, because it does not
    change the singular values.
    """
    r_a, r_b = (np.asarray(np.linalg.qr(x, mode="r")) for x in (a, b))
    return float(np.linalg.svd(r_a @ r_b.T, compute_uv=False).sum())
