"""
Check a backward pass against measured derivatives: of a layer, or of your own function.

``gradcheck`` compares each gradient, ``assert_adjoint`` a layer's two
derivatives with each other. ``scratchgan.testing`` puts these and the rest of a
layer's contract into one call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scratchgan import checks
from scratchgan.gradcheck.adjoint import assert_adjoint
from scratchgan.gradcheck.differences import LEAST_STEP, Settings, check
from scratchgan.gradcheck.problem import LayerAt, function_problem
from scratchgan.gradcheck.report import GradcheckReport, TensorReport
from scratchgan.nn import Context, Layer, Network

__all__ = ["GradcheckReport", "TensorReport", "assert_adjoint", "gradcheck"]


def gradcheck(
    target: Layer | Callable[..., tuple[Any, Mapping[str, Any]]],
    inputs: Any,
    *,
    params: Any = None,
    ctx: Context | None = None,
    mode: str = "full",
    method: str = "central",
    rtol: float | None = None,
    step: float | None = None,
    directions: int = 4,
    seed: int = 0,
) -> GradcheckReport:
    """
    Compare gradients with derivatives measured on the function itself.

    Parameters
    ----------
    target : function or Layer
        A function ``f(**inputs)`` that returns ``(value, gradients)``: one number
        and a mapping with ∂value/∂input for each input, by name. Of a layer,
        f = ⟨u, y⟩ for a fixed random u is checked, with respect to x and to every
        parameter.
    inputs : mapping of str to array, or x
        The point: of a function, its arguments by name; of a layer, x (batch,
        in_features), a pair for ``Concat``. All float64.
    params : Params, optional
        A layer's parameters in float64; its initial ones, shifted a little off their
        zeros, otherwise.
    ctx : Context, optional
        Where and how a layer runs; the reference backend without training otherwise.
    mode : {"full", "directional"}
        ``full`` measures along every entry of every tensor: two evaluations an
        entry. ``directional`` measures each tensor along a few random directions:
        for large networks. It sees less of an error in one entry.
    method : {"central", "complex"}
        Central differences work for any function and leave about 10 digits. The
        complex step leaves about 15, and kinks do not disturb it; f must pass
        complex numbers through (of the backends, the reference does).
    rtol : float, optional
        1e-9 for central differences and 1e-10 for the complex step unless given. An
        entry g may be wrong by rtol · |g| (along a direction, by rtol times at least
        the rms of its tensor), by 64 ε times that rms, and by what the measurement
        cannot resolve: rounding of f over the step, and what it changes from one pair
        of steps to the next. In a complex step that is 8 ε |f|, where |f| of a layer
        is Σ |u y|.
    step : float, optional
        The widest step. Unless given, central differences begin at 2⁻⁹ · max(1, |x|)
        and look for better ones, wider and smaller; the complex step takes 1e-30.
    directions : int
        How many directions a tensor, in directional mode.
    seed : int
        For u, a layer's parameters and the directions.

    Returns
    -------
    GradcheckReport
        Print it, or assert it: it is true where every tensor is ok. An entry whose
        disagreement a kink explains is *inconclusive*, neither ok nor failed. So is
        one whose tolerance would hide a fault of half a per cent (and is above a
        millionth of its tensor's rms), and all of them where rtol is 1 or more.

    Raises
    ------
    ShapeError
        If an array or the value is not float64 (a float32 difference is wrong by
        about 1e-4), is empty, or a gradient's shape, name or dtype is not its input's.
    DataError
        If an input is not finite, or masked.
    TypeError
        If a function's inputs are no mapping, it returns something else, or, with
        ``method="complex"``, does not take complex numbers.
    ValueError
        If the function gives two values at one point: its random numbers must be fixed.
        If rtol is negative, or another argument is none of its kind.
    UnknownNameError
        For another mode or method.

    Notes
    -----
    Beside a large f, small derivatives drown in its rounding: the report says how much
    of them is resolved. Then the complex step tests more.

    Examples
    --------
    Your own backward pass, and one with a sign slip:

    >>> def loss(x, w):
    ...     y = np.tanh(x @ w)
    ...     da = y * (1 - y**2)
    ...     return (y**2).sum() / 2, {"x": da @ w.T, "w": -x.T @ da}
    >>> report = gradcheck(loss, {"x": np.ones((2, 3)), "w": np.full((3, 1), 0.25)})
    >>> [(t.name, t.status) for t in report.tensors], bool(report)
    ([('x', 'ok'), ('w', 'FAILED')], False)

    A layer:

    >>> from scratchgan.nn import Linear
    >>> bool(gradcheck(Linear(3, 2, "tanh"), np.ones((4, 3)), method="complex"))
    True
    """
    who = "gradcheck"
    checks.one_of("mode", mode, ["full", "directional"])
    checks.one_of("method", method, ["central", "complex"])
    directions = checks.whole(who, "directions", directions, 1)
    if step is not None:
        step = checks.number(who, "step", step, LEAST_STEP)
    if rtol is not None:
        rtol = checks.number(who, "rtol", rtol, 0)
    seed = checks.seed(who, "seed", seed)
    rng = np.random.default_rng(seed)
    settings = Settings(mode, method, rtol, step, directions)
    if isinstance(target, Layer):
        at = LayerAt(target, inputs, params, ctx, rng)
        return check(at.problem(rng.standard_normal(at.y.shape)), settings, rng)
    if params is not None or ctx is not None:
        raise TypeError("gradcheck: params and ctx belong to a Layer; a function has inputs alone")
    if isinstance(target, Network):
        raise TypeError(
            "gradcheck: target is a Network; expected its layer, with its parameters in float64:"
            " gradcheck(net.layer, x, params=net.in_float64().params)"
        )
    checks.function(
        who, "target", target, "a Layer or a function, f(**inputs) -> (value, gradients)"
    )
    return check(function_problem(target, inputs), settings, rng)
