"""
Second order by hand: the gradient, by D's parameters, of a penalty on D's gradient by its input.

Let g = ∇ₓ Σᵢ D(xᵢ) and P(g) a penalty, with v = ∂P/∂g. Let dy = ∂L/∂y for a loss L of D's
outputs. Move the input by ε v and the cotangent of the outputs, which is 1 for g, by ε dy. Then D's
own backward pass gives a gradient by the parameters whose ε-part is ∂L/∂θ + ∂P/∂θ:

    ∂/∂ε ∂/∂θ Σᵢ (1 + ε dyᵢ) D(xᵢ + ε vᵢ) = Σᵢ dyᵢ ∂D(xᵢ)/∂θ + ∂/∂θ Σᵢ vᵢ · ∇ₓD(xᵢ),

where v is held fixed: exactly the gradient of L + P, by the chain rule. So no layer needs a second
derivative of its own: ``forward`` and ``backward`` run again, on dual numbers
(``scratchgan.backends.dual``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scratchgan.backends import Array
from scratchgan.backends.dual import Dual, DualBackend, GradientTangent, Tape
from scratchgan.nn.layer import Cache, Context, Layer, Params
from scratchgan.nn.trees import leaves, rebuilt

__all__ = ["Passed", "first_output", "forward_taped"]


def forward_taped(layer: Layer, params: Params, x: Any, ctx: Context) -> tuple[Array, Passed]:
    """
    Run a layer forward so that its gradient by the input can be differentiated afterwards.

    Parameters
    ----------
    layer : Layer
    params : Params
    x : Array, (batch, features), or a tuple whose first part is the sample
        In a pair (sample, label), the gradient is that by the sample.
    ctx : Context

    Returns
    -------
    y : Array, (batch, outputs)
    passed : Passed
        The pass, with ``input_gradient`` and ``backward``.

    Examples
    --------
    R1's gradient of D(x) = w · tanh(x) in NumPy: P = ½ mean ‖g‖², with g = w (1 − tanh² x):

    >>> import numpy as np
    >>> from scratchgan.nn import Context, Linear, Sequential, Tanh
    >>> from scratchgan.nn.second_order import forward_taped
    >>> x, layer = np.array([[0.5], [-1.0]]), Sequential(Tanh(), Linear(1, 1))
    >>> params = layer.init(np.random.default_rng(0), np.float64)
    >>> slope = 1 - np.tanh(x) ** 2
    >>> dw = (params[1]["weight"] * slope**2).mean()
    >>> y, passed = forward_taped(layer, params, x, Context())
    >>> g = passed.input_gradient()
    >>> grads = ({}, {"weight": np.zeros((1, 1)), "bias": np.zeros(1)})
    >>> passed.backward(None, g / len(x), grads)          # v = ∂P/∂g = g / batch
    >>> bool(np.allclose(grads[1]["weight"], dw, rtol=1e-14)), grads[1]["bias"].tolist()
    (True, [0.0])
    """
    passed = Passed(layer, params, x, ctx)
    return passed.y, passed


class Passed:
    """
    A forward pass of a layer, with what second order needs of it; ``forward_taped`` makes it.

    Attributes
    ----------
    y : Array, (batch, outputs)
    cache : Cache
        For the layer's own ``backward``.
    """

    def __init__(self, layer: Layer, params: Params, x: Any, ctx: Context) -> None:
        self._layer, self._params, self._x = layer, params, x
        self._ctx, self._tape = ctx, Tape(ctx.ops)
        self.y: Array
        self.cache: Cache
        self.y, self.cache = layer.forward(params, x, self._on(self._tape))
        self._one = first_output(self.y, ctx)

    def input_gradient(self) -> Array:
        """Return g = ∇ₓ of the sum over the batch of the first output, (batch, features)."""
        ctx = self._on(self._tape)
        dx = self._layer.backward(self._params, self.cache, self._one, ctx)
        return next(leaves(dx))

    def backward(self, dy: Array | None, v: Array | None, grads: Params) -> None:
        """
        Add the gradient of loss and penalty by the parameters into ``grads``.

        Parameters
        ----------
        dy : Array, (batch, outputs), or None
            ∂L/∂y of a loss of the outputs; None if there is no loss.
        v : Array, (batch, features), or None
            ∂P/∂g of a penalty on ``input_gradient``; None if there is no penalty.
        grads : Params
        """
        x, *rest = leaves(self._x)
        moved = rebuilt(self._x, [x if v is None else Dual(x, v), *rest])
        ops = DualBackend(self._tape)
        cotangent = self._one
        if dy is not None:  # with one output, dy = dy ⊙ 1: a factor for each example
            one_output = dy.shape[1] == 1
            cotangent = ops.row_scaled(self._one, dy) if one_output else Dual(self._one, dy)
        ctx = self._on(ops)
        into = rebuilt(grads, map(GradientTangent, leaves(grads)))
        _, cache = self._layer.forward(self._params, moved, ctx)
        self._layer.backward(self._params, cache, cotangent, ctx, into, need_dx=False)

    def _on(self, ops: Any) -> Context:
        return replace(self._ctx, ops=ops)


def first_output(y: Array, ctx: Context) -> Array:
    """Return the cotangent that picks the sum of the first output: 1 there and 0 elsewhere."""
    ops, (batch, outputs) = ctx.ops, y.shape
    one = ops.empty((batch, 1), y.dtype)
    ops.fill_(one, 1.0)
    if outputs == 1:
        return one
    return ops.concat_columns(one, ops.zeros((batch, outputs - 1), y.dtype))
