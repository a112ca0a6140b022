"""
How far two densities are apart, by quadrature in log space, each with an error estimate.

All but Wasserstein-1 are expectations under p (or q) of a function of the log-ratio
r(x) = log q(x) − log p(x), which stays exact where a density or its ratio underflows.
So disjoint supports give JS = log 2 and KL = ∞, and densities in the plane, or of a
trained generator, need nothing but their own ``expect``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from scratchgan.errors import ShapeError
from scratchgan.theory.crossings import crossings
from scratchgan.theory.densities import Density, Points, density
from scratchgan.theory.estimate import Estimate
from scratchgan.theory.integrate import integrate

_EPS = float(np.finfo(np.float64).eps)

__all__ = ["hellinger", "js", "kl", "reverse_kl", "total_variation", "wasserstein_1"]


def kl(p: Density, q: Density) -> Estimate:
    """
    Kullback–Leibler divergence KL(p‖q) = E_p[log p − log q], in nats.

    Kullback & Leibler 1951. At least 0, and 0 only where p = q; ∞ where p has
    mass that q has not.

    Raises
    ------
    ShapeError
        If the densities differ in dimension.

    Examples
    --------
    Of two normals: log(σ₂/σ₁) + (σ₁² + (μ₁ − μ₂)²) / 2σ₂² − ½.

    >>> from scratchgan.theory import Normal
    >>> result = kl(Normal(0, 1), Normal(1, 2))
    >>> abs(result.value - (np.log(2) + 2 / 8 - 0.5)) <= result.error <= 1e-9
    True
    """
    return _expect(p, q, lambda r: -r, np.ones_like)


def reverse_kl(p: Density, q: Density) -> Estimate:
    """KL(q‖p): it asks that q be nowhere that p is not, and forgives it missing modes."""
    return kl(q, p)


def js(p: Density, q: Density) -> Estimate:
    """
    Jensen–Shannon divergence ½ KL(p‖m) + ½ KL(q‖m), m = (p + q)/2, in nats.

    Lin 1991; Goodfellow et al. 2014, proof of Theorem 1. Symmetric, from 0 (p = q)
    to log 2 (disjoint supports).
    """

    def to_mixture(r: Points) -> Points:  # log p/m = log 2 − log(1 + e^r)
        return math.log(2) - np.logaddexp(0.0, r)

    return _under_both(p, q, to_mixture, lambda r: np.exp(-np.logaddexp(0.0, -r)))


def total_variation(p: Density, q: Density) -> Estimate:
    """
    Total variation ½ ∫ |p − q| dx = E_p[max(0, 1 − q/p)], from 0 to 1.

    The largest difference in probability that p and q give to any event.
    """
    _require_pair("total_variation", p, q)
    kinks = _equal(p, q) if p.dim == 1 else None
    return _expect(
        p, q, lambda r: -np.expm1(np.minimum(r, 0.0)), lambda r: np.exp(-np.abs(r)), kinks
    )


def hellinger(p: Density, q: Density) -> Estimate:
    """
    Hellinger distance √(½ ∫ (√p − √q)² dx) = √(E_m[(1 − √(q/p))² / (1 + q/p)]), from 0 to 1.

    Hellinger 1909; m = (p + q)/2. Near 0 the error is the larger: an error ε of the integral
    becomes √ε.
    """

    def of_ratio(r: Points) -> Points:  # the same for r and −r: at most 1, and 0 at r = 0
        size = np.abs(r)
        return np.asarray(np.expm1(-size / 2) ** 2 / (1 + np.exp(-size)))

    squared = _under_both(p, q, of_ratio, lambda r: np.exp(-np.abs(r) / 2))
    value = math.sqrt(squared.value)
    return Estimate(value, min(math.sqrt(squared.error), squared.error / max(value, 1e-300)))


def wasserstein_1(p: Density, q: Density) -> Estimate:
    """
    Wasserstein-1 distance ∫ |F_p − F_q| dx on the line, in units of x.

    What it costs to carry p's mass to q's places (Vallender 1974). Unlike JS it
    says how far disjoint supports are apart.

    Raises
    ------
    ShapeError
        If either is not on the line.
    """
    _require_pair("wasserstein_1", p, q)
    if p.dim != 1:
        raise ShapeError(f"wasserstein_1: dimension {p.dim}; it is offered on the line alone")
    places = np.concatenate([p.landmarks(), q.landmarks()])

    def apart(x: Points) -> Points:
        difference: Points = p.cdf(x) - q.cdf(x)
        return difference

    def sign(x: Points) -> Points:
        difference = apart(x)
        return np.where(np.abs(difference) <= 4 * _EPS, 0.0, difference)

    # What the unshown tails add is below 1e-16 · their length.
    kinks = crossings(sign, places)
    return integrate(lambda x: np.abs(apart(x)), np.concatenate([places, kinks]))


OfRatio: TypeAlias = Callable[[Points], Points]


def _require_pair(owner: str, p: Density, q: Density) -> None:
    density(owner, "p", p)
    density(owner, "q", q)
    if p.dim != q.dim:
        raise ShapeError(
            f"{owner}: {p!r} has dimension {p.dim} and {q!r} {q.dim}; expected the same"
        )


def _expect(
    p: Density, q: Density, of_ratio: OfRatio, slope: OfRatio, kinks: Points | None = None
) -> Estimate:
    """E_p[f(r)] for r = log q − log p; ``slope`` is at least |f′(r)|."""
    _require_pair("divergence", p, q)
    places = q.landmarks() if kinks is None else np.concatenate([q.landmarks(), kinks])

    def integrand(x: Points) -> tuple[Points, Points]:
        log_p, log_q = p.log_pdf(x), q.log_pdf(x)
        with np.errstate(over="ignore", invalid="ignore"):
            r = log_q - log_p
            noise = slope(r) * _EPS * (np.abs(log_p) + np.abs(log_q))
            return of_ratio(r), np.where(np.isfinite(r), noise, 0.0)

    return p.expect(integrand, places)


def _equal(p: Density, q: Density) -> Points:
    """Return where p = q on the line."""

    def log_ratio(x: Points) -> Points:
        log_p, log_q = p.log_pdf(x), q.log_pdf(x)
        with np.errstate(invalid="ignore"):
            r, rounding = log_q - log_p, 4 * _EPS * (np.abs(log_p) + np.abs(log_q))
        return np.where(np.abs(r) <= rounding, 0.0, r)

    return crossings(log_ratio, np.concatenate([p.landmarks(), q.landmarks()]))


def _under_both(p: Density, q: Density, of_ratio: OfRatio, slope: OfRatio) -> Estimate:
    """½ E_p[f(log q/p)] + ½ E_q[f(log p/q)]."""
    one, two = _expect(p, q, of_ratio, slope), _expect(q, p, of_ratio, slope)
    return Estimate((one.value + two.value) / 2, (one.error + two.error) / 2)
