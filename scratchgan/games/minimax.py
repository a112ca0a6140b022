"""The minimax game of Goodfellow et al. 2014."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scratchgan.backends import Array, Backend, default_backend
from scratchgan.fields import Flag, Number, fill_docstring, setting, settings_in
from scratchgan.games.game import PROBABILITY, Game, Optimum
from scratchgan.games.terms import Term, add, loss, mean_log_sigmoid, scale, value

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

    With label smoothing, D is told that an example is real with probability a = 1 − s/2 and, if
    the smoothing is two-sided, that a sample is real with probability b = s/2: its terms become
    a log D + (1 − a) log(1 − D) and so on, and D* = (a p + b q)/(p + q) (Salimans et al. 2016,
    arXiv 1606.03498, §3.4, who recommend one side; s is TF-GAN's, whose default is 0.25). G's
    loss is the same. A D that is never sure keeps its logits small.

    Parameters
    ----------
    {settings}

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

    smoothing: float = setting(
        Number(0, 1), 0.0, help="label smoothing s: the target of real examples is 1 − s/2"
    )
    two_sided: bool = setting(
        Flag(), False, help="whether generated examples get the target s/2 instead of 0"
    )

    name = "minimax"
    outputs = ("logit",)
    reading = PROBABILITY
    unit = "nats"

    @property
    def targets(self) -> tuple[float, float]:
        """The probabilities of being real that D is told of real and of generated examples."""
        s = self.smoothing / 2
        return 1 - s, s if self.two_sided else 0.0

    @property
    def optimum(self) -> Optimum:  # type: ignore[override]
        if not self.smoothing:
            return Optimum(-math.log(4), 0.5, "−log 4", "½")
        middle = sum(self.targets) / 2  # D*, where p = q
        log_d, log_not_d = math.log(middle), math.log(1 - middle)
        return Optimum(sum(t * log_d + (1 - t) * log_not_d for t in self.targets), middle)

    @property
    def divergence(self) -> str | None:  # type: ignore[override]
        return None if self.smoothing else "2 JSD(p‖q) − log 4"

    def d(self, real: Array, fake: Array, ops: Backend | None = None) -> tuple[Array, Array, Array]:
        """Return V and its gradients by the logits."""
        ops = ops or default_backend()
        on_real, on_fake = (
            _log_likelihood(logits, target, ops)
            for logits, target in zip((real, fake), self.targets, strict=True)
        )
        return value(on_real, on_fake, ops)

    def g(
        self, fake: Array, real: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return (1/m) Σ log(1 − D(G(z))) and its gradient, which vanishes as D(G(z)) → 0."""
        ops = ops or default_backend()
        return loss(mean_log_sigmoid(fake, -1.0, ops))

    def exact_value(self, D: Output, p_data: Density, p_g: Density) -> Estimate:
        """Return V(G, D) in nats, for a D that gives logits."""
        from scratchgan.theory import expected_value
        from scratchgan.theory.densities import Points

        def told(target: float, logits: Points) -> Points:
            with np.errstate(invalid="ignore"):
                on_real, on_fake = (-np.logaddexp(0.0, sign * logits) for sign in (-1, 1))
            terms = zip((target, 1 - target), (on_real, on_fake), strict=True)
            return np.asarray(sum(share * term for share, term in terms if share))

        a, b = self.targets
        return expected_value(D, p_data, p_g, lambda v: told(a, v), lambda v: told(b, v))

    def optimal_d(self, p_data: Density, p_g: Density) -> Output:
        """Return the logit of D*: log p_data − log p_g, if there is no smoothing."""
        from scratchgan.theory import optimal_logit

        return optimal_logit(p_data, p_g, self.targets)


fill_docstring(Minimax, settings_in(Minimax).values())


def _log_likelihood(logits: Array, target: float, ops: Backend) -> Term:
    """Return the mean of target · log D + (1 − target) · log(1 − D)."""
    if target in (0.0, 1.0):
        return mean_log_sigmoid(logits, +1.0 if target else -1.0, ops)
    return add(
        scale(mean_log_sigmoid(logits, +1.0, ops), target, ops),
        scale(mean_log_sigmoid(logits, -1.0, ops), 1 - target, ops),
        ops,
    )
