"""The least-squares game of Mao et al. 2017."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scratchgan.backends import Array, Backend, default_backend
from scratchgan.fields import Number, fill_docstring, setting, settings_in
from scratchgan.games.game import Game, Optimum
from scratchgan.games.terms import loss, mean_square, scale, shift, value

if TYPE_CHECKING:
    from scratchgan.games.game import Output
    from scratchgan.theory import Density, Estimate

__all__ = ["LeastSquares"]

TARGET = Number(-1e6, 1e6)


@dataclass(frozen=True)
class LeastSquares(Game):
    """
    D's score goes to ``real`` on examples and to ``fake`` on samples; G wants ``goal``.

    D ascends V = −½ E_p[(D − real)²] − ½ E_q[(D − fake)²], and G descends ½ E_q[(D − goal)²]
    (Mao et al. 2017, arXiv 1611.04076, eq. 2; the ½ are those of the paper and of TF-GAN).

    With targets b = real, a = fake and c = goal, the optimal D is D* = (b p + a q)/(p + q), a
    probability for the default targets, and V* = −½ (b − a)² ∫ pq/(p + q).

    With D* held fixed, as in each step of G, G's gradient is that of

    (c − a)(b − a) KL(p‖m) − ⅛ (b − a)² ∫ (p − q)²/(p + q),

    which is KL(p‖m) − ⅛ ∫ (p − q)²/(p + q) for the default targets. It is a divergence for c ≥ b
    alone. The paper's Theorem 1 has another result, the χ² divergence ∫ (p − q)²/(p + q) for
    b − c = 1 and b − a = 2. It differentiates D* as well, and adds a term of the real examples
    to G's loss. G's gradient knows neither. For the paper's targets a = −1, b = 1, c = 0, it
    is no divergence's: it vanishes to second order at q = p, and q < p is not corrected.

    Parameters
    ----------
    {settings}

    Examples
    --------
    >>> import numpy as np
    >>> real, fake = np.array([[0.5], [2.0]]), np.array([[-1.0], [1.0]])
    >>> LeastSquares().d(real, fake)[0].tolist()
    [-0.8125]
    >>> LeastSquares().g(fake)[:2]
    (array([1.]), array([[-1.],
           [ 0.]]))
    """

    real: float = setting(TARGET, 1.0, help="what D's score goes to on real examples")
    fake: float = setting(TARGET, 0.0, help="what D's score goes to on generated examples")
    goal: float = setting(TARGET, 1.0, help="what G wants D's score of its samples to be")

    name = "least_squares"

    def _check_together(self) -> None:
        if self.real == self.fake:
            raise ValueError(f"LeastSquares: real and fake are {self.real}; expected two targets")

    @property
    def optimum(self) -> Optimum:  # type: ignore[override]
        middle, apart = (self.real + self.fake) / 2, self.real - self.fake
        plain = (self.fake, self.real) == (0.0, 1.0)
        return Optimum(-(apart**2) / 4, middle, *(("−¼", "½") if plain else ("", "")))

    @property
    def divergence(self) -> str | None:  # type: ignore[override]
        if self != LeastSquares():
            return None
        return "KL(p‖m) − ⅛ ∫ (p − q)²/(p + q)"

    def d(self, real: Array, fake: Array, ops: Backend | None = None) -> tuple[Array, Array, Array]:
        """Return V and its gradients by the scores."""
        ops = ops or default_backend()
        on_real = mean_square(shift(real, -self.real, ops), ops)
        on_fake = mean_square(shift(fake, -self.fake, ops), ops)
        return value(scale(on_real, -1.0, ops), scale(on_fake, -1.0, ops), ops)

    def g(
        self, fake: Array, real: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return ½ mean (D(G(z)) − goal)² and its gradient."""
        ops = ops or default_backend()
        return loss(mean_square(shift(fake, -self.goal, ops), ops))

    def exact_value(self, D: Output, p_data: Density, p_g: Density) -> Estimate:
        """Return V(G, D)."""
        from scratchgan.theory import expected_value

        return expected_value(
            D,
            p_data,
            p_g,
            lambda v: -((v - self.real) ** 2) / 2,
            lambda v: -((v - self.fake) ** 2) / 2,
        )

    def optimal_d(self, p_data: Density, p_g: Density) -> Output:
        """Return D* = (real p + fake q)/(p + q)."""
        from scratchgan.theory import least_squares_score

        return least_squares_score(p_data, p_g, self.real, self.fake)


fill_docstring(LeastSquares, settings_in(LeastSquares).values())
