"""
Check the backward pass of a layer, or of your own function, against measured derivatives.

``gradcheck`` compares each gradient with a measurement. ``assert_adjoint`` compares a layer's
two derivatives, jvp and backward, with each other. ``gradgradcheck`` checks the gradient of a
penalty on a gradient. ``scratchgan.testing.check_layer`` does both
and checks the rest of a layer's contract.

The package can be called itself: ``sg.gradcheck(...)`` is the function of that name.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from scratchgan import checks
from scratchgan.gradcheck.adjoint import assert_adjoint
from scratchgan.gradcheck.differences import LEAST_STEP, Measurement, check
from scratchgan.gradcheck.problem import LayerAt, function_problem
from scratchgan.gradcheck.report import GradcheckReport, TensorReport
from scratchgan.gradcheck.second_order import gradgradcheck
from scratchgan.nn import Context, Layer, Network

__all__ = ["GradcheckReport", "TensorReport", "assert_adjoint", "gradcheck", "gradgradcheck"]


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
    Compare gradients with derivatives that are measured on the function itself.

    Parameters
    ----------
    target : function or Layer
        A function ``f(**inputs)`` that returns ``(value, gradients)``: a number, and a mapping
        from each input's name to ∂value/∂input. For a layer, the function is f = ⟨u, y⟩ with a
        fixed random u, and its inputs are x and every parameter.
    inputs : mapping of str to array, or x
        The point, in float64: a function's arguments by name, or a layer's x (batch,
        in_features), which is a pair for ``Concat``.
    params : Params, optional
        A layer's parameters in float64. The default is its initial parameters plus small
        random numbers.
    ctx : Context, optional
        Where and how a layer runs. The default is the reference backend, not in training.
    mode : {"full", "directional"}
        ``full`` measures the derivative by every entry of every tensor, with two evaluations
        each. ``directional`` measures along a few random directions in each tensor; it suits
        large networks, but is less sensitive to an error in one entry.
    method : {"central", "complex"}
        Central differences work for any function and give about 10 digits. The complex step
        gives about 15 digits and is not disturbed by kinks, but f must accept complex numbers
        (of the backends, only the reference does).
    rtol : float, optional
        Relative tolerance; by default 1e-9 for central differences and 1e-10 for the complex
        step. The allowed error of an entry g is the sum of three parts: rtol · |g| (along a
        direction, rtol times at least the tensor's rms); 64 ε times that rms; and the error of
        the measurement. The error of a central difference is the rounding of f over the step,
        plus the change of the result from one pair of steps to the next. The error of the
        complex step is 8 ε |f|, where |f| of a layer is Σ |u y|.
    step : float, optional
        The widest step. By default central differences start at 2⁻⁹ · max(1, |x|) and search
        for a better step, wider or smaller. The complex step is 1e-30 by default.
    directions : int
        Number of directions for each tensor in directional mode.
    seed : int
        Seed for u, a layer's parameters and the directions.

    Returns
    -------
    GradcheckReport
        Print it or assert it: it is true if every tensor is ok. Some entries are
        *inconclusive*, neither ok nor failed: an entry whose error a kink explains; an entry
        whose tolerance would hide an error of half a per cent (and is above a millionth of the
        tensor's rms); and all entries if rtol is 1 or more.

    Raises
    ------
    ShapeError
        If an array or the value is not float64 (float32 differences have errors of about
        1e-4) or is empty, or if a gradient's shape, name or dtype differs from its input's.
    DataError
        If an input is not finite, or is a masked array.
    TypeError
        If a function's inputs are not a mapping, if it does not return (value, gradients), or
        if it does not accept complex numbers with ``method="complex"``.
    ValueError
        If the function gives two different values at one point (fix its random numbers), if
        rtol is negative, or if another argument is invalid.
    UnknownNameError
        If the mode or the method is unknown.

    Notes
    -----
    If f is large, rounding hides small derivatives. The report then states the precision of the
    measurement, and the complex step tests more.

    Examples
    --------
    Your own backward pass, with a wrong sign in the gradient of w:

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
    how = Measurement(mode, method, rtol, step, directions)
    if isinstance(target, Layer):
        at = LayerAt(target, inputs, params, ctx, rng)
        return check(at.problem(rng.standard_normal(at.y.shape)), how, rng)
    if params is not None or ctx is not None:
        raise TypeError("gradcheck: params and ctx are for a Layer; a function has only inputs")
    if isinstance(target, Network):
        raise TypeError(
            "gradcheck: target is a Network; expected its layer, with its parameters in float64:"
            " gradcheck(net.layer, x, params=net.in_float64().params)"
        )
    checks.function(
        who, "target", target, "a Layer or a function, f(**inputs) -> (value, gradients)"
    )
    return check(function_problem(target, inputs), how, rng)


class _Callable(ModuleType):
    """A module that can be called: the package's attribute ``gradcheck`` is a module."""

    __signature__ = inspect.signature(gradcheck)

    def __call__(self, *args: Any, **kwargs: Any) -> GradcheckReport:
        return gradcheck(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
