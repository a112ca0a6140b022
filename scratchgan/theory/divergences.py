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

import numpy as np

from scratchgan.errors import ShapeError
from scratchgan.theory.densities import Density, Points
from scratchgan.theory.estimate import Estimate
from scratchgan.theory.integrate import integrate

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
    return _expect(p, q, lambda r: -r)


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

    one, two = _expect(p, q, to_mixture), _expect(q, p, to_mixture)
    return Estimate((one.value + two.value) / 2, (one.error + two.error) / 2)


def total_variation(p: Density, q: Density) -> Estimate:
    """
    Total variation ½ ∫ |p − q| dx = E_p[max(0, 1 − q/p)], from 0 to 1.

    The largest difference in probability that p and q give to any event.
    """
    return _expect(p, q, lambda r: -np.expm1(np.minimum(r, 0.0)))


def hellinger(p: Density, q: Density) -> Estimate:
    """
    Hellinger distance √(1 − ∫ √(pq) dx) = √(1 − E_p[√(q/p)]), from 0 to 1.

    Hellinger 1909. Near 0 the error is the larger: an error ε of the integral
    becomes √ε.
    """
    overlap = _expect(p, q, lambda r: np.exp(r / 2))
    squared = max(0.0, 1.0 - overlap.value)
    value = math.sqrt(squared)
    return Estimate(value, min(math.sqrt(overlap.error), overlap.error / max(value, 1e-300)))


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
    if p.dim != 1 or q.dim != 1:
        raise ShapeError(
            f"wasserstein_1: dimensions {p.dim} and {q.dim}; it is offered on the line alone"
        )
    points = np.concatenate([p.landmarks(), q.landmarks()])
    # What the unshown tails add is below 1e-16 · their length.
    return integrate(lambda x: np.abs(p.cdf(x) - q.cdf(x)), points)


def _expect(p: Density, q: Density, of_ratio: Callable[[Points], Points]) -> Estimate:
    """E_p[f(r)] for r = log q − log p."""
    if p.dim != q.dim:
        raise ShapeError(f"{p!r} has dimension {p.dim} and {q!r} {q.dim}; expected the same")

    def integrand(x: Points) -> Points:
        with np.errstate(over="ignore"):
            return of_ratio(q.log_pdf(x) - p.log_pdf(x))

    return p.expect(integrand, q.landmarks())
