"""MinibatchDiscrimination: D sees how close each example is to the others of its batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from scratchgan import checks
from scratchgan.backends import Array
from scratchgan.errors import ShapeError
from scratchgan.nn.initializers import Initializer, constant, initializer, normal
from scratchgan.nn.layer import WIDEST, Context, Features, Layer, Params

__all__ = ["MinibatchDiscrimination", "MinibatchDiscriminationCache"]


class MinibatchDiscriminationCache(NamedTuple):
    """The cache of MinibatchDiscrimination."""

    x: Array  # (batch, features)
    m: Array  # x · T, (batch, kernels · dims)


class MinibatchDiscrimination(Layer):
    """
    y = [x, o + b], where o tells how close an example is to the others (Salimans et al. 2016).

    arXiv 1606.03498, §3.2. M = x · T has ``kernels`` groups of ``dims`` numbers for each example,
    and o_ik = Σ_{j≠i} exp(−‖M_ik − M_jk‖₁). If G's samples collapse to a point, o is large, and D
    sees this. (The paper's sum includes j = i, which adds 1; its code subtracts it, and
    normalises T's kernels, which this layer does not.)

    Backward, with e_ijk the terms of the sum: dM_ik = −Σ_{j≠i} (do_ik + do_jk) e_ijk
    sign(M_ik − M_jk), dT = xᵀ · dM, and dx gets dM · Tᵀ besides its own part of dy.

    Parameters
    ----------
    features : int
    kernels, dims : int
    weight, bias : Initializer
        Of T (features, kernels · dims), by default N(0, 0.05²), and of b, by default −1.

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, MinibatchDiscrimination
    >>> rng = np.random.default_rng(0)
    >>> x, dy = rng.normal(size=(4, 3)), rng.normal(size=(4, 5))
    >>> layer, ctx = MinibatchDiscrimination(3, kernels=2, dims=2), Context()
    >>> params = layer.init(rng, np.float64)
    >>> M = (x @ params["weight"]).reshape(4, 2, 2)        # (batch, kernels, dims)
    >>> apart = M[:, None] - M[None]                       # of i and j
    >>> e = np.exp(-abs(apart).sum(axis=3)) * (1 - np.eye(4))[:, :, None]
    >>> y = np.concatenate([x, e.sum(axis=1) + params["bias"]], axis=1)
    >>> do = dy[:, 3:]
    >>> dM = -((do[:, None] + do[None]) * e)[..., None] * np.sign(apart)
    >>> dM = dM.sum(axis=1).reshape(4, 4)
    >>> dx, dT = dy[:, :3] + dM @ params["weight"].T, x.T @ dM
    >>> y_layer, cache = layer.forward(params, x, ctx)
    >>> grads = {name: np.zeros_like(a) for name, a in params.items()}
    >>> dx_layer = layer.backward(params, cache, dy, ctx, grads)
    >>> pairs = [(y, y_layer), (dx, dx_layer), (dT, grads["weight"])]
    >>> all(np.allclose(a, b, rtol=1e-12) for a, b in pairs)
    True
    """

    mixes_examples = True

    def __init__(
        self,
        features: int,
        kernels: int = 50,
        dims: int = 5,
        *,
        weight: Initializer | None = None,
        bias: Initializer | None = None,
    ) -> None:
        name = "MinibatchDiscrimination"
        self.in_features: int = checks.whole(name, "features", features, 1, WIDEST)
        self.kernels = checks.whole(name, "kernels", kernels, 1, WIDEST)
        self.dims = checks.whole(name, "dims", dims, 1, WIDEST)
        self.weight = normal(0.05) if weight is None else initializer(name, "weight", weight)
        self.bias = constant(-1.0) if bias is None else initializer(name, "bias", bias)

    def __repr__(self) -> str:
        return f"MinibatchDiscrimination({self.in_features} + {self.kernels}, dims={self.dims})"

    def init(self, rng: np.random.Generator, dtype: Any) -> Params:
        return {
            "weight": self.weight(rng, (self.in_features, self.kernels * self.dims), dtype),
            "bias": self.bias(rng, (self.kernels,), dtype),
        }

    def forward(
        self, params: Params, x: Array, ctx: Context
    ) -> tuple[Array, MinibatchDiscriminationCache]:
        self.check_width(x)
        ops = ctx.ops
        m = ops.gemm(x, params["weight"])
        o = ops.add_row(ops.closeness(m, self.dims), params["bias"])
        return ops.concat_columns(x, o), MinibatchDiscriminationCache(x, m)

    def backward(
        self,
        params: Params,
        cache: MinibatchDiscriminationCache,
        dy: Array,
        ctx: Context,
        grads: Params | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        ops, n = ctx.ops, self.in_features
        do = ops.columns(dy, n, n + self.kernels)
        dm = ops.closeness_grad(do, cache.m, self.dims)
        if grads is not None:
            ops.sum_rows(do, out=grads["bias"], accumulate=True)
            ops.gemm(cache.x, dm, trans_a=True, out=grads["weight"], accumulate=True)
        if not need_dx:
            return None
        return ops.add(ops.columns(dy, 0, n), ops.gemm(dm, params["weight"], trans_b=True))

    def jvp(
        self, params: Params, cache: MinibatchDiscriminationCache, dx: Array, ctx: Context
    ) -> Array:
        dm = ctx.ops.gemm(dx, params["weight"])
        return ctx.ops.concat_columns(dx, ctx.ops.closeness(cache.m, self.dims, dm))

    def output_width(self, in_features: Features) -> Features:
        if in_features not in (None, self.in_features):
            raise ShapeError(f"{self!r} got {in_features} features; expected {self.in_features}")
        return self.in_features + self.kernels

    def kink_margin(self, params: Params, x: Array, ctx: Context) -> float:
        m = np.sort(ctx.ops.to_numpy(ctx.ops.gemm(x, params["weight"])), axis=0)
        return float(np.diff(m, axis=0).min(initial=np.inf)) / 2
