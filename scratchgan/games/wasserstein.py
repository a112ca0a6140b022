"""The game of Wasserstein GANs (Arjovsky et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scratchgan.backends import Array, Backend, default_backend
from scratchgan.games.game import Game, Optimum
from scratchgan.games.terms import loss, mean, scale, value

if TYPE_CHECKING:
    from scratchgan.games.game import Output
    from scratchgan.theory import Density, Estimate

__all__ = ["Wasserstein"]


@dataclass(frozen=True)
class Wasserstein(Game):
    """
    D ascends V = E_p[D] − E_q[D], and G descends −E_q[D].

    Without a constraint on D, V has no maximum. Over all D whose slope is at most 1, the maximum
    is the Wasserstein-1 distance of p and q (the duality of Kantorovich and Rubinstein), and the
    D* that attains it is a Kantorovich potential. G then descends W₁(p, q); with slopes of at
    most K, K times as much (Arjovsky et al. 2017, arXiv 1701.07875, Theorem 3). So this game
    needs a penalty on D's gradient (Gulrajani et al. 2017, arXiv 1704.00028), weight clipping
    (the first paper), or spectral normalisation.

    Examples
    --------
    >>> import numpy as np
    >>> real, fake = np.array([[3.0], [1.0]]), np.array([[0.5], [0.5]])
    >>> Wasserstein().d(real, fake)[0].tolist(), Wasserstein().g(fake)[0].tolist()
    ([1.5], [-0.5])
    """

    name = "wasserstein"
    optimum = Optimum(0.0)  # D is free
    divergence = "W₁(p, q), over D with slopes of at most 1"

    def d(self, real: Array, fake: Array, ops: Backend | None = None) -> tuple[Array, Array, Array]:
        """Return V and its gradients by the scores."""
        ops = ops or default_backend()
        return value(mean(real, ops), scale(mean(fake, ops), -1.0, ops), ops)

    def g(
        self, fake: Array, real: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return −mean D(G(z)) and its gradient."""
        ops = ops or default_backend()
        return loss(scale(mean(fake, ops), -1.0, ops))

    def exact_value(self, D: Output, p_data: Density, p_g: Density) -> Estimate:
        """Return V(G, D)."""
        from scratchgan.theory import expected_value

        return expected_value(D, p_data, p_g, lambda v: v, lambda v: -v)
