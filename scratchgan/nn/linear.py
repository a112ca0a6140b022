"""Linear: y = φ(x · W + b), with a fused activation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from scratchgan import checks
from scratchgan.backends import ACTIVATIONS, Array
from scratchgan.backends.activations import phi_of
from scratchgan.errors import ShapeError
from scratchgan.nn.initializers import Initializer, glorot, initializer, zeros
from scratchgan.nn.layer import WIDEST, Context, Features, Layer, Params

__all__ = ["Linear", "LinearCache"]


class LinearCache(NamedTuple):
    """The cache of Linear."""

    x: Array  # (batch, in_features)
    y: Array  # (batch, out_features); φ′ is computed from it


class Linear(Layer):
    """
    y = φ(x · W + b), with W (in_features, out_features) and b (out_features,).

    Backward, for da = dy ⊙ φ′: dW = xᵀ · da, db = Σ_batch da, dx = da · Wᵀ.

    Parameters
    ----------
    in_features, out_features : int
    activation : str
        One of ``scratchgan.backends.ACTIVATIONS``, computed in the same operation as the
        product; the default is ``"identity"``.
    slope : float
        In [0, 1); used if the activation has a slope.
    weight, bias : Initializer
        See ``scratchgan.nn.initializers``; the defaults are Glorot and zeros.

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, Linear
    >>> rng = np.random.default_rng(0)
    >>> x, dy = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    >>> layer, ctx = Linear(3, 2, activation="tanh"), Context()
    >>> params = layer.init(rng, np.float64)
    >>> W, b = params["weight"], params["bias"]
    >>> y = np.tanh(x @ W + b)
    >>> da = dy * (1 - y**2)
    >>> dW, db, dx = x.T @ da, da.sum(axis=0), da @ W.T
    >>> y_layer, cache = layer.forward(params, x, ctx)
    >>> grads = {"weight": np.zeros((3, 2)), "bias": np.zeros(2)}
    >>> dx_layer = layer.backward(params, cache, dy, ctx, grads)
    >>> pairs = [(y, y_layer), (dW, grads["weight"]), (db, grads["bias"]), (dx, dx_layer)]
    >>> all(np.allclose(a, b, rtol=1e-13) for a, b in pairs)
    True
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: str = "identity",
        *,
        slope: float = 0.2,
        weight: Initializer | None = None,
        bias: Initializer | None = None,
    ) -> None:
        self.in_features: int = checks.whole("Linear", "in_features", in_features, 1, WIDEST)
        self.out_features = checks.whole("Linear", "out_features", out_features, 1, WIDEST)
        self.activation = checks.one_of("activation", activation, ACTIVATIONS)
        self.slope = checks.number("Linear", "slope", slope, 0, 1, below=True)
        self.weight = glorot() if weight is None else initializer("Linear", "weight", weight)
        self.bias = zeros() if bias is None else initializer("Linear", "bias", bias)

    def __repr__(self) -> str:
        name = "" if self.activation == "identity" else f", {self.activation}"
        return f"Linear({self.in_features} → {self.out_features}{name})"

    def init(self, rng: np.random.Generator, dtype: Any) -> Params:
        return {
            "weight": self.weight(rng, (self.in_features, self.out_features), dtype),
            "bias": self.bias(rng, (self.out_features,), dtype),
        }

    def forward(self, params: Params, x: Array, ctx: Context) -> tuple[Array, LinearCache]:
        self.check_width(x)
        y = ctx.ops.linear(x, params["weight"], params["bias"], self.activation, self.slope)
        return y, LinearCache(x, y)

    def backward(
        self,
        params: Params,
        cache: LinearCache,
        dy: Array,
        ctx: Context,
        grads: Params | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        ops = ctx.ops
        dbias = None if grads is None else grads["bias"]
        da = ops.activation_grad_bias(dy, cache.y, self.activation, self.slope, dbias)
        if grads is not None:
            ops.gemm(cache.x, da, trans_a=True, out=grads["weight"], accumulate=True)
        return ops.gemm(da, params["weight"], trans_b=True) if need_dx else None

    def jvp(self, params: Params, cache: LinearCache, dx: Array, ctx: Context) -> Array:
        da = ctx.ops.gemm(dx, params["weight"])
        return ctx.ops.activation_grad_bias(da, cache.y, self.activation, self.slope)

    def output_width(self, in_features: Features) -> Features:
        if in_features not in (None, self.in_features):
            raise ShapeError(f"{self!r} got {in_features} features; expected {self.in_features}")
        return self.out_features

    def kink_margin(self, params: Params, x: Array, ctx: Context) -> float:
        a = ctx.ops.linear(x, params["weight"], params["bias"])
        return phi_of(self.activation).margin(ctx.ops.to_numpy(a))
