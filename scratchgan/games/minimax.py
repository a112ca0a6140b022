"""The minimax game of Goodfellow et al. 2014."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scratchgan.backends import Array, Backend, default_backend
from scratchgan.games.game import PROBABILITY, Game, Optimum

if TYPE_CHECKING:
    from scratchgan.games.game import Output
    from scratchgan.theory import Density, Estimate

__all__ = ["Minimax"]


@dataclass(frozen=True)
class Minimax(Game):
    """
    The game of Goodfellow et al. 2014, Algorithm 1: D ascends V, and G descends it.

    V = (1/m) Σ log D(x) + (1/m) Σ log(1 − D(G(z))). Only the second term depends on G.

    D ends in a logit l, and D(x) = σ(l). The formulas log D(x) = log σ(l) and
    log(1 − D(x)) = log σ(−l) are accurate for any l, while 1 − D(x) can round to 0.

    The optimal discriminator is D* = p/(p + q) (Proposition 1). With it, G descends
    2 JSD(p‖q) − log 4 (Theorem 1).

    Examples
    --------
    >>> import numpy as np
    >>> real, fake = np.array([[0.3], [2.0]]), np.array([[-1.0], [0.5]])
    >>> D = lambda l: 1 / (1 + np.exp(-l))
    >>> value, d_real, d_fake = Minimax().d(real, fake)
    >>> bool(np.allclose(value, np.log(D(real)).mean() + np.log(1 - D(fake)).mean()))
    True
    >>> bool(np.allclose(d_real, (1 - D(real)) / 2) and np.allclose(d_fake, -D(fake) / 2))
    True
    """

    name = "minimax"
    outputs = ("logit",)
    reading = PROBABILITY
    optimum = Optimum(-math.log(4), 0.5, "−log 4", "½")
    divergence = "2 JSD(p‖q) − log 4"
    unit = "nats"

    def d(self, real: Array, fake: Array, ops: Backend | None = None) -> tuple[Array, Array, Array]:
        """Return V and its gradients by the logits."""
        ops = ops or default_backend()
        log_d, d_real = ops.log_sigmoid_mean(real, +1.0)  # log D(x)
        log_not_d, d_fake = ops.log_sigmoid_mean(fake, -1.0)  # log(1 − D(G(z)))
        return ops.add(log_d, log_not_d), d_real, d_fake

    def g(
        self, fake: Array, real: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return (1/m) Σ log(1 − D(G(z))) and its gradient, which vanishes as D(G(z)) → 0."""
        ops = ops or default_backend()
        value, d_fake = ops.log_sigmoid_mean(fake, -1.0)
        return value, d_fake, None

    def exact_value(self, D: Output, p_data: Density, p_g: Density) -> Estimate:
        """Return V(G, D) in nats, for a D that gives logits."""
        from scratchgan.theory import value

        return value(D, p_data, p_g)

    def optimal_d(self, p_data: Density, p_g: Density) -> Output:
        """Return the logit of D*: log p_data − log p_g."""
        from scratchgan.theory import optimal_logit

        return optimal_logit(p_data, p_g)
