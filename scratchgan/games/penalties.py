"""
Penalties on the gradient of D by its input, g = ∇ₓD(x). D ascends V − Σ P.

How the gradient of P by D's parameters is computed is written in ``scratchgan.nn.second_order``.
Only D's first output is penalised. In a conditional game, x moves, and its label does not.

To write your own penalty, say at which examples it looks, and return P and ∂P/∂g:

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class SumOfSquares(Penalty):
...     weight: float = setting(STRENGTH, 1.0)
...     name = "sum of squares"
...     at = REAL
...     strength = property(lambda self: self.weight)
...
...     def value_and_slope(self, g, strength, ops):
...         value = ops.sum_rows(ops.dot_rows(g, g))
...         return ops.scale_scheduled(value, strength), ops.scale_scheduled(g, 2 * strength)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from scratchgan.backends import Array, Backend, Stream
from scratchgan.fields import Checked, Flag, Number, Part, Parts, Whole, setting
from scratchgan.optim import LARGEST, Current, Schedule, Scheduled

__all__ = [
    "DRAGAN", "FAKE", "OWN", "PENALTIES", "PENALTY_LIST", "R1", "R2", "REAL", "STRENGTH",
    "Penalty", "WassersteinGP",
]  # fmt: skip

REAL, FAKE, OWN = "the real batch", "the generated batch", "points of its own"
STRENGTH = Scheduled(0, LARGEST)
"""The kind of a penalty's strength: a number or a schedule of D's updates."""


@dataclass(frozen=True)
class Penalty(Checked, ABC):
    """
    A penalty on D's gradient by its input.

    Parameters
    ----------
    every : int
        With n > 1, the penalty acts only in each n-th update of D, n times as strong (lazy
        regularisation: Karras et al. 2020, arXiv 1912.04958, Appendix B).

    Attributes
    ----------
    name : str
        The penalty's name in settings, records and messages.
    at : str
        Where it looks: ``REAL`` or ``FAKE``, which costs no extra forward pass of D, or ``OWN``:
        at the result of ``points``.
    """

    _: KW_ONLY
    every: int = setting(Whole(1), 1, help="act in each n-th update of D, n times as strong")
    name: ClassVar[str]
    at: ClassVar[str]

    @property
    @abstractmethod
    def strength(self) -> Schedule:
        """The factor of the penalty: a number, or a schedule of D's updates."""

    def strength_at(self, t: int) -> Current | None:
        """Return the strength in D's update ``t``, times ``every``; None if it does not act."""
        return None if t % self.every else Current(self.strength, t, "D", self.every)

    @abstractmethod
    def value_and_slope(self, g: Array, strength: float, ops: Backend) -> tuple[Array, Array]:
        """
        Return P, of shape (1,), and ∂P/∂g, of the shape of ``g``.

        Parameters
        ----------
        g : Array (batch, features)
            ∇ₓD of each example.
        strength : float
            A factor of P and ∂P/∂g, for ``ops.scale_scheduled``: it changes from update to update.
            It may be multiplied by constants.
        ops : Backend
        """

    def points(self, real: Array, fake: Array, stream: Stream, ops: Backend) -> Array:
        """Return the examples (batch, features) where a penalty with ``at = OWN`` looks."""
        raise NotImplementedError


class _ZeroCentred(Penalty):
    """P = (γ/2) · (1/m) Σ ‖g‖²."""

    gamma: Schedule

    @property
    def strength(self) -> Schedule:
        return self.gamma

    def value_and_slope(self, g: Array, strength: float, ops: Backend) -> tuple[Array, Array]:
        """Return P = (γ/2) · (1/m) Σ ‖g‖² and ∂P/∂g = (γ/m) g."""
        each = strength * (1 / g.shape[0])
        squares = ops.sum_rows(ops.dot_rows(g, g))
        return ops.scale_scheduled(squares, 0.5 * each), ops.scale_scheduled(g, each)


@dataclass(frozen=True)
class R1(_ZeroCentred):
    """
    P = (γ/2) · (1/m) Σ ‖∇ₓD(x)‖² at real examples (Mescheder et al. 2018, arXiv 1801.04406, eq. 9).

    Parameters
    ----------
    gamma : float or schedule
        γ ≥ 0. The paper used 10 for images.
    every : int

    Examples
    --------
    >>> import numpy as np
    >>> from scratchgan.backends import get_backend
    >>> g = np.array([[3.0, 4.0], [0.0, 1.0]])
    >>> value, slope = R1(gamma=10).value_and_slope(g, 10.0, get_backend("reference"))
    >>> value, np.array_equal(slope, 10 / 2 * g)
    (array([65.]), True)
    """

    gamma: Schedule = setting(STRENGTH, 10.0, help="γ of (γ/2) · mean ‖∇ₓD(x)‖²")
    name: ClassVar[str] = "r1"
    at: ClassVar[str] = REAL


