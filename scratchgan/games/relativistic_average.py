"""The relativistic average game: each score is compared with the other side's mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scratchgan.backends import Array, Backend, default_backend
from scratchgan.games.game import Game, Optimum
from scratchgan.games.terms import mean_log_sigmoid

if TYPE_CHECKING:
    from scratchgan.games.game import Output
    from scratchgan.theory import Density, Estimate

__all__ = ["RelativisticAverage"]


@dataclass(frozen=True)
class RelativisticAverage(Game):
    """
    D ascends V = E_p log σ(D − E_q[D]) + E_q log σ(E_p[D] − D); G descends it with p and q swapped.

    G's loss is −E_p log σ(E_q[D] − D) − E_q log σ(D − E_p[D]) (Jolicoeur-Martineau 2018, arXiv
    1807.00734, RaSGAN). Both means and both sums depend on the real and on the fake scores, so a
    score has two gradients: its own, and a part of its side's mean.

    D* is not log p/q: with A = E_p[σ(E_q[D] − D)] and B = E_q[σ(D − E_p[D])], it solves
    p (σ(E_q[D] − D) + B) = q (σ(D − E_p[D]) + A) at each x, which has a solution only where
    B/(1 + A) < q/p < (1 + B)/A. Elsewhere D* is ±∞. No divergence is known that G descends.

    Examples
    --------
    >>> import numpy as np
    >>> real, fake = np.array([[0.3], [2.0]]), np.array([[-1.0], [0.5]])
    >>> value, d_real, d_fake = RelativisticAverage().d(real, fake)
    >>> log_sigmoid = lambda l: -np.log(1 + np.exp(-l))
    >>> on_real, on_fake = log_sigmoid(real - fake.mean()), log_sigmoid(real.mean() - fake)
    >>> bool(np.allclose(value, on_real.mean() + on_fake.mean()))
    True
    >>> float(abs(d_real.sum() + d_fake.sum())) < 1e-15  # a constant added to D changes nothing
    True
    """

    name = "relativistic_average"
    optimum = Optimum(-math.log(4), None, "−log 4")
    unit = "nats"
    needs_real = True

    def d(self, real: Array, fake: Array, ops: Backend | None = None) -> tuple[Array, Array, Array]:
        """Return V and its gradients by the scores."""
        ops = ops or default_backend()
        return _compared(real, fake, ops)

    def g(
        self, fake: Array, real: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return G's loss, −V with real and fake swapped, and its gradients by both scores."""
        ops = ops or default_backend()
        value, d_fake, d_real = (ops.scale(a, -1.0) for a in _compared(fake, real, ops))
        return value, d_fake, d_real

    def exact_value(self, D: Output, p_data: Density, p_g: Density) -> Estimate:
        """Return V(G, D) in nats."""
        from scratchgan.theory import averaged_value

        return averaged_value(D, p_data, p_g)


def _compared(high: Array, low: Array, ops: Backend) -> tuple[Array, Array, Array]:
    """Return mean log σ(high − mean low) + mean log σ(mean high − low), and both gradients."""
    batch = high.shape[0]
    mean_high, mean_low = (ops.scale(ops.sum_rows(a), 1 / batch) for a in (high, low))
    above = mean_log_sigmoid(ops.add_row(high, ops.scale(mean_low, -1.0)), +1.0, ops)
    below = mean_log_sigmoid(ops.add_row(low, ops.scale(mean_high, -1.0)), -1.0, ops)

    def gradient(own: Array, others: Array) -> Array:
        through_the_mean = ops.scale(ops.sum_rows(others), -1 / batch)  # the same for each score
        return ops.add_row(own, through_the_mean)

    value = ops.add(above.value, below.value)
    return value, gradient(above.slope, below.slope), gradient(below.slope, above.slope)
