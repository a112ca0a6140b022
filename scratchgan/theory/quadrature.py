"""Quadrature: integrals as weighted sums over well-chosen nodes."""

from __future__ import annotations

import numpy as np

from scratchgan import checks
from scratchgan.theory.densities import Points

__all__ = ["gauss_legendre"]

_MOST_NODES = 100_000  # n nodes take n² operations


def gauss_legendre(n: int) -> tuple[Points, Points]:
    """
    Return nodes and weights of the Gauss–Legendre rule: ∫_(−1)^1 f(u) du ≈ Σ_k w_k f(u_k).

    The rule is exact for polynomials of degree 2n − 1. The nodes are the zeros of the Legendre
    polynomial P_n, found by Newton's method from Tricomi's estimate. The weights are
    2 / ((1 − u²) P_n′(u)²) (Abramowitz & Stegun 25.4.29). NumPy's ``leggauss`` computes the
    eigenvalues of an n × n matrix, which takes seconds for the thousand nodes of a thin curve.

    Parameters
    ----------
    n : int
        At least 1.

    Returns
    -------
    u, w : float64 arrays (n,)
        u in ascending order.

    Raises
    ------
    ValueError
        If n is less than 1.

    Examples
    --------
    >>> u, w = gauss_legendre(3)
    >>> bool(abs(w @ u**4 - 2 / 5) < 1e-15)
    True
    """
    n = checks.whole("gauss_legendre", "n", n, 1, _MOST_NODES)
    u = -np.cos(np.pi * (np.arange(n) + 0.75) / (n + 0.5))
    for _ in range(5):  # each step doubles the number of correct digits; three would be enough
        previous, p = np.ones(n), u
        for k in range(2, n + 1):  # k P_k = (2k − 1) u P_(k−1) − (k − 1) P_(k−2)
            previous, p = p, ((2 * k - 1) * u * p - (k - 1) * previous) / k
        derivative = n * (u * p - previous) / (u * u - 1)
        u = u - p / derivative
    return u, 2 / ((1 - u * u) * derivative**2)
