"""SpectralNorm: a layer whose weight has the largest singular value 1."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from scratchgan import checks
from scratchgan.backends import Array
from scratchgan.errors import ShapeError
from scratchgan.nn.layer import Cache, Context, Features, Layer, Params

__all__ = ["SpectralNorm", "SpectralNormCache"]

TINY = 1e-30  # under a root: a weight of zeros stays one


class SpectralNormCache(NamedTuple):
    """The cache of SpectralNorm."""

    layer: Cache  # of the layer inside
    weight: Array  # W / σ, (in, out)
    inverse: Array  # 1 / σ, (1, 1)
    u: Array  # after the power step, (1, out)
    v: Array  # (1, in)
    training: bool


class SpectralNorm(Layer):
    """
    A layer such as Linear with W / σ(W) for its weight W (Miyato et al. 2018, arXiv 1802.05957).

    So the layer stretches no difference of two inputs. σ, the largest singular value, is found by
    power iteration, one step in each pass, from the u of earlier steps (§2.1, Algorithm 1):
    v ∝ W u, u ∝ Wᵀ v, σ = vᵀ W u. The steps of the player that owns the layer keep the new u; other
    passes forget it. u is a parameter with zero gradient.

    Backward holds u and v constant. If K is the gradient by W / σ, that by W is
    (K − ⟨K, W / σ⟩ v uᵀ) / σ (eq. 12).

    Parameters
    ----------
    layer : Layer
        With a matrix ``weight`` (in, out) among its parameters, such as Linear.

    Raises
    ------
    ShapeError
        If the layer has no such weight.

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, Linear, SpectralNorm
    >>> rng = np.random.default_rng(0)
    >>> x, dy = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    >>> layer, ctx = SpectralNorm(Linear(3, 2)), Context(training=True)
    >>> params = layer.init(rng, np.float64)
    >>> W, u = params["weight"], params["u"][0]
    >>> v = W @ u / np.linalg.norm(W @ u)
    >>> u = W.T @ v / np.linalg.norm(W.T @ v)
    >>> sigma = v @ W @ u
    >>> K = x.T @ dy                                       # as Linear's, by W / σ
    >>> dW = (K - (K * W / sigma).sum() * np.outer(v, u)) / sigma
    >>> y_layer, cache = layer.forward(params, x, ctx)
    >>> grads = {name: np.zeros_like(a) for name, a in params.items()}
    >>> dx_layer = layer.backward(params, cache, dy, ctx, grads)
    >>> pairs = [(x @ W / sigma, y_layer), (dy @ W.T / sigma, dx_layer), (dW, grads["weight"])]
    >>> all(np.allclose(a, b, rtol=1e-12) for a, b in pairs)
    True

    After some steps the singular value is found:

    >>> for _ in range(20):
    ...     _, cache = layer.forward(params, x, ctx)
    ...     layer.commit(params, cache, ctx)
    >>> round(float(np.linalg.norm(cache.weight, 2)), 12)
    1.0
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = checks.instance("SpectralNorm", "layer", layer, Layer, "a Layer")
        params = layer.init(np.random.default_rng(0), np.float32)
        weight = params.get("weight") if isinstance(params, dict) else None
        if weight is None or weight.ndim != 2:
            raise ShapeError(
                f"SpectralNorm: {layer!r} has no matrix 'weight'; expected a layer such as Linear"
                " (put each Linear of a network into its own SpectralNorm)"
            )
        self.in_features = layer.in_features
        self.random_operations = layer.random_operations
        self.statistics = (*layer.statistics, "u")
        self.mixes_examples = layer.mixes_examples

    def __repr__(self) -> str:
        return f"SpectralNorm({self.layer!r})"

    def init(self, rng: np.random.Generator, dtype: Any) -> Params:
        params = self.layer.init(rng, dtype)
        u = rng.normal(size=(1, params["weight"].shape[1]))
        return params | {"u": (u / np.linalg.norm(u)).astype(dtype)}

    def forward(self, params: Params, x: Array, ctx: Context) -> tuple[Array, SpectralNormCache]:
        ops, weight = ctx.ops, params["weight"]
        v = self._unit(ops.gemm(params["u"], weight, trans_b=True), ctx)
        stretched = ops.gemm(v, weight)  # σ u
        inverse = ops.reciprocal_root(ops.dot_rows(stretched, stretched), TINY)
        u, weight = ops.scale_by(stretched, inverse), ops.scale_by(weight, inverse)
        y, inside = self.layer.forward(self._inside(params, weight), x, ctx)
        return y, SpectralNormCache(inside, weight, inverse, u, v, ctx.training)

    def backward(
        self,
        params: Params,
        cache: SpectralNormCache,
        dy: Array,
        ctx: Context,
        grads: Params | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        ops, inside = ctx.ops, self._inside(params, cache.weight)
        if grads is None:
            return self.layer.backward(inside, cache.layer, dy, ctx, None, need_dx)
        by_normal = ops.zeros(cache.weight.shape, cache.weight.dtype)  # K
        dx = self.layer.backward(
            inside, cache.layer, dy, ctx, self._inside(grads, by_normal), need_dx
        )
        along = ops.reshape(ops.sum_rows(ops.dot_rows(by_normal, cache.weight)), (1, 1))
        outer = ops.gemm(ops.scale_by(cache.v, ops.scale(along, -1.0)), cache.u, trans_a=True)
        dweight = ops.scale_by(ops.add(by_normal, outer), cache.inverse)
        ops.copy_(grads["weight"], ops.add(grads["weight"], dweight))
        return dx

    def jvp(self, params: Params, cache: SpectralNormCache, dx: Array, ctx: Context) -> Array:
        return self.layer.jvp(self._inside(params, cache.weight), cache.layer, dx, ctx)

    def commit(self, params: Params, cache: SpectralNormCache, ctx: Context) -> None:
        self.layer.commit(params, cache.layer, ctx)
        if cache.training:
            ctx.ops.copy_(params["u"], cache.u)

    def output_width(self, in_features: Features) -> Features:
        return self.layer.output_width(in_features)

    def kink_margin(self, params: Params, x: Array, ctx: Context) -> float:
        _, cache = self.forward(params, x, ctx)
        return self.layer.kink_margin(self._inside(params, cache.weight), x, ctx)

    def _inside(self, params: Params, weight: Array) -> Params:
        """Return the parameters, or the gradients, of the layer inside, with another weight."""
        return {name: a for name, a in params.items() if name != "u"} | {"weight": weight}

    def _unit(self, a: Array, ctx: Context) -> Array:
        """Return a / ‖a‖ for a (1, n)."""
        return ctx.ops.scale_by(a, ctx.ops.reciprocal_root(ctx.ops.dot_rows(a, a), TINY))
