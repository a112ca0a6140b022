"""The relativistic pairing game: each sample is compared with a real example."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scratchgan.backends import Array, Backend, default_backend
from scratchgan.games.game import Game, Optimum
from scratchgan.games.terms import mean_log_sigmoid, minus

if TYPE_CHECKING:
    from scratchgan.games.game import Output
    from scratchgan.theory import Density, Estimate

__all__ = ["RelativisticPairing"]


@dataclass(frozen=True)
class RelativisticPairing(Game):
    """
    D ascends V = E log σ(D(x) − D(y)), and G descends −E log σ(D(y) − D(x)); x ∼ p, y ∼ q.

    The i-th example of a minibatch is compared with its i-th sample (Jolicoeur-Martineau 2018,
    arXiv 1807.00734, RSGAN; RpGAN in Huang et al. 2024, arXiv 2501.05441, with R1 + R2).

    D tells the pair (x, y) from the swapped pair (y, x): σ(D(x) − D(y)) is a classifier of the
    densities p⊗q and q⊗p, whose log-ratio r(x) − r(y) has just this form, r = log p/q. So D* is
    r and any constant, and V* = JSD(p⊗q‖q⊗p) − log 2. Against D*, G's gradient is that of
    KL(M‖p⊗p), where M = (p⊗q + q⊗p)/2: of pairs with one sample, as ``NonSaturating`` descends
    2 KL(m‖p).

    Examples
    --------
    >>> import numpy as np
    >>> real, fake = np.array([[0.3], [2.0]]), np.array([[-1.0], [0.5]])
    >>> value, d_real, d_fake = RelativisticPairing().d(real, fake)
    >>> bool(np.allclose(value, -np.log(1 + np.exp(fake - real)).mean()))
    True
    >>> bool((d_real == -d_fake).all())
    True
    """

    name = "relativistic_pairing"
    optimum = Optimum(-math.log(2), None, "−log 2")
    divergence = "KL(M‖p⊗p), M = (p⊗q + q⊗p)/2"
    unit = "nats"
    needs_real = True

    def d(self, real: Array, fake: Array, ops: Backend | None = None) -> tuple[Array, Array, Array]:
        """Return V and its gradients by the scores."""
        ops = ops or default_backend()
        value, slope = mean_log_sigmoid(minus(real, fake, ops), +1.0, ops)
        return value, slope, ops.scale(slope, -1.0)

    def g(
        self, fake: Array, real: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return −mean log σ(D(G(z)) − D(x)) and its gradients by both scores."""
        ops = ops or default_backend()
        value, slope = mean_log_sigmoid(minus(fake, real, ops), +1.0, ops)
        return ops.scale(value, -1.0), ops.scale(slope, -1.0), slope

    def exact_value(self, D: Output, p_data: Density, p_g: Density) -> Estimate | None:
        """Return V(G, D) in nats, for densities on the line."""
        from scratchgan.theory import paired_value

        return paired_value(D, p_data, p_g) if p_data.dim == 1 else None

    def optimal_d(self, p_data: Density, p_g: Density) -> Output:
        """Return log p_data − log p_g; with any constant added it is optimal too."""
        from scratchgan.theory import optimal_logit

        return optimal_logit(p_data, p_g)
