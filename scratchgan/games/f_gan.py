"""
f-GANs: D finds a divergence D_f(p‖q) by its variational formula (Nowozin et al. 2016).

For a convex f with f(1) = 0, D_f(p‖q) = E_q[f(p/q)] is the maximum over functions T of
E_p[T] − E_q[f*(T)], where f* is the conjugate of f. T must lie in the domain of f*, so T = g(v),
where v is D's output and g the output activation (arXiv 1606.00709, Tables 1, 2 and 6).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from scratchgan.backends import Array, Backend, default_backend
from scratchgan.fields import Flag, fill_docstring, setting, settings_in
from scratchgan.games.game import PROBABILITY, Game, Optimum
from scratchgan.games.terms import (
    Term,
    add,
    loss,
    mean,
    mean_exp,
    mean_log_sigmoid,
    mean_square,
    plus,
    scale,
    value,
)

if TYPE_CHECKING:
    from scratchgan.games.game import Output
    from scratchgan.theory import Density, Estimate

__all__ = [
    "FGAN", "FKL", "FJensenShannon", "FMinimax", "FPearson", "FReverseKL", "FSquaredHellinger",
]  # fmt: skip

Sum: TypeAlias = Mapping[str, float]
"""A function of v as a sum: a factor for each function of ``FUNCTIONS``, and for "1"."""

FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Array, Backend], Term]]] = {
    "v": (lambda v: v, mean),
    "v²/2": (lambda v: v * v / 2, mean_square),
    "e^v": (np.exp, lambda v, ops: mean_exp(v, +1.0, ops)),
    "e^−v": (lambda v: np.exp(-v), lambda v, ops: mean_exp(v, -1.0, ops)),
    "log σ(v)": (lambda v: -np.logaddexp(0, -v), lambda v, ops: mean_log_sigmoid(v, +1.0, ops)),
    "log σ(−v)": (lambda v: -np.logaddexp(0, v), lambda v, ops: mean_log_sigmoid(v, -1.0, ops)),
}
"""Functions of v: over points, and as a mean over a minibatch."""


class Variational(NamedTuple):
    """The two functions of v whose means V consists of: V = E_p[g(v)] − E_q[f*(g(v))]."""

    g: Sum
    conjugate: Sum  # f*(g(v))


TABLE: dict[str, Variational] = {
    "kl": Variational(g={"v": 1}, conjugate={"e^v": 1 / math.e}),
    "reverse_kl": Variational(g={"e^−v": -1}, conjugate={"v": 1, "1": -1}),
    "pearson": Variational(g={"v": 1}, conjugate={"v²/2": 1 / 2, "v": 1}),
    "squared_hellinger": Variational(g={"1": 1, "e^−v": -1}, conjugate={"e^v": 1, "1": -1}),
    "jensen_shannon": Variational(
        g={"1": math.log(2), "log σ(v)": 1}, conjugate={"1": -math.log(2), "log σ(−v)": -1}
    ),
    "gan": Variational(g={"log σ(v)": 1}, conjugate={"log σ(−v)": -1}),
}
"""g(v) and f*(g(v)) for each f; f itself and D* are in ``theory.f_divergences``."""


def at(terms: Sum, v: Any) -> Any:
    """Return the value of a sum at points v (n,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return sum(
            factor * (FUNCTIONS[of][0](v) if of != "1" else 1) for of, factor in terms.items()
        )


def mean_of(terms: Sum, v: Array, ops: Backend) -> Term:
    """Return the mean of a sum over D's outputs v (batch, 1), with its gradient."""
    parts = [
        scale(FUNCTIONS[of][1](v, ops), factor, ops) if factor != 1 else FUNCTIONS[of][1](v, ops)
        for of, factor in terms.items()
        if of != "1"
    ]
    total = functools.reduce(lambda one, other: add(one, other, ops), parts)
    return plus(total, terms["1"], ops) if "1" in terms else total


def negative(terms: Sum) -> Sum:
    """Return the sum with the opposite sign."""
    return {of: -factor for of, factor in terms.items()}


@dataclass(frozen=True)
class FGAN(Game):
    """The base of f-GANs. A subclass says which row of ``TABLE`` it plays."""

    saturating: bool = setting(
        Flag(), True,
        help="whether G descends V, or −E_q[g(v)] (Nowozin et al. 2016, §3.2)",
    )  # fmt: skip

    f: ClassVar[str]  # key of ``TABLE`` and of ``theory.F_DIVERGENCES``

    @property
    def optimum(self) -> Optimum:  # type: ignore[override]
        from scratchgan.theory import F_DIVERGENCES

        row, v = TABLE[self.f], F_DIVERGENCES[self.f].score(np.zeros(1))
        reading = 1 / (1 + math.exp(-v[0])) if self.reading is PROBABILITY else v[0]
        return Optimum(float((at(row.g, v) - at(row.conjugate, v))[0]), float(reading))

    @property
    def divergence(self) -> str:  # type: ignore[override]
        from scratchgan.theory import F_DIVERGENCES

        row = F_DIVERGENCES[self.f]
        return row.name if self.saturating else row.non_saturating_name

    def d(self, real: Array, fake: Array, ops: Backend | None = None) -> tuple[Array, Array, Array]:
        """Return V and its gradients by D's outputs."""
        ops, row = ops or default_backend(), TABLE[self.f]
        return value(mean_of(row.g, real, ops), mean_of(negative(row.conjugate), fake, ops), ops)

    def g(
        self, fake: Array, real: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return −mean f*(g(v)), the part of V that depends on G, or −mean g(v); its gradient."""
        ops, row = ops or default_backend(), TABLE[self.f]
        return loss(mean_of(negative(row.conjugate if self.saturating else row.g), fake, ops))

    def exact_value(self, D: Output, p_data: Density, p_g: Density) -> Estimate:
        """Return V(G, D), which is D_f(p‖q) for D*."""
        from scratchgan.theory import expected_value

        row = TABLE[self.f]
        return expected_value(
            D, p_data, p_g, lambda v: at(row.g, v), lambda v: -at(row.conjugate, v)
        )

    def best_value(self, p_data: Density, p_g: Density) -> Estimate:
        """Return D_f(p‖q)."""
        from scratchgan.theory import F_DIVERGENCES

        return F_DIVERGENCES[self.f].divergence(p_data, p_g)

    def optimal_d(self, p_data: Density, p_g: Density) -> Output:
        """Return D*, the v with g(v) = f′(p/q)."""
        from scratchgan.theory import F_DIVERGENCES, score_of_ratio

        return score_of_ratio(p_data, p_g, F_DIVERGENCES[self.f].score)


@dataclass(frozen=True)
class FKL(FGAN):
    """
    D ascends V = E_p[v] − E_q[e^(v − 1)]; D* = 1 + log p/q, and G descends KL(p‖q).

    (Nowozin et al. 2016, arXiv 1606.00709: f(u) = u log u.) Not saturating, G descends −E_q[v],
    which is KL(q‖p).

    Parameters
    ----------
    {settings}
    """

    name = "f_kl"
    f = "kl"


@dataclass(frozen=True)
class FReverseKL(FGAN):
    """
    D ascends V = −E_p[e^(−v)] − E_q[v − 1]; D* = log p/q, and G descends KL(q‖p).

    (Nowozin et al. 2016, arXiv 1606.00709: f(u) = −log u.) Not saturating, G descends E_q[e^(−v)],
    which is ½ χ²(q‖p).

    Parameters
    ----------
    {settings}
    """

    name = "f_reverse_kl"
    f = "reverse_kl"


@dataclass(frozen=True)
class FPearson(FGAN):
    """
    D ascends V = E_p[v] − E_q[v²/4 + v]; D* = 2 (p/q − 1), and G descends χ²(p‖q).

    (Nowozin et al. 2016, arXiv 1606.00709: f(u) = (u − 1)².) Not saturating, G descends −E_q[v],
    which is 2 KL(p‖q).

    Parameters
    ----------
    {settings}
    """

    name = "f_pearson"
    f = "pearson"


@dataclass(frozen=True)
class FSquaredHellinger(FGAN):
    """
    D ascends V = E_p[1 − e^(−v)] − E_q[e^v − 1]; D* = ½ log p/q, and G descends ∫ (√p − √q)².

    (Nowozin et al. 2016, arXiv 1606.00709: f(u) = (√u − 1)².) Not saturating, G descends
    −E_q[1 − e^(−v)], which is ∫ p h(q/p) with h(u) = ⅔ u^(3/2) − u + ⅓.

    Parameters
    ----------
    {settings}
    """

    name = "f_squared_hellinger"
    f = "squared_hellinger"


@dataclass(frozen=True)
class FJensenShannon(FGAN):
    """
    D ascends V = E_p[log 2 + log σ(v)] + E_q[log 2 + log σ(−v)]; G descends 2 JSD(p‖q).

    D* = log p/q (Nowozin et al. 2016, arXiv 1606.00709: f(u) = u log u − (u + 1) log((1 + u)/2)).
    It is ``Minimax`` with log 4 added to V. Not saturating, it is ``NonSaturating``, and G
    descends 2 KL(m‖p).

    Parameters
    ----------
    {settings}
    """

    name = "f_jensen_shannon"
    f = "jensen_shannon"
    outputs = ("logit",)
    reading = PROBABILITY
    unit = "nats"


@dataclass(frozen=True)
class FMinimax(FGAN):
    """
    D ascends V = E_p[log σ(v)] + E_q[log σ(−v)], as in ``Minimax``; D* = log p/q.

    (Nowozin et al. 2016, arXiv 1606.00709, "GAN": f(u) = u log u − (u + 1) log(u + 1).) G descends
    2 JSD(p‖q) − log 4. Not saturating, it is ``NonSaturating``, and G descends 2 KL(m‖p).

    Parameters
    ----------
    {settings}
    """

    name = "f_gan"
    f = "gan"
    outputs = ("logit",)
    reading = PROBABILITY
    unit = "nats"


for _game in (FKL, FReverseKL, FPearson, FSquaredHellinger, FJensenShannon, FMinimax):
    fill_docstring(_game, settings_in(_game).values())
