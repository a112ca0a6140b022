"""
Compare jvp with backward, and jvp with measured differences.

The second comparison is needed because jvp and backward may have the same error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgan import checks
from scratchgan.gradcheck.differences import Measurement, check
from scratchgan.gradcheck.problem import Arrays, LayerAt, Problem, dot
from scratchgan.nn import Context, Layer

__all__ = ["assert_adjoint"]


def assert_adjoint(
    layer: Layer,
    x: Any,
    *,
    params: Any = None,
    ctx: Context | None = None,
    method: str = "central",
    rtol: float = 1e-12,
    directions: int = 4,
    seed: int = 0,
) -> None:
    """
    Assert that jvp is the derivative of a layer's forward, and that backward is its transpose.

    Let J = ∂y/∂x, and u and v be random. Then ⟨u, J v⟩ from ``jvp`` must equal ⟨Jᵀ u, v⟩ from
    ``backward`` to rounding, and J v must equal the measured derivative of y along v.

    Parameters
    ----------
    layer : Layer
    x : array (batch, in_features), float64, or a pair of such arrays for ``Concat``
    params : Params, optional
        Parameters in float64. The default is the initial parameters plus small random numbers.
    ctx : Context, optional
        Where and how the layer runs. The default is the reference backend, not in training.
    method : {"central", "complex"}
        How the derivative of y along v is measured.
    rtol : float
        Tolerance of the identity, relative to the sum of the absolute values of its terms.
    directions : int
        Number of pairs (u, v).
    seed : int
        Seed for params, u and v.

    Raises
    ------
    AssertionError
        If they disagree, or if x is too near a kink for central differences.
    ShapeError
        If an array is not float64, or if the shape of jvp's result or dx is wrong.
    ValueError
        If an argument is invalid.

    Examples
    --------
    >>> from scratchgan.nn import Linear
    >>> assert_adjoint(Linear(3, 2, "tanh"), np.ones((5, 3)))
    """
    who = "assert_adjoint"
    checks.instance(who, "layer", layer, Layer, "a Layer")
    checks.one_of("method", method, ["central", "complex"])
    rtol = checks.number(who, "rtol", rtol, 0)
    directions = checks.whole(who, "directions", directions, 1)
    rng = np.random.default_rng(checks.seed(who, "seed", seed))
    at = LayerAt(layer, x, params, ctx, rng)
    for _ in range(directions):
        u = rng.standard_normal(at.y.shape)
        v: Arrays = {name: rng.standard_normal(at.point[name].shape) for name in at.inputs}
        dy, dx = at.jvp(v), at.backward(u)
        left, right = dot(u, dy), sum(dot(dx[name], v[name]) for name in v)
        terms = dot(abs(u), abs(dy)) + sum(dot(abs(dx[name]), abs(v[name])) for name in v)
        if not abs(left - right) <= rtol * terms < np.inf:
            raise AssertionError(
                f"{layer!r}: jvp and backward are not adjoint:"
                f" ⟨u, jvp(v)⟩ = {left:.17g}, ⟨backward(u), v⟩ = {right:.17g}"
            )
        along = _along(at, u, v, left)
        report = check(along, Measurement(method=method), rng)
        if not report.ok:
            raise AssertionError(str(report))


def _along(at: LayerAt, u: Any, v: Arrays, slope: float) -> Problem:
    """Return the problem t → ⟨u, y(x + t v)⟩ at t = 0, with the claimed derivative ``slope``."""

    def value(arrays: Arrays) -> Any:
        moved = {name: at.point[name] + arrays["t"] * v[name] for name in v}
        return dot(u, at.output({**at.point, **moved}))

    return Problem(
        f"jvp of {at.layer!r} along a random v",
        {"t": np.zeros(())},
        value,
        {"t": np.array(slope)},
        dot(abs(u), abs(at.y)),
        at.margin(),
    )
