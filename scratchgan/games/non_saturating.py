"""The game that the 2014 paper recommends: G's gradient does not vanish when D is confident."""

from __future__ import annotations

from dataclasses import dataclass

from scratchgan.backends import Array, Backend, default_backend
from scratchgan.fields import fill_docstring, settings_in
from scratchgan.games.minimax import Minimax
from scratchgan.games.terms import loss, mean_log_sigmoid, scale

__all__ = ["NonSaturating"]


@dataclass(frozen=True)
class NonSaturating(Minimax):
    """
    G descends −(1/m) Σ log D(G(z)), as the 2014 paper recommends. D plays as in ``Minimax``.

    TF-GAN calls this pair of losses "modified".

    The fixed point is that of ``Minimax``. But as D(G(z)) → 0, the gradient by the logit tends to
    −1/m instead of 0. With D*, G's gradient is that of KL(q‖p) − 2 JSD(p‖q) = 2 KL(m‖p)
    (Arjovsky & Bottou 2017, arXiv 1701.04862, Theorem 2.5). One-sided smoothing multiplies D* by
    a constant, so it changes −log D* by a constant and this gradient not at all.

    Parameters
    ----------
    {settings}

    Examples
    --------
    >>> import numpy as np
    >>> fake = np.array([[-1.0], [0.5]])
    >>> D = lambda l: 1 / (1 + np.exp(-l))
    >>> value, d_fake, _ = NonSaturating().g(fake)
    >>> bool(np.allclose(value, -np.log(D(fake)).mean()) and np.allclose(d_fake, (D(fake) - 1) / 2))
    True
    """

    name = "non_saturating"

    @property
    def divergence(self) -> str | None:  # type: ignore[override]
        return None if self.smoothing and self.two_sided else "2 KL(m‖p)"

    def g(
        self, fake: Array, real: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return −(1/m) Σ log D(G(z)) and its gradient."""
        ops = ops or default_backend()
        return loss(scale(mean_log_sigmoid(fake, +1.0, ops), -1.0, ops))


fill_docstring(NonSaturating, settings_in(NonSaturating).values())
