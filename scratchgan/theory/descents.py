"""
What G descends: a divergence whose gradient is that of G's loss while D = D* stands still.

If G's loss is E_q[φ(D*)] with D* held fixed, mass at x costs φ(D*(x)). If D* depends on x through
u = q/p alone, φ(D*) is F′(u) for some F, and G's gradient is that of E_p[F(u)]. So F follows from
G's own loss, and may differ from V(G, D*), which is D's. The formulas below are 0 at p = q; the
loss itself differs by a constant.
"""

from __future__ import annotations

from scratchgan.theory.densities import Density
from scratchgan.theory.divergences import kl_of_mixture, kl_to_mixture, triangular
from scratchgan.theory.estimate import Estimate

__all__ = ["least_squares_descent", "non_saturating_descent"]


def non_saturating_descent(p_data: Density, p_g: Density) -> Estimate:
    """
    2 KL(m‖p_data) = KL(p_g‖p_data) − 2 JSD(p_data‖p_g), m = (p_data + p_g)/2, in nats.

    The non-saturating loss −E_p_g[log D*] has its gradient (Arjovsky & Bottou 2017, Theorem 2.5).
    F(u) = (1 + u) log((1 + u)/2), because −log D* = log(1 + u) for D* = p_data/(p_data + p_g).

    Examples
    --------
    >>> from scratchgan.theory import Normal, js, reverse_kl
    >>> p, q = Normal(0, 1), Normal(1, 2)
    >>> two = reverse_kl(p, q).value - 2 * js(p, q).value
    >>> abs(non_saturating_descent(p, q).value - two) <= 1e-8
    True
    """
    found = kl_of_mixture(p_data, p_g)
    return Estimate(2 * found.value, 2 * found.error)


def least_squares_descent(
    p_data: Density, p_g: Density, real: float = 1.0, fake: float = 0.0, goal: float = 1.0
) -> Estimate:
    """
    (c − a)(b − a) KL(p‖m) − ⅛ (b − a)² ∫ (p − q)²/(p + q), for b = real, a = fake, c = goal.

    The least-squares loss ½ E_q[(D* − c)²] has its gradient, for D* = (b p + a q)/(p + q). It is a
    divergence (F is convex) only for c ≥ b; for c < b it is negative at some q.

    Examples
    --------
    >>> from scratchgan.theory import Normal
    >>> least_squares_descent(Normal(), Normal()).value == 0
    True
    """
    apart, off = real - fake, goal - fake
    p, q = p_data, p_g
    to_mixture, squares = kl_to_mixture(p, q), triangular(p, q)
    return Estimate(
        off * apart * to_mixture.value - apart**2 / 8 * squares.value,
        abs(off * apart) * to_mixture.error + apart**2 / 8 * squares.error,
    )
