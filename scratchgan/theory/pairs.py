"""
Pairs of an example and a sample on the line: what the relativistic pairing game measures.

A pair (x, y) has the density p⊗q, and the swapped pair q⊗p. D sees the difference of two scores,
and the log-ratio of these two densities is such a difference: log p(x) q(y) − log q(x) p(y) =
r(x) − r(y), with r = log p/q.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.theory.densities import Density, Points, check_pair
from scratchgan.theory.divergences import reverse_kl
from scratchgan.theory.estimate import Estimate
from scratchgan.theory.game import optimal_logit
from scratchgan.theory.quadrature import gauss_legendre

__all__ = ["js_of_pairs", "kl_of_pairs", "paired_value"]

NODES = 16  # between neighbouring landmarks, at most; half as many give the error
MOST = 4000  # nodes in all, because n nodes make n² pairs
LEAST = 1e-20  # nodes with less mass are left out
ROWS = 256  # of pairs that are in memory at once


def paired_value(D: Callable[[Points], Points], p_data: Density, p_g: Density) -> Estimate:
    """
    V = E[log σ(D(x) − D(y))], x ∼ p_data, y ∼ p_g: the value of the relativistic pairing game.

    Parameters
    ----------
    D : callable
        Points (n, 1) to D's scores (n,).
    p_data, p_g : Density
        On the line.

    Raises
    ------
    ShapeError
        If the densities are not on the line.

    Notes
    -----
    The double integral is a sum over pairs of the nodes of Gauss–Legendre rules between the
    landmarks of both densities. Its error is the difference from rules with half as many nodes. It
    is about 1e-4 if a density has poles, as that of a network's samples may have.

    Examples
    --------
    >>> from scratchgan.theory import Normal
    >>> v = paired_value(lambda x: 0 * x[:, 0], Normal(0, 1), Normal(5, 1))
    >>> abs(v.value + np.log(2)) <= v.error <= 1e-9
    True
    """
    checks.function("paired_value", "D", D, "a function of points (n, 1)")
    check_pair("paired_value", p_data=p_data, p_g=p_g)
    if p_data.dim != 1:
        raise ShapeError(f"paired_value: p_data and p_g have dimension {p_data.dim}; expected 1")
    places = np.unique(np.concatenate([p_data.landmarks(), p_g.landmarks()]))
    n = min(NODES, max(2, MOST // len(places)))
    fine, coarse = (_mean_over_pairs(D, p_data, p_g, places, nodes) for nodes in (n, n // 2))
    return Estimate(fine, abs(fine - coarse) + 1e-14)


def js_of_pairs(p: Density, q: Density) -> Estimate:
    """
    JSD(p⊗q‖q⊗p) in nats, for densities on the line, from 0 (p = q) to log 2.

    With the best D, which is r, the relativistic pairing game has the value
    JSD(p⊗q‖q⊗p) − log 2, and D's loss is log 2 − JSD(p⊗q‖q⊗p). This is how it is computed.
    """
    best = paired_value(optimal_logit(p, q), p, q)
    return Estimate(best.value + math.log(2), best.error)


def kl_of_pairs(p: Density, q: Density) -> Estimate:
    """
    KL(M‖p⊗p) = KL(q‖p) − JSD(p⊗q‖q⊗p) in nats, M = (p⊗q + q⊗p)/2; on the line.

    G's loss in the relativistic pairing game, −E log σ(D(y) − D(x)), has the gradient of this
    divergence while D = D*. Its derivative by q at y is ∫ p(x) log(u(x) + u(y)) dx and a constant,
    u = q/p, and that of the loss is ∫ p(x) log(1 + u(y)/u(x)) dx: the two differ by a number that
    does not depend on y. It is ∞ if q has mass where p has none.
    """
    one, two = reverse_kl(p, q), js_of_pairs(p, q)
    return Estimate(one.value - two.value, one.error + two.error)


def _mean_over_pairs(
    D: Callable[[Points], Points], p: Density, q: Density, places: Points, n: int
) -> float:
    """E[log σ(D(x) − D(y))] with n nodes between neighbouring places."""
    u, w = gauss_legendre(n)
    half = np.diff(places)[:, None] / 2
    x = ((places[:-1] + places[1:])[:, None] / 2 + half * u).reshape(-1, 1)
    lengths = (half * w).ravel()
    sides = []
    for density in (p, q):
        masses = lengths * density.pdf(x)
        here = masses > LEAST
        # The sum of the masses is not 1 where a rule is too coarse; then the mean is off as well.
        sides.append((np.asarray(D(x[here])), masses[here]))
    (real, real_mass), (fake, fake_mass) = sides
    total = 0.0
    with np.errstate(invalid="ignore"):
        for i in range(0, len(real), ROWS):
            terms = -np.logaddexp(0.0, fake - real[i : i + ROWS, None])
            total += float(real_mass[i : i + ROWS] @ (terms @ fake_mass))
    return total
