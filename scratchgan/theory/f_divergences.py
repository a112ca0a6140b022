"""
f-divergences D_f(p‖q) = E_q[f(p/q)], for convex f with f(1) = 0 (Csiszár 1963; Ali & Silvey 1966).

An f-GAN's D finds D_f. Its output activation g makes D* a function of r = log p/q, the v with
g(v) = f′(e^r) (Nowozin et al. 2016, arXiv 1606.00709).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from scratchgan.theory.densities import Density, Points
from scratchgan.theory.divergences import (
    hellinger,
    js,
    kl,
    kl_of_mixture,
    pearson,
    reverse_kl,
)
from scratchgan.theory.estimate import Estimate

__all__ = ["F_DIVERGENCES", "FDivergence"]


class FDivergence(NamedTuple):
    """A divergence, and what the f-GAN that is named after it does."""

    name: str  # a formula of p and q
    f: Callable[[Points], Points]  # of u = p/q
    slope: Callable[[Points], Points]  # f′
    score: Callable[[Points], Points]  # D* as a function of r = log p/q
    divergence: Callable[[Density, Density], Estimate]  # D_f(p‖q)
    non_saturating_name: str
    non_saturating: Callable[
        [Density, Density], Estimate
    ]  # what a G that descends −E_q[g] descends


def _times(factor: float, divergence: Callable[[Density, Density], Estimate], plus: float = 0.0):  # type: ignore[no-untyped-def]
    def scaled(p: Density, q: Density) -> Estimate:
        found = divergence(p, q)
        return Estimate(factor * found.value + plus, abs(factor) * found.error)

    return scaled


def squared_hellinger(p: Density, q: Density) -> Estimate:
    """∫ (√p − √q)² dx, twice the square of the Hellinger distance; from 0 to 2."""
    found = hellinger(p, q)
    return Estimate(2 * found.value**2, 4 * found.value * found.error + 2 * found.error**2)


def _of_pearson(r: Points) -> Points:
    """2 (e^r − 1), or ∞."""
    with np.errstate(over="ignore"):
        return np.asarray(2 * np.expm1(r))


def _of_non_saturating_hellinger(p: Density, q: Density) -> Estimate:
    """∫ p h(q/p), h(u) = ⅔ u^(3/2) − u + ⅓: E_q[⅔ √(q/p) − ⅔]."""
    places = p.landmarks()
    return q.expect(lambda x: 2 / 3 * np.expm1((q.log_pdf(x) - p.log_pdf(x)) / 2), places)


_LOG_2 = float(np.log(2))

F_DIVERGENCES: dict[str, FDivergence] = {
    "kl": FDivergence(
        "KL(p‖q)", lambda u: u * np.log(u), lambda u: 1 + np.log(u), lambda r: 1 + r, kl,
        "KL(q‖p)", reverse_kl,
    ),
    "reverse_kl": FDivergence(
        "KL(q‖p)", lambda u: -np.log(u), lambda u: -1 / u, lambda r: r, reverse_kl,
        "½ χ²(q‖p)", _times(1 / 2, lambda p, q: pearson(q, p)),
    ),
    "pearson": FDivergence(
        "χ²(p‖q)", lambda u: (u - 1) ** 2, lambda u: 2 * (u - 1), _of_pearson,
        pearson,
        "2 KL(p‖q)", _times(2, kl),
    ),
    "squared_hellinger": FDivergence(
        "∫ (√p − √q)²", lambda u: (np.sqrt(u) - 1) ** 2, lambda u: 1 - 1 / np.sqrt(u),
        lambda r: r / 2, squared_hellinger,
        "∫ p h(q/p), h(u) = ⅔ u^(3/2) − u + ⅓", _of_non_saturating_hellinger,
    ),
    "jensen_shannon": FDivergence(
        "2 JSD(p‖q)", lambda u: u * np.log(u) - (u + 1) * np.log((1 + u) / 2),
        lambda u: np.log(2 * u / (1 + u)), lambda r: r, _times(2, js),
        "2 KL(m‖p)", _times(2, kl_of_mixture),
    ),
    "gan": FDivergence(
        "2 JSD(p‖q) − log 4", lambda u: u * np.log(u) - (u + 1) * np.log(1 + u),
        lambda u: np.log(u / (1 + u)), lambda r: r, _times(2, js, -2 * _LOG_2),
        "2 KL(m‖p)", _times(2, kl_of_mixture),
    ),
}  # fmt: skip
"""The divergences of the f-GANs by name. "gan" is the only one with f(1) ≠ 0: f(1) = −log 4."""
