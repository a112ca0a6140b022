"""
The activations φ: one entry for each; the code of every backend is made from it.

An entry holds φ, φ′ and φ″ twice. The formulas over NumPy arrays are the definition, and
the reference runs them. The scalar formulas are compiled for the CPU and the GPU. Tests compare
the two. All derivatives are functions of y = φ(a), so a layer keeps only y. To add a φ, add an
entry to ``TABLE``; no other file names one.

The NumPy formulas branch only on real parts, so that a complex step passes through them.

The scalar formulas call only ``exp``, ``expm1`` and ``log1p``; each target binds its own. exp
and expm1 take x ≤ 0, log1p takes 0 ≤ x ≤ 1. Constants have the type of the argument,
``type(a)(1)``: in compiled code 1.0 is a float64, and 1.0 − y with a float32 y would be
computed in double precision. Comparisons are written so that NaN stays NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, expm1, inf, log1p
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan.errors import unknown

__all__ = ["ACTIVATIONS", "TABLE", "Formulas", "Phi", "code_of", "phi_of"]


class Formulas(NamedTuple):
    """φ and its derivatives as functions of y = φ(a), for NumPy arrays or for one number."""

    value: Callable[..., Any]  # (a, slope) → φ(a)
    grad: Callable[..., Any]  # (dy, y, slope) → dy · φ′(a)
    bend: Callable[..., Any]  # (dy, y, slope) → dy · dφ′/dy; φ″(a) = dφ′/dy · φ′(a)

    def compiled(self, compile: Callable[[Any], Any], **functions: Any) -> Formulas:
        """Compile the three with a target's ``exp``, ``expm1`` and ``log1p``."""
        return Formulas(*(compile(_bound(formula, functions)) for formula in self))


def _bound(formula: Any, functions: dict[str, Any]) -> FunctionType:
    """Return the same function with other elementary functions among its globals."""
    names = formula.__globals__ | functions
    return FunctionType(formula.__code__, names, formula.__name__, formula.__defaults__)


@dataclass(frozen=True)
class Phi:
    """
    One activation.

    Attributes
    ----------
    name : str
        The name that layers and ``ops.activation`` take.
    formula : callable
        (a, slope) → φ(a) in plain NumPy, for real a that do not overflow.
    numpy, number : Formulas
        For arrays, real or complex; for one number, to be compiled.
    kinks : tuple of float
        The places where φ′ jumps; the φ′ used there is the slope on the left.
    range : (float, float)
        All φ(a) lie between these bounds, for every slope in [0, 1).
    linear : bool
        Whether φ is piecewise linear, with bends only at ``kinks``.
    sloped : bool
        Whether φ depends on ``slope``.
    """

    name: str
    formula: Callable[..., Any]
    numpy: Formulas
    number: Formulas
    kinks: tuple[float, ...] = ()
    range: tuple[float, float] = (-inf, inf)
    linear: bool = False
    sloped: bool = False

    def margin(self, a: NDArray[Any]) -> float:
        """Return the smallest distance of an element of a from a kink; infinity without kinks."""
        return min((float(abs(a - kink).min()) for kink in self.kinks), default=inf)


# -- what formulas share --------------------------------------------------------------------------


def sigmoid(a: NDArray[Any]) -> Any:
    """1 / (1 + e^(−a)), without overflow: the exponent is never positive."""
    positive = a.real >= 0
    e = np.exp(np.where(positive, -a, a))
    return np.where(positive, 1, e) / (1 + e)


def log_sigmoid(a: NDArray[Any]) -> Any:
    """log σ(a) = min(a, 0) − log(1 + e^(−|a|)): finite for every finite a."""
    positive = a.real >= 0
    return np.where(positive, 0, a) - np.log1p(np.exp(np.where(positive, -a, a)))


def _kept(a: NDArray[Any]) -> Any:
    """Whether a > 0 or a is NaN: relu(NaN) is NaN, not 0."""
    return (a.real > 0) | np.isnan(a)


def _sigmoid_of_one(a: Any, slope: Any = 0) -> Any:
    one = type(a)(1)
    e = exp(-abs(a))  # at most 1
    return (e if a < type(a)(0) else one) / (one + e)


def _tanh_of_one(a: Any, slope: Any) -> Any:
    t = expm1(type(a)(-2) * abs(a))  # tanh |a| = (1 − e^(−2|a|)) / (1 + e^(−2|a|))
    y = abs(t) / (type(a)(2) + t)
    return -y if a < type(a)(0) else y


def _softplus_of_one(a: Any, slope: Any) -> Any:
    rest = log1p(exp(-abs(a)))
    return rest if a < type(a)(0) else a + rest


# -- the table ------------------------------------------------------------------------------------

