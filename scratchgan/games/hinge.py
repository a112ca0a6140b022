"""The hinge game (Lim & Ye 2017; Tran et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scratchgan.backends import Array, Backend, default_backend
from scratchgan.games.game import Game, Optimum
from scratchgan.games.terms import loss, mean, mean_relu, minus, scale, shift

if TYPE_CHECKING:
    from scratchgan.games.game import Output
    from scratchgan.theory import Density, Estimate

__all__ = ["Hinge"]


@dataclass(frozen=True)
class Hinge(Game):
    """
    D ascends V = −E_p[max(0, 1 − D)] − E_q[max(0, 1 + D)], and G descends −E_q[D].

    (Lim & Ye 2017, arXiv 1705.02894; Tran et al. 2017, arXiv 1702.08896; used by Miyato et al.
    2018, arXiv 1802.05957, with spectral normalisation.)

    The optimal D is D* = sign(p − q), and V* = −2 (1 − TV(p, q)), with the total variation TV.
    Where p = q, every D* in [−1, 1] is optimal. Against D*, G's loss is −E_q[D*], and its
    gradient is that of 2 TV(p, q), because E_p[D*] − E_q[D*] = 2 TV.

    Examples
    --------
    >>> import numpy as np
    >>> value, d_real, d_fake = Hinge().d(np.array([[0.5], [2.0]]), np.array([[-0.5], [1.0]]))
    >>> value.tolist(), d_real.tolist(), d_fake.tolist()
    ([-1.5], [[0.5], [0.0]], [[-0.5], [-0.5]])
    """

    name = "hinge"
    optimum = Optimum(-2.0)  # every D in [−1, 1] is optimal
    divergence = "2 TV(p, q)"

    def d(self, real: Array, fake: Array, ops: Backend | None = None) -> tuple[Array, Array, Array]:
        """Return V and its gradients by the scores."""
        ops = ops or default_backend()
        on_real = mean_relu(shift(ops.scale(real, -1.0), 1.0, ops), ops)  # its slope is by −real
        on_fake = mean_relu(shift(fake, 1.0, ops), ops)
        v = minus(ops.scale(on_real.value, -1.0), on_fake.value, ops)
        return v, on_real.slope, ops.scale(on_fake.slope, -1.0)

    def g(
        self, fake: Array, real: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return −mean D(G(z)) and its gradient."""
        ops = ops or default_backend()
        return loss(scale(mean(fake, ops), -1.0, ops))

    def exact_value(self, D: Output, p_data: Density, p_g: Density) -> Estimate:
        """Return V(G, D)."""
        from scratchgan.theory import expected_value

        return expected_value(
            D, p_data, p_g, lambda v: -np.maximum(0, 1 - v), lambda v: -np.maximum(0, 1 + v)
        )

    def optimal_d(self, p_data: Density, p_g: Density) -> Output:
        """Return D* = sign(p − q)."""
        from scratchgan.theory import hinge_score

        return hinge_score(p_data, p_g)
