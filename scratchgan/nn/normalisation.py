"""What the normalisation layers share: a scale and a bias for each feature."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from scratchgan import checks
from scratchgan.backends import Array
from scratchgan.errors import ShapeError
from scratchgan.nn.layer import WIDEST, Context, Features, Layer, Params

__all__ = ["Normalisation"]


class Normalisation(Layer):
    """
    y = γ ⊙ n + β, where n is x normalised: a subclass says how.

    Backward: dγ = Σ_batch dy ⊙ n, dβ = Σ_batch dy, and dx from dn = dy ⊙ γ.

    Parameters
    ----------
    features : int
    eps : float
        Added to the variance, above 0.
    scale, bias : bool
        Whether there are γ (initially 1) and β (initially 0).
    """

    def __init__(self, features: int, eps: float, scale: bool, bias: bool) -> None:
        name = type(self).__name__
        self.in_features: int = checks.whole(name, "features", features, 1, WIDEST)
        self.eps = checks.number(name, "eps", eps, 0, 1, above=True)
        self.scale = checks.flag(name, "scale", scale)
        self.bias = checks.flag(name, "bias", bias)

    def __repr__(self) -> str:
        lacks = [name for name in ("scale", "bias") if not getattr(self, name)]
        without = "".join(f", {name}=False" for name in lacks)
        return f"{type(self).__name__}({self.in_features}{without})"

    def init(self, rng: np.random.Generator, dtype: Any) -> Params:
        given = {"scale": (self.scale, np.ones), "bias": (self.bias, np.zeros)}
        return {n: make(self.in_features, dtype) for n, (has, make) in given.items() if has}

    @abstractmethod
    def normal(self, params: Params, x: Array, ctx: Context) -> tuple[Array, Any]:
        """Return n and the layer's cache."""

    @abstractmethod
    def normal_back(self, cache: Any, dn: Array, ctx: Context) -> Array:
        """Return dx for dn."""

    def normal_jvp(self, cache: Any, dx: Array, ctx: Context) -> Array:
        """Return dn for dx; the default is for a Jacobian that is symmetric."""
        return self.normal_back(cache, dx, ctx)

    def forward(self, params: Params, x: Array, ctx: Context) -> tuple[Array, Any]:
        self.check_width(x)
        y, cache = self.normal(params, x, ctx)
        if self.scale:
            y = ctx.ops.multiply_row(y, params["scale"])
        if self.bias:
            y = ctx.ops.add_row(y, params["bias"])
        return y, cache

    def backward(
        self,
        params: Params,
        cache: Any,
        dy: Array,
        ctx: Context,
        grads: Params | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        ops = ctx.ops
        if grads is not None and self.scale:
            ops.sum_rows(ops.multiply(dy, cache.normal), out=grads["scale"], accumulate=True)
        if grads is not None and self.bias:
            ops.sum_rows(dy, out=grads["bias"], accumulate=True)
        if not need_dx:
            return None
        dn = ops.multiply_row(dy, params["scale"]) if self.scale else dy
        return self.normal_back(cache, dn, ctx)

    def jvp(self, params: Params, cache: Any, dx: Array, ctx: Context) -> Array:
        dn = self.normal_jvp(cache, dx, ctx)
        return ctx.ops.multiply_row(dn, params["scale"]) if self.scale else dn

    def output_width(self, in_features: Features) -> Features:
        if in_features not in (None, self.in_features):
            raise ShapeError(f"{self!r} got {in_features} features; expected {self.in_features}")
        return self.in_features