_ENTRIES = (
    Phi(
        "identity",
        formula=lambda a, slope: a.copy(),
        numpy=Formulas(
            value=lambda a, slope: a.copy(),
            grad=lambda dy, y, slope: dy.copy(),
            bend=lambda dy, y, slope: np.zeros_like(dy),
        ),
        number=Formulas(
            value=lambda a, slope: a,
            grad=lambda dy, y, slope: dy,
            bend=lambda dy, y, slope: type(y)(0),
        ),
        linear=True,
    ),
    Phi(
        "relu",
        formula=lambda a, slope: np.maximum(a, 0),
        numpy=Formulas(
            value=lambda a, slope: np.where(_kept(a), a, 0),
            grad=lambda dy, y, slope: np.where(_kept(y), dy, 0),
            bend=lambda dy, y, slope: np.zeros_like(dy),
        ),
        number=Formulas(
            value=lambda a, slope: type(a)(0) if a <= type(a)(0) else a,  # NaN is not ≤ 0
            grad=lambda dy, y, slope: type(y)(0) if y <= type(y)(0) else dy,
            bend=lambda dy, y, slope: type(y)(0),
        ),
        kinks=(0.0,),
        range=(0.0, inf),
        linear=True,
    ),
    Phi(
        "leaky_relu",
        formula=lambda a, slope: np.maximum(a, slope * a),
        numpy=Formulas(
            value=lambda a, slope: np.where(a.real > 0, a, slope * a),
            grad=lambda dy, y, slope: np.where(y.real > 0, dy, slope * dy),
            bend=lambda dy, y, slope: np.zeros_like(dy),
        ),
        number=Formulas(
            value=lambda a, slope: a if a > type(a)(0) else slope * a,
            grad=lambda dy, y, slope: dy if y > type(y)(0) else slope * dy,
            bend=lambda dy, y, slope: type(y)(0),
        ),
        kinks=(0.0,),
        linear=True,
        sloped=True,
    ),
    Phi(
        "sigmoid",  # φ′ = y (1 − y)
        formula=lambda a, slope: 1 / (1 + np.exp(-a)),
        numpy=Formulas(
            value=lambda a, slope: sigmoid(a),
            grad=lambda dy, y, slope: dy * y * (1 - y),
            bend=lambda dy, y, slope: dy * (1 - 2 * y),
        ),
        number=Formulas(
            value=_sigmoid_of_one,
            grad=lambda dy, y, slope: dy * y * (type(y)(1) - y),
            bend=lambda dy, y, slope: dy * (type(y)(1) - (y + y)),
        ),
        range=(0.0, 1.0),
    ),
    Phi(
        "tanh",  # φ′ = 1 − y²
        formula=lambda a, slope: np.tanh(a),
        numpy=Formulas(
            value=lambda a, slope: np.tanh(a),
            grad=lambda dy, y, slope: dy * (1 - y * y),
            bend=lambda dy, y, slope: dy * (-2 * y),
        ),
        number=Formulas(
            value=_tanh_of_one,
            grad=lambda dy, y, slope: dy * (type(y)(1) - y * y),
            bend=lambda dy, y, slope: dy * -(y + y),
        ),
        range=(-1.0, 1.0),
    ),
    Phi(
        "softplus",  # log(1 + e^a); φ′ = σ(a) = 1 − e^(−y), dφ′/dy = e^(−y)
        formula=lambda a, slope: np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a))),
        numpy=Formulas(
            value=lambda a, slope: -log_sigmoid(-a),
            grad=lambda dy, y, slope: dy * -np.expm1(-y),
            bend=lambda dy, y, slope: dy * np.exp(-y),
        ),
        number=Formulas(
            value=_softplus_of_one,
            grad=lambda dy, y, slope: dy * -expm1(-y),
            bend=lambda dy, y, slope: dy * exp(-y),
        ),
        range=(0.0, inf),
    ),
)

TABLE = {phi.name: phi for phi in _ENTRIES}
"""All entries by name."""

ACTIVATIONS = tuple(TABLE)
"""The names of all φ. Each φ′ is a function of y = φ(a), so a layer keeps only y."""

_CODES = {name: code for code, name in enumerate(ACTIVATIONS)}


def phi_of(name: str) -> Phi:
    """
    Return the activation with this name.

    Raises
    ------
    UnknownNameError
        If there is none.

    Examples
    --------
    The derivatives take y, not a. A scalar formula that is not compiled is plain Python:

    >>> tanh = phi_of("tanh")
    >>> y = tanh.numpy.value(np.array([0.0, 1.0]), 0.0)
    >>> tanh.numpy.grad(1.0, y, 0.0).round(3).tolist()       # 1 − y²
    [1.0, 0.42]
    >>> phi_of("softplus").number.value(-800.0, 0.0), tanh.number.grad(2.0, 0.5, 0.0)
    (0.0, 1.5)
    """
    try:
        return TABLE[name]
    except (KeyError, TypeError):
        raise unknown("activation", name, ACTIVATIONS) from None


def code_of(name: str) -> int:
    """Return the number that stands for a φ in a kernel: its index in ``ACTIVATIONS``."""
    try:
        return _CODES[name]
    except (KeyError, TypeError):
        raise unknown("activation", name, ACTIVATIONS) from None
