"""
Divergences and distances between two densities, by quadrature, with error estimates.

All but Wasserstein-1 are expectations under p (or q) of a function of the log-ratio
r(x) = log q(x) − log p(x), which stays exact where a density or its ratio underflows.
So disjoint supports give JS = log 2 and KL = ∞. Each density integrates with its own
``expect``, so densities in the plane and of a trained generator work too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from scratchgan.errors import ShapeError
from scratchgan.theory.crossings import crossings
from scratchgan.theory.densities import Density, Points, check_pair
from scratchgan.theory.estimate import Estimate
from scratchgan.theory.integrate import integrate

_EPS = float(np.finfo(np.float64).eps)

__all__ = [
    "hellinger", "js", "kl", "kl_of_mixture", "kl_to_mixture", "pearson", "reverse_kl",
    "total_variation", "triangular", "wasserstein_1",
]  # fmt: skip


def kl(p: Density, q: Density) -> Estimate:
    """
    Kullback–Leibler divergence KL(p‖q) = E_p[log p − log q], in nats.

    Kullback & Leibler 1951. It is at least 0, and 0 only if p = q. It is ∞ if p has mass where
    q has none.

    Raises
    ------
    ShapeError
        If the densities differ in dimension.

    Examples
    --------
    For two normals it is log(σ₂/σ₁) + (σ₁² + (μ₁ − μ₂)²) / 2σ₂² − ½.

    >>> from scratchgan.theory import Normal
    >>> result = kl(Normal(0, 1), Normal(1, 2))
    >>> abs(result.value - (np.log(2) + 2 / 8 - 0.5)) <= result.error <= 1e-9
    True
    """
    return _expect(p, q, lambda r: -r, np.ones_like)


def reverse_kl(p: Density, q: Density) -> Estimate:
    """Return KL(q‖p): large where q has mass and p has little; small if q only misses modes."""
    return kl(q, p)


def kl_of_mixture(p: Density, q: Density) -> Estimate:
    """
    KL(m‖p) = E_m[log m − log p], m = (p + q)/2, in nats.

    Twice this is KL(q‖p) − 2 JS(p‖q): what the generator of the non-saturating game descends
    (Arjovsky & Bottou 2017, Theorem 2.5). It is ∞ if q has mass where p has none, like KL(q‖p).
    But where q is much larger than p, it grows half as fast.
    """
    one = _expect(p, q, lambda r: -_to_mixture(r), _share)
    two = _expect(q, p, lambda r: -_to_mixture(-r), lambda r: _share(-r))  # r = log p − log q
    return Estimate((one.value + two.value) / 2, (one.error + two.error) / 2)


def pearson(p: Density, q: Density) -> Estimate:
    """
    Pearson's χ²(p‖q) = ∫ (p − q)²/q dx = E_p[p/q − 1].

    It is ∞ if p has mass where q has none, and also if q's tails are much thinner than p's.
    """
    return _expect(p, q, lambda r: np.expm1(-r), lambda r: np.exp(-r))


def triangular(p: Density, q: Density) -> Estimate:
    """
    Triangular discrimination ∫ (p − q)²/(p + q) dx, from 0 to 2.

    Le Cam 1986; Topsøe 2000. It is 2 E_m[tanh²(r/2)], with m = (p + q)/2 and r = log q/p.
    """
    both = _under_both(p, q, lambda r: np.tanh(r / 2) ** 2, lambda r: 1 / np.cosh(r / 2) ** 2)
    return Estimate(2 * both.value, 2 * both.error)


def kl_to_mixture(p: Density, q: Density) -> Estimate:
    """KL(p‖m) = E_p[log p − log m], m = (p + q)/2, in nats, from 0 to log 2."""
    return _expect(p, q, _to_mixture, _share)


def js(p: Density, q: Density) -> Estimate:
    """
    Jensen–Shannon divergence ½ KL(p‖m) + ½ KL(q‖m), m = (p + q)/2, in nats.

    Lin 1991; Goodfellow et al. 2014, proof of Theorem 1. Symmetric, from 0 (p = q)
    to log 2 (disjoint supports).
    """
    return _under_both(p, q, _to_mixture, _share)


def total_variation(p: Density, q: Density) -> Estimate:
    """
    Total variation ½ ∫ |p − q| dx = E_p[max(0, 1 − q/p)], from 0 to 1.

    It is the largest difference between the probabilities that p and q give to one event.
    """
    check_pair("total_variation", p=p, q=q)
    kinks = _equal(p, q) if p.dim == 1 else None
    return _expect(
        p, q, lambda r: -np.expm1(np.minimum(r, 0.0)), lambda r: np.exp(-np.abs(r)), kinks
    )


def hellinger(p: Density, q: Density) -> Estimate:
    """
    Hellinger distance √(½ ∫ (√p − √q)² dx) = √(E_m[(1 − √(q/p))² / (1 + q/p)]), from 0 to 1.

    Hellinger 1909; m = (p + q)/2. The error grows near 0, where an error ε of the integral
    becomes √ε.
    """

    def of_ratio(r: Points) -> Points:  # even in r, 0 at r = 0, at most 1
        size = np.abs(r)
        return np.asarray(np.expm1(-size / 2) ** 2 / (1 + np.exp(-size)))

    squared = _under_both(p, q, of_ratio, lambda r: np.exp(-np.abs(r) / 2))
    value = math.sqrt(squared.value)
    return Estimate(value, min(math.sqrt(squared.error), squared.error / max(value, 1e-300)))


def wasserstein_1(p: Density, q: Density) -> Estimate:
    """
    Wasserstein-1 distance ∫ |F_p − F_q| dx on the line, in units of x.

    It is the smallest cost, mass times distance, of moving p's mass so that it becomes q
    (Vallender 1974). Unlike JS it measures how far apart disjoint supports are.

    Raises
    ------
    ShapeError
        If p or q is not on the line.
    """
    check_pair("wasserstein_1", p=p, q=q)
    if p.dim != 1:
        raise ShapeError(f"wasserstein_1: p and q have dimension {p.dim}; expected 1")
    places = np.concatenate([p.landmarks(), q.landmarks()])

    def apart(x: Points) -> Points:
        difference: Points = p.cdf(x) - q.cdf(x)
        return difference

    def sign(x: Points) -> Points:
        difference = apart(x)
        return np.where(np.abs(difference) <= 4 * _EPS, 0.0, difference)

    # The tails beyond the landmarks add less than 1e-16 times their length.
    kinks = crossings(sign, places)
    return integrate(lambda x: np.abs(apart(x)), np.concatenate([places, kinks]))


OfRatio: TypeAlias = Callable[[Points], Points]


def _to_mixture(r: Points) -> Points:
    """log p/m = log 2 − log(1 + e^r), for r = log q − log p."""
    return np.asarray(math.log(2) - np.logaddexp(0.0, r))


def _share(r: Points) -> Points:
    """σ(r) = q/(p + q), the size of the slope of ``_to_mixture``."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -r)))