@dataclass(frozen=True)
class R2(_ZeroCentred):
    """
    P = (γ/2) · (1/m) Σ ‖∇ₓD(x)‖² at generated examples (Mescheder et al. 2018, eq. 10).

    Parameters
    ----------
    gamma : float or schedule
        γ ≥ 0.
    every : int
    """

    gamma: Schedule = setting(STRENGTH, 10.0, help="γ of (γ/2) · mean ‖∇ₓD(G(z))‖²")
    name: ClassVar[str] = "r2"
    at: ClassVar[str] = FAKE


class _TowardsTarget(Penalty):
    """P = λ · (1/m) Σ (n/target − 1)², n = ‖g‖."""

    weight: Schedule

    @property
    def strength(self) -> Schedule:
        return self.weight

    def _towards(
        self, g: Array, strength: float, ops: Backend, target: float, one_sided: bool, eps: float
    ) -> tuple[Array, Array]:
        value, factors = ops.norm_penalty(ops.dot_rows(g, g), target, one_sided, eps)
        slope = ops.scale_rows(g, ops.scale_scheduled(factors, strength))
        return ops.scale_scheduled(value, strength), slope


@dataclass(frozen=True)
class WassersteinGP(_TowardsTarget):
    """
    P = λ · (1/m) Σ (n/target − 1)² between real and generated examples; n = √(‖∇ₓD(x̂)‖² + eps).

    x̂ = x + α (G(z) − x), with one α ~ U(0, 1) for each pair (Gulrajani et al. 2017, arXiv
    1704.00028, eq. 3). In a conditional game, x̂ has the label of x.

    Parameters
    ----------
    weight : float or schedule
        λ ≥ 0. The paper used 10.
    target : float
        The norm at which P is 0. TF-GAN divides by it, as here, so that λ keeps its meaning.
    one_sided : bool
        With True, only norms above ``target`` are penalised: max(0, n/target − 1)².
    eps : float
        Added to the square under the root. TF-GAN adds 1e-10, the paper's code nothing. Without
        it, ∂P/∂g is 0 where g = 0.
    every : int
    """

    weight: Schedule = setting(STRENGTH, 10.0, help="λ of λ · mean (‖∇ₓD(x̂)‖/target − 1)²")
    target: float = setting(Number(0, LARGEST, above=True), 1.0, help="norm at which P is 0")
    one_sided: bool = setting(Flag(), False, help="penalise only larger norms")
    eps: float = setting(Number(0, 1), 0.0, help="added to the square under the root")
    name: ClassVar[str] = "wasserstein_gp"
    at: ClassVar[str] = OWN

    def value_and_slope(self, g: Array, strength: float, ops: Backend) -> tuple[Array, Array]:
        return self._towards(g, strength, ops, self.target, self.one_sided, self.eps)

    def points(self, real: Array, fake: Array, stream: Stream, ops: Backend) -> Array:
        alpha = ops.uniform((real.shape[0], 1), stream, 0.0, 1.0, real.dtype)
        return ops.add(real, ops.scale_rows(ops.add(fake, ops.scale(real, -1.0)), alpha))


@dataclass(frozen=True)
class DRAGAN(_TowardsTarget):
    """
    P = λ · (1/m) Σ (‖∇ₓD(x̂)‖/target − 1)² around the real examples (Kodali et al. 2017).

    The paper (arXiv 1705.07215) writes x̂ = x + δ with noise δ. The authors' code makes it so:
    x̂ = x + α · 0.5 · std(x) · u. u ~ U(0, 1) is drawn for each feature of each example and α ~
    U(0, 1) for each example, and std(x) is one number: that of all features of the minibatch
    together. So the noise is never negative.

    Parameters
    ----------
    weight : float or schedule
        λ ≥ 0. The paper used 10.
    target : float
        The paper's k: the norm at which P is 0.
    spread : float
        The factor of std(x), 0.5 in the authors' code.
    every : int
    """

    weight: Schedule = setting(STRENGTH, 10.0, help="λ of λ · mean (‖∇ₓD(x̂)‖/target − 1)²")
    target: float = setting(Number(0, LARGEST, above=True), 1.0, help="norm at which P is 0")
    spread: float = setting(Number(0, LARGEST), 0.5, help="size of the noise, in std(x)")
    name: ClassVar[str] = "dragan"
    at: ClassVar[str] = OWN

    def value_and_slope(self, g: Array, strength: float, ops: Backend) -> tuple[Array, Array]:
        return self._towards(g, strength, ops, self.target, False, 0.0)

    def points(self, real: Array, fake: Array, stream: Stream, ops: Backend) -> Array:
        u = ops.uniform(real.shape, stream, 0.0, self.spread, real.dtype)
        alpha = ops.uniform((real.shape[0], 1), stream.at(1), 0.0, 1.0, real.dtype)
        factors = ops.gemm(alpha, ops.standard_deviation(real))  # α · std(x), (batch, 1)
        return ops.add(real, ops.scale_rows(u, factors))


PENALTIES: dict[str, type[Penalty]] = {p.name: p for p in (R1, R2, WassersteinGP, DRAGAN)}
"""The penalties by name."""

PENALTY_LIST = Parts(
    Part(Penalty, "a penalty, such as R1(0.1), its name or a table", tuple(PENALTIES.values()))
)
"""The kind of a setting that is a list of penalties; in JSON and TOML, a list of tables."""
