"""
Divergences between pairs: what the relativistic pairing game measures.

A pair (x, y) of an example and a sample has the density p⊗q, and the swapped pair q⊗p. D sees the
difference of two scores, and the log-ratio of these two densities is such a difference:
log p(x) q(y) − log q(x) p(y) = r(x) − r(y), with r = log p/q.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scratchgan.errors import ShapeError
from scratchgan.theory.densities import Density, Points, check_pair
from scratchgan.theory.divergences import js
from scratchgan.theory.estimate import Estimate

__all__ = ["Product", "js_of_pairs", "kl_of_pairs"]


class Product(Density):
    """
    p⊗q, the density of a pair (x, y) of independent x ∼ p and y ∼ q, both on the line.

    Examples
    --------
    >>> from scratchgan.theory import Uniform
    >>> Product(Uniform(0, 2), Uniform(0, 4)).pdf([[1.0, 3.0], [3.0, 1.0]]).round(6).tolist()
    [0.125, 0.0]
    """

    dim = 2
    name = "product"

    def __init__(self, p: Density, q: Density) -> None:
        check_pair("Product", p=p, q=q)
        if p.dim != 1:
            raise ShapeError(f"Product: p and q have dimension {p.dim}; expected 1")
        self.p, self.q = p, q

    def __repr__(self) -> str:
        return f"Product({self.p!r}, {self.q!r})"

    def landmarks(self) -> Any:
        return self.p.landmarks(), self.q.landmarks()

    def _log_pdf(self, x: Points) -> Points:
        return np.asarray(self.p.log_pdf(x[:, 0]) + self.q.log_pdf(x[:, 1]))

    def _sample(self, n: int, rng: np.random.Generator) -> Points:
        return np.concatenate([self.p.sample(n, rng), self.q.sample(n, rng)], axis=1)


def js_of_pairs(p: Density, q: Density) -> Estimate:
    """
    JSD(p⊗q‖q⊗p) in nats, for densities on the line, from 0 (p = q) to log 2.

    The relativistic pairing game with the best D has the value JSD(p⊗q‖q⊗p) − log 2, and D's loss
    is log 2 − JSD(p⊗q‖q⊗p).
    """
    return js(Product(p, q), Product(q, p))


def kl_of_pairs(p: Density, q: Density) -> Estimate:
    """
    KL(M‖p⊗p) in nats, M = (p⊗q + q⊗p)/2, for densities on the line: 0 only if p = q.

    G's loss in the relativistic pairing game, −E log σ(D(y) − D(x)), has the gradient of this
    divergence while D = D*. Its derivative by q is ∫ p(x) log(u(x) + u(y)) dx with u = q/p, and
    that of the loss is ∫ p(x) log(1 + u(y)/u(x)) dx; the two differ by a number that does not
    depend on y. It is ∞ if q has mass where p has none.
    """
    check_pair("kl_of_pairs", p=p, q=q)

    def of_pair(pairs: Points) -> Points:  # log M/(p⊗p); symmetric, so the mean under p⊗q is all
        with np.errstate(over="ignore", invalid="ignore"):
            r = [q.log_pdf(x) - p.log_pdf(x) for x in pairs.T]  # log u
            return np.asarray(np.logaddexp(*r) - math.log(2))

    return Product(p, q).expect(of_pair, Product(q, p).landmarks())