def _expect(
    p: Density, q: Density, of_ratio: OfRatio, slope: OfRatio, kinks: Points | None = None
) -> Estimate:
    """Return E_p[f(r)] for r = log q − log p; ``slope`` is an upper bound of |f′(r)|."""
    check_pair("divergence", p=p, q=q)
    places = q.landmarks() if kinks is None else np.concatenate([q.landmarks(), kinks])

    def integrand(x: Points) -> tuple[Points, Points]:
        log_p, log_q = p.log_pdf(x), q.log_pdf(x)
        with np.errstate(over="ignore", invalid="ignore"):
            r = log_q - log_p
            noise = slope(r) * _EPS * (np.abs(log_p) + np.abs(log_q))
            return of_ratio(r), np.where(np.isfinite(r), noise, 0.0)

    return p.expect(integrand, places)


def _equal(p: Density, q: Density) -> Points:
    """Return the points of the line at which p = q."""

    def log_ratio(x: Points) -> Points:
        log_p, log_q = p.log_pdf(x), q.log_pdf(x)
        with np.errstate(invalid="ignore"):
            r, rounding = log_q - log_p, 4 * _EPS * (np.abs(log_p) + np.abs(log_q))
        return np.where(np.abs(r) <= rounding, 0.0, r)

    return crossings(log_ratio, np.concatenate([p.landmarks(), q.landmarks()]))


def _under_both(p: Density, q: Density, of_ratio: OfRatio, slope: OfRatio) -> Estimate:
    """Return ½ E_p[f(log q/p)] + ½ E_q[f(log p/q)]."""
    one, two = _expect(p, q, of_ratio, slope), _expect(q, p, of_ratio, slope)
    return Estimate((one.value + two.value) / 2, (one.error + two.error) / 2)
